"""Nothing that a sign-in passes through is left in the open: not in a log, the audit, a row, an event, an error."""

import logging
from collections.abc import Iterable
from urllib.parse import parse_qs, urlsplit

import pytest

from authdeck.errors import DeckError
from authdeck.operations.desk import Desk
from authdeck.operations.log_in import Logins
from authdeck.operations.login_now import LoginNow
from authdeck.providers.signing_in import Way
from authdeck.simulator import Simulator
from authdeck.storage.tables import control
from fakes.sign_ins import Pauses, came_back, until
from operations.logins.conftest import ENDS, HERE

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""What logins ask of a database is asked of both in ``test_log_in.py``."""

WAYS = [
    ("codex", Way.BROWSER),
    ("claude", Way.BROWSER),
    ("antigravity", Way.BROWSER),
    ("codex", Way.DEVICE),
    ("kimi", Way.DEVICE),
    ("xai", Way.DEVICE),
]
SENT = ("code", "code_verifier", "state", "device_code", "device_auth_id", "refresh_token", "client_secret")
FOREIGN = ("httpx", "httpcore", "aiohttp.access")
"""Logs of the tests' own browser."""


async def everything(desk: Desk) -> str:
    """All rows of all tables, as they lie on the disk."""
    return await desk.read(
        lambda connection: "\n".join(str(connection.execute(table.select()).all()) for table in control.sorted_tables)
    )


def sent(simulator: Simulator) -> set[str]:
    """What was sent to the provider in confidence."""
    documents = [seen.asked.document for seen in simulator.seen()]
    return {str(said[name]) for said in documents for name in SENT if said.get(name)}


def leaks(secrets: Iterable[str], told: Iterable[str]) -> list[str]:
    texts = list(told)
    return [secret for secret in secrets if any(secret in text for text in texts)]


@pytest.mark.parametrize("end", ["done", "failed"])
@pytest.mark.parametrize(("provider", "way"), WAYS)
async def test_nothing_is_told(
    desk: Desk, logins: Logins, simulator: Simulator, pauses: Pauses, caplog, provider: str, way: Way, end: str
) -> None:
    caplog.set_level(logging.DEBUG)
    ann = simulator.account(provider, "ann@example.com")
    simulator.approve(ann)
    now = await logins.begin(provider, HERE, way=way)
    told, secrets = [repr(now), await everything(desk)], {now.user_code} if now.user_code else set()
    if now.url is not None:
        back = await came_back(now.url)
        secrets |= {value for values in parse_qs(urlsplit(back).query).values() for value in values}
        secrets |= set(parse_qs(urlsplit(now.url).query)["code_challenge"])
        if end == "failed":
            simulator.world.forget_codes()
        wrong = back.replace(parse_qs(urlsplit(back).query)["state"][0], "st_FAKE_of_eve")
        with pytest.raises(DeckError) as refused:
            await logins.call_back(now.id, wrong, HERE)
        told += [str(refused.value), repr(refused.value.params)]
        await logins.call_back(now.id, back, HERE)
    else:
        if end == "failed":
            simulator.world.denying.add(provider)
        await pauses.next()
        pauses.go()
    after: LoginNow = await until(logins, now.id, HERE, *ENDS)

    assert after.status == end
    secrets |= {*sent(simulator), "st_FAKE_of_eve"}
    if end == "done":
        secrets |= {ann.access_token, ann.refresh_token} - {""}
    assert len(secrets) > 2
    ours = [each.getMessage() for each in caplog.records if not each.name.startswith(FOREIGN)]
    assert leaks(secrets, [*told, repr(after), await everything(desk), *ours]) == []


async def test_a_login_that_ran_out_is_in_the_audit_by_codes_alone(desk: Desk, logins: Logins, clock) -> None:
    now = await logins.begin("codex", HERE)
    clock.move(minutes=10)
    await logins.expire()

    entries = await desk.read(lambda connection: connection.execute(control.tables["audit"].select()).mappings().all())
    last = entries[-1]
    assert (last["what"], last["target"], last["actor"], last["after"]) == ("login:login:expired", now.id, "ann", None)
