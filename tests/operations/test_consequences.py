"""What stops serving, told before it is done."""

from authdeck.operations import consequences, disable, edit_accounts, terms
from authdeck.operations.consequences import Supply
from authdeck.operations.desk import Desk
from fakes.auth_files import take_in
from fakes.crowd import crowd
from fakes.people import ANN


async def test_it_counts_what_serves_now_and_afterwards(desk: Desk) -> None:
    indexes = await crowd(desk, 4)
    await terms.acknowledge(desk, "codex", ANN)
    await disable.disable(desk, indexes[0], ANN)
    for index in indexes[:3]:
        await edit_accounts.edit(desk, index, ANN, {"prefix": "team"}, version=None)
    found = await consequences.of(desk, indexes[:3])
    assert found.serving == 2
    assert found.supplies == (Supply("prefix", "team", 2, 0), Supply("provider", "codex", 3, 1))
    assert [one.ends for one in found.supplies] == [True, False]


async def test_what_does_not_serve_anyway_ends_nothing(desk: Desk) -> None:
    indexes = await crowd(desk, 2)  # nobody acknowledged the terms
    assert await consequences.of(desk, indexes) == consequences.Consequences(0, ())


async def test_other_providers_are_left_out(desk: Desk) -> None:
    await take_in(desk, ("key.json", b'{"type": "claude", "api_key": "sk-ant-FAKE"}'))
    indexes = await crowd(desk, 1)
    await terms.acknowledge(desk, "codex", ANN)
    assert (await consequences.of(desk, indexes)).supplies == (Supply("provider", "codex", 1, 0),)
