"""The two databases, and the columns that many tables have."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Dialect, ForeignKey, Integer, MetaData, TypeDecorator

from authdeck.clock import from_micros, to_micros

_NAMES: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

control: Final = MetaData(naming_convention=_NAMES)
monitoring: Final = MetaData(naming_convention=_NAMES)


class Moment(TypeDecorator[datetime]):
    """An aware UTC moment, stored as microseconds since 1970."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        del dialect
        return None if value is None else to_micros(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        del dialect
        return None if value is None else from_micros(value)


def key_column() -> Column[int]:
    # SQLite numbers a row only where the key's type is INTEGER; PostgreSQL takes BIGINT.
    return Column("key", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)


def account_column(**options: Any) -> Column[int]:
    return Column("account", BigInteger, ForeignKey("accounts.key"), nullable=False, **options)
