"""``Among`` finds what a list written out finds, and by the same index."""

import pytest
from sqlalchemy import and_, insert, or_, select, text

from authdeck.storage.among import Among
from authdeck.storage.database import Database
from authdeck.storage.tables import names

KIND = "model"
MANY = [f"model-{number}" for number in range(2000)]


@pytest.fixture
def filled(monitoring: Database) -> Database:
    rows = [{"kind": KIND, "text": name} for name in MANY]
    monitoring.write_now(lambda c: c.execute(insert(names), rows))
    return monitoring


@pytest.mark.parametrize("wanted", [[], ["model-7"], ["model-7", "model-7" + "x" * 300], MANY], ids=len)
def test_it_works(filled: Database, wanted: list[str]) -> None:
    mine = names.c.kind == KIND
    for where in (Among(names.c.text), and_(mine, Among(names.c.text)), or_(Among(names.c.text), names.c.id == -1)):
        found = filled.read_now(lambda c, where=where: c.execute(select(names.c.text).where(where), {"wanted": wanted}))
        assert sorted(found.scalars()) == sorted({*wanted} & {*MANY})


def test_it_goes_by_the_index(filled: Database) -> None:
    if not filled.is_sqlite:
        return
    for where in (Among(names.c.id), and_(names.c.kind == KIND, Among(names.c.id))):
        asked = select(names).where(where).params(wanted=[1, 2])
        plain = asked.compile(filled.engine, compile_kwargs={"literal_binds": True})
        plan = filled.read_now(lambda c, plain=plain: c.execute(text(f"EXPLAIN QUERY PLAN {plain}")).all())
        assert [row.detail.split()[0] for row in plan] == ["SEARCH"]
