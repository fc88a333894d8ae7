"""The audit, a page at a time, on both databases."""

from datetime import timedelta

from authdeck.storage.database import Database, WriteConnection
from authdeck.storage.reading import audit
from authdeck.storage.reading.audit import AuditSearch
from authdeck.storage.writing import audit as writing
from fakes.clock import NOON


def test_pages_follow_one_another_newest_first(database: Database) -> None:
    def work(connection: WriteConnection) -> None:
        for number in range(5):
            writing.append(
                connection, lambda _content: "0" * 64, writer="a" * 32, at=NOON + timedelta(minutes=number // 2),
                actor="ann", what="account:lock:placed", target=str(number), before=None, after=None, batch=None,
            )  # fmt: skip

    database.write_now(work)
    seen: list[str] = []
    cursor = None
    for size in (2, 2, 1):
        search = AuditSearch(page_size=2, cursor=cursor)
        page = database.read_now(lambda connection, search=search: audit.page(connection, search))
        assert len(page.items) == size
        seen += [entry.target for entry in page.items]
        cursor = page.next
    assert cursor is None
    assert seen == ["4", "3", "2", "1", "0"]
