"""Who comes in, with what, and what a wrong key costs."""

import asyncio
import os

import httpx2
import pytest

from authdeck.errors import DeckError
from authdeck.gate.authenticate import Gate
from authdeck.gate.slowing import LONGEST_DELAY, MANY_WAITING, SlowDown
from authdeck.operations import admin_keys, client_keys, operators
from authdeck.operations.admin_keys import AdminKeys
from authdeck.operations.desk import Desk
from authdeck.operations.sign_in import make_link
from authdeck.secret import Secret
from fakes.clock import SetClock
from gate.conftest import ANN, LOCAL_TOKEN, SESSION, Done, MakeDesk, Naps, bearer, browse, sign_in

PRESET = "correct horse battery staple"


async def test_it_works(browser: httpx2.AsyncClient, ann: Secret) -> None:
    answer = await browser.get("/api/v1/accounts", headers=bearer(ann))
    assert (answer.status_code, answer.json()) == (200, {"actor": "ann"})


async def test_the_command_lines_token_is_an_admin(browser: httpx2.AsyncClient) -> None:
    answer = await browser.get("/api/v1/accounts", headers=bearer(LOCAL_TOKEN))
    assert answer.json() == {"actor": f"local:{os.getuid()}"}


async def test_nothing_is_granted_without_a_key(browser: httpx2.AsyncClient) -> None:
    for headers in ({}, {"x-forwarded-for": "127.0.0.1"}, {"x-real-ip": "127.0.0.1"}, {"authorization": "Basic YTpi"}):
        answer = await browser.get("/api/v1/accounts", headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "sign_in_needed")
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_client_key_opens_nothing_here(browser: httpx2.AsyncClient, desk: Desk) -> None:
    created = await client_keys.create(desk, "Ann's laptop", ANN)
    assert (await browser.get("/api/v1/accounts", headers=bearer(created.key))).status_code == 401


async def test_a_wrong_bearer_is_not_saved_by_a_good_cookie(browser: httpx2.AsyncClient, ann: Secret) -> None:
    await sign_in(browser, ann)
    assert (await browser.get("/auth-files")).status_code == 200
    assert (await browser.get("/auth-files", headers=bearer("ada_FAKE"))).status_code == 401


async def test_a_revoked_key_and_its_sessions_end_at_once(browser: httpx2.AsyncClient, desk: Desk, ann: Secret) -> None:
    await sign_in(browser, ann)
    (key,) = await admin_keys.list_keys(desk, "ann")
    await admin_keys.revoke(desk, key.key, ANN)
    assert (await browser.get("/api/v1/accounts", headers=bearer(ann))).status_code == 401
    assert (await browser.get("/api/v1/accounts")).json()["error"]["code"] == "session_ended"


async def test_a_disabled_operator_stays_out(browser: httpx2.AsyncClient, desk: Desk, bob: Secret) -> None:
    await sign_in(browser, bob)
    await operators.disable(desk, "bob", ANN)
    assert (await browser.get("/api/v1/accounts", headers=bearer(bob))).status_code == 401
    assert (await browser.get("/api/v1/accounts")).status_code == 401
    await operators.enable(desk, "bob", ANN)
    assert (await browser.get("/api/v1/accounts", headers=bearer(bob))).status_code == 200


async def test_a_session_ends_after_eight_idle_hours(browser: httpx2.AsyncClient, ann: Secret, clock: SetClock) -> None:
    await sign_in(browser, ann)
    for _ in range(3):
        clock.move(hours=7, minutes=59)
        assert (await browser.get("/auth-files")).status_code == 200
    clock.move(hours=8)
    assert (await browser.get("/auth-files")).status_code == 401


async def test_each_sign_in_gets_a_cookie_of_its_own(browser: httpx2.AsyncClient, ann: Secret) -> None:
    await sign_in(browser, ann)
    first = browser.cookies[SESSION]
    browser.cookies.set(SESSION, "planted" * 8, domain="127.0.0.1")
    await sign_in(browser, ann)
    assert browser.cookies[SESSION] not in (first, "planted" * 8)


