"""Terms and approved origins: who decided, in force at once, and taken back as easily."""

import pytest

from authdeck.errors import DeckError, NotFound
from authdeck.operations import terms, upstreams
from authdeck.operations.desk import Desk
from authdeck.storage.reading import terms as reading
from authdeck.storage.reading.upstreams import approved
from fakes.auth_files import codex, take_in
from fakes.people import ANN


async def test_acknowledging_is_in_force_before_the_call_returns(desk: Desk) -> None:
    await take_in(desk, ("ann.json", codex()))
    (entry,) = desk.directory.entries()
    assert [reason.code for reason in desk.directory.reasons(entry, desk.now())] == ["terms_not_acknowledged"]
    await terms.acknowledge(desk, "codex", ANN)
    assert desk.directory.reasons(entry, desk.now()) == []
    decision = (await desk.read(reading.acknowledged))["codex"]
    assert (decision.operator, decision.text_version, decision.at) == ("ann", "2026-11", desk.now())


async def test_withdrawing_puts_it_back(desk: Desk) -> None:
    await take_in(desk, ("ann.json", codex()))
    await terms.acknowledge(desk, "codex", ANN)
    await terms.withdraw(desk, "codex", ANN)
    (entry,) = desk.directory.entries()
    assert [reason.owner for reason in desk.directory.reasons(entry, desk.now())] == ["terms"]
    assert await desk.read(reading.acknowledged) == {}


@pytest.mark.parametrize("provider", ["gemini", "openai_compatible", "nobody"])
async def test_only_subscriptions_have_terms(desk: Desk, provider: str) -> None:
    with pytest.raises(DeckError, match="terms_not_needed"):
        await terms.acknowledge(desk, provider, ANN)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://API.example.com/v1/", "https://api.example.com"),
        ("https://api.example.com:443", "https://api.example.com"),
        ("http://127.0.0.1:9999/v1", "http://127.0.0.1:9999"),
    ],
)
async def test_an_origin_is_approved_as_scheme_host_and_port(desk: Desk, url: str, origin: str) -> None:
    assert await upstreams.approve(desk, url, ANN, private=True) == origin
    (row,) = await desk.read(approved)
    assert (row.origin, row.private, row.approved_by) == (origin, True, "ann")
    await upstreams.withdraw(desk, url, ANN)
    assert await desk.read(approved) == []


@pytest.mark.parametrize("url", ["ftp://example.com", "https://ann:pw@example.com", "example.com", "https://"])
async def test_what_is_no_origin_is_refused(desk: Desk, url: str) -> None:
    with pytest.raises(DeckError, match="url_invalid"):
        await upstreams.approve(desk, url, ANN)


async def test_withdrawing_what_is_not_approved_says_so(desk: Desk) -> None:
    with pytest.raises(NotFound, match="upstream_not_found"):
        await upstreams.withdraw(desk, "https://api.example.com", ANN)
