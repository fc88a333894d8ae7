"""``column IN (many values)`` of one statement that is made once and asked with lists of any length.

SQLite writes the list out. On PostgreSQL it is one array: written out, the list was parsed anew for each question by
SQLAlchemy, psycopg and the server, which took a third of a batch's CPU time.
"""

from typing import Any

from sqlalchemy import ARRAY, Boolean, ColumnElement, String, Text, any_, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class Among(FunctionElement[bool]):
    """Whether ``column`` is one of the values that the statement is asked with under ``name``."""

    name = "among"
    type = Boolean()
    inherit_cache = True

    def __init__(self, column: ColumnElement[Any], name: str = "wanted") -> None:
        super().__init__(column, bindparam(name))

    def self_group(self, against: Any = None) -> Any:  # noqa: ARG002 - SQLAlchemy's signature
        """A condition by itself: SQLAlchemy would compare it with 1 on SQLite, and no index could be used."""
        return self


@compiles(Among)
def _written_out(element: Among, compiler: SQLCompiler, **options: Any) -> str:
    column, wanted = element.clauses
    return compiler.process(column.in_(bindparam(wanted.key, expanding=True)), **options)


@compiles(Among, "postgresql")
def _as_one_array(element: Among, compiler: SQLCompiler, **options: Any) -> str:
    column, wanted = element.clauses
    kind = Text() if isinstance(column.type, String) else column.type  # a cast to a length would cut longer values off
    return compiler.process(column == any_(bindparam(wanted.key, type_=ARRAY(kind))), **options)
