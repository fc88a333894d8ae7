"""``/notifications``: channels whose URL nobody sees again, rules, the test, and the log."""

from collections.abc import AsyncIterator

import pytest_asyncio
from httpx2 import AsyncClient

from fakes.people import ANN, BOB, VERA
from fakes.receiver import Receiver, receiving

RULE = {"name": "nights", "kinds": ["state_changed", "quota_low"], "below": 15, "quiet_from": "22:00",
        "quiet_until": "07:00", "zone": "Asia/Shanghai", "states": ["needs_reauth"]}  # fmt: skip


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as found:
        yield found


async def a_channel(ann: AsyncClient, receiver: Receiver) -> dict:
    given = {"name": "On call", "kind": "webhook", "url": receiver.url, "private": True}
    answer = await ann.post("/notifications/channels", json=given)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_it_works(ann: AsyncClient, receiver: Receiver) -> None:
    made = await a_channel(ann, receiver)
    assert made["secret"].startswith("adw_")
    rule = (await ann.post("/notifications/rules", json={**RULE, "channel": made["id"]})).json()
    assert (rule["quiet_from"], rule["quiet_until"], rule["below"]) == ("22:00", "07:00", 15)
    sent = (await ann.post(f"/notifications/channels/{made['id']}/test")).json()
    assert (sent["status"], len(receiver.got)) == ("delivered", 1)
    log = (await ann.get("/notifications/deliveries")).json()
    assert (log["total"], log["items"][0]["id"]) == (1, sent["id"])


async def test_the_url_and_the_secret_are_shown_once(ann: AsyncClient, receiver: Receiver) -> None:
    made = await a_channel(ann, receiver)
    everywhere = "".join(
        [(await ann.get(path)).text for path in ("/notifications/channels", "/notifications/deliveries", "/audit")]
    )
    assert "FAKE_secret_path" not in everywhere
    assert made["secret"] not in everywhere


async def test_a_failure_says_why_and_can_be_tried_again(ann: AsyncClient, receiver: Receiver) -> None:
    made = await a_channel(ann, receiver)
    receiver.status = 404
    sent = (await ann.post(f"/notifications/channels/{made['id']}/test")).json()
    assert (sent["status"], sent["error"]["sentence"]) == ("failed", "The receiver answered 404.")
    receiver.status = 204
    assert (await ann.post(f"/notifications/deliveries/{sent['id']}/retry")).json()["status"] == "delivered"
    assert len(set(receiver.ids)) == 1


async def test_rules_pause_and_go(ann: AsyncClient, receiver: Receiver) -> None:
    made = await a_channel(ann, receiver)
    rule = (await ann.post("/notifications/rules", json={**RULE, "channel": made["id"]})).json()
    assert (await ann.put(f"/notifications/rules/{rule['id']}/pause")).json()["paused"]
    assert not (await ann.delete(f"/notifications/rules/{rule['id']}/pause")).json()["paused"]
    assert (await ann.delete(f"/notifications/rules/{rule['id']}")).status_code == 204
    assert (await ann.delete(f"/notifications/rules/{rule['id']}")).json()["error"]["code"] == "rule_not_found"
    assert (await ann.delete(f"/notifications/channels/{made['id']}")).status_code == 204
    assert (await ann.get("/notifications/channels")).json()["total"] == 0


async def test_a_rule_is_changed_and_the_change_undone(ann: AsyncClient, as_, receiver: Receiver) -> None:
    made = await a_channel(ann, receiver)
    rule = (await ann.post("/notifications/rules", json={**RULE, "channel": made["id"]})).json()
    path = f"/notifications/rules/{rule['id']}"
    assert (await ann.post(f"{path}/undo")).json()["error"]["code"] == "rule_not_changed"
    wish = {"name": "days", "kinds": ["incident_opened"], "below": None, "quiet_from": None, "quiet_until": None}
    changed = (await ann.patch(path, json=wish)).json()
    assert changed == {**rule, **wish}
    assert (await ann.patch(path, json={})).json() == changed
    refused = await ann.patch(path, json={"kinds": ["quota_low"]})  # without its mark
    assert (refused.status_code, refused.json()["error"]["details"]["field"]) == (422, "below")
    assert (await as_(VERA).patch(path, json={"name": "mine"})).status_code == 403
    assert (await ann.post(f"{path}/undo")).json() == rule
    assert (await ann.post(f"{path}/undo")).json() == changed
    entries = [
        each for each in (await ann.get("/audit")).json()["items"] if each["what"] == "notification:rule:changed"
    ]
    assert len(entries) == 3
    assert entries[-1]["before"] == {
        "name": "nights", "kinds": ["quota_low", "state_changed"], "below": 15, "quiet_from": 1320, "quiet_until": 420,
    }  # fmt: skip


async def test_names_are_given_once(ann: AsyncClient, receiver: Receiver) -> None:
    await a_channel(ann, receiver)
    given = {"name": "On call", "kind": "webhook", "url": receiver.url, "private": True}
    answer = await ann.post("/notifications/channels", json=given)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "notification_name_taken")


async def test_only_admins_say_where_messages_go(as_, receiver: Receiver) -> None:
    given = {"name": "Eve's", "kind": "webhook", "url": receiver.url, "private": True}
    assert (await as_(BOB).post("/notifications/channels", json=given)).status_code == 403
    assert (await as_(VERA).post("/notifications/rules", json=RULE | {"channel": "x"})).status_code == 403


async def test_what_was_removed_comes_back(as_, receiver: Receiver) -> None:
    ann = as_(ANN)
    made = await a_channel(ann, receiver)
    rule = (await ann.post("/notifications/rules", json={**RULE, "channel": made["id"]})).json()
    await ann.delete(f"/notifications/channels/{made['id']}")
    assert (await ann.get("/notifications/rules")).json()["total"] == 0
    assert (await as_(BOB).post(f"/notifications/channels/{made['id']}/restoration")).status_code == 403
    back = (await ann.post(f"/notifications/channels/{made['id']}/restoration")).json()
    assert back == {name: value for name, value in made.items() if name != "secret"}
    assert (await ann.get("/notifications/rules")).json()["items"] == [rule]
    assert (await ann.post(f"/notifications/channels/{made['id']}/test")).json()["status"] == "delivered"
    await ann.delete(f"/notifications/rules/{rule['id']}")
    assert (await as_(BOB).post(f"/notifications/rules/{rule['id']}/restoration")).json() == rule
