"""Whatever a table keeps of an account goes when the account is purged."""

from authdeck.storage.tables import accounts, batch_items, logins
from authdeck.storage.writing.purging import GONE


def test_every_table_that_points_to_an_account_is_thought_of() -> None:
    pointing = {key.parent.table for table in accounts.metadata.sorted_tables for key in table.foreign_keys
                if key.column is accounts.c.key}  # fmt: skip
    assert pointing - {accounts} == {*GONE, logins, batch_items}