async def test_a_link_signs_in_once(gate: Gate, desk: Desk, done: Done) -> None:
    token = (await make_link(desk)).token.open()
    async with browse(gate, done) as browser:
        csrf = (await browser.get("/sign-in")).text
        assert (await browser.post("/sign-in/link", data={"token": token, "csrf": csrf})).status_code == 303
        assert (await browser.get("/auth-files")).text == "<p>admin</p>"
        again = await browser.post("/sign-in/link", data={"token": token, "csrf": csrf})
        assert (again.status_code, again.json()["error"]["code"]) == (401, "sign_in_link_unknown")


async def test_wrong_keys_wait_longer_each_time_and_the_right_one_never(
    browser: httpx2.AsyncClient, ann: Secret, naps: Naps
) -> None:
    for _ in range(6):
        assert (await browser.get("/auth-files", headers=bearer("ada_FAKE"))).status_code == 401
    assert naps.seconds == sorted(naps.seconds)
    assert (naps.seconds[0], naps.seconds[-1]) == (0.25, LONGEST_DELAY)
    assert (await browser.get("/auth-files", headers=bearer(ann))).status_code == 200
    assert len(naps.seconds) == 6


async def test_other_peoples_failures_pass_with_time(clock: SetClock) -> None:
    naps = Naps()
    slow = SlowDown(clock, naps)
    for _ in range(5):
        await slow.failed("ada_FAKE")
    clock.move(minutes=10)
    await slow.failed("ada_FAKE")
    assert naps.seconds[-1] == pytest.approx(0.25, rel=0.01)


async def test_a_crowd_of_failures_is_turned_away_at_once(clock: SetClock) -> None:
    leave = asyncio.Event()
    slow = SlowDown(clock, lambda _seconds: leave.wait())
    async with asyncio.TaskGroup() as group:
        for number in range(MANY_WAITING):
            group.create_task(slow.failed(f"{number:08}"))
        await asyncio.sleep(0)
        with pytest.raises(DeckError, match="too_many_attempts") as caught:
            await slow.failed("ada_FAKE")
        leave.set()
    assert caught.value.status == 429
    await slow.failed("ada_FAKE")


async def test_while_a_crowd_waits_the_right_key_comes_in(desk: Desk, ann: Secret, done: Done) -> None:
    leave = asyncio.Event()
    gate = Gate(desk, sleep=lambda _seconds: leave.wait())
    async with browse(gate, done) as browser, asyncio.TaskGroup() as group:
        for number in range(MANY_WAITING + 5):
            group.create_task(browser.get("/auth-files", headers=bearer(f"ada_FAKE{number}")))
        assert (await browser.get("/auth-files", headers=bearer(ann))).status_code == 200
        leave.set()


async def test_a_preset_key_comes_in(make_desk: MakeDesk, naps: Naps, done: Done) -> None:
    desk = await make_desk(admin_key=PRESET)
    keys = AdminKeys(desk)
    await keys.install_preset()
    async with browse(Gate(desk, admin_keys=keys, sleep=naps), done) as browser:
        assert (await browser.get("/api/v1/accounts", headers=bearer(PRESET))).json() == {"actor": "admin"}
        assert (await browser.get("/api/v1/accounts", headers=bearer(PRESET + "r"))).status_code == 401


async def test_a_preset_key_may_have_any_letters(make_desk: MakeDesk, naps: Naps, done: Done) -> None:
    text = "Schlüssel für Annas Ablage 钥匙"
    gate = Gate(await make_desk(admin_key=f" {text}\t"), sleep=naps)
    await gate.install()
    async with browse(gate, done) as browser:
        headers = {"authorization": b"Bearer " + text.encode()}
        assert (await browser.get("/api/v1/accounts", headers=headers)).json() == {"actor": "admin"}
        await sign_in(browser, Secret(text))
        assert (await browser.get("/api/v1/accounts", headers={"authorization": b"Bearer \xff"})).status_code == 401


async def test_an_endless_key_is_wrong_without_a_check(browser: httpx2.AsyncClient) -> None:
    answer = await browser.get("/auth-files", headers=bearer("a" * 5000))
    assert answer.json()["error"]["code"] == "key_unknown"
