"""Settings that can be changed: saved, taken back, refused, locked, and asked for a proof of sign-in."""

import re
from pathlib import Path
from typing import Any

from authdeck.operations import adjust
from fakes.clock import SetClock
from fakes.house import House, build
from fakes.people import ANN
from web.conftest import Visitor, visiting

RETENTION = "/settings/retention"


def shown(text: str) -> dict[str, str]:
    """What stands in the page's fields, and what was shown there."""
    return dict(
        re.findall(r'<input (?:type="hidden"|class="input[^"]*" id="[^"]*") name="([a-z._]+)" value="([^"]*)"', text)
    )


async def test_it_works(ann: Any, house: House) -> None:
    fields = shown((await ann.get(RETENTION)).text)
    assert fields["trash_days"] == fields["was.trash_days"] == "30"
    answer = await ann.post(RETENTION, **{**fields, "trash_days": "14"})
    assert (answer.status_code, answer.headers["location"]) == (303, RETENTION)
    text = (await ann.get(RETENTION)).text
    assert house.desk.settings.trash_days == 14
    assert shown(text)["trash_days"] == "14"
    assert "Undo" in text
    assert "Back to the default: 30" in text


async def test_undo(ann: Any, house: House) -> None:
    fields = shown((await ann.get(RETENTION)).text)
    await ann.post(RETENTION, **{**fields, "trash_days": "14", "evidence_days": "7"})
    text = (await ann.get(RETENTION)).text
    want = re.search(r'name="want" value="([^"]*)"', text)
    assert want is not None
    await ann.post(f"{RETENTION}/undo", want=want[1].replace("&#34;", '"'))
    assert (house.desk.settings.trash_days, house.desk.settings.evidence_days) == (30, 30)


async def test_only_what_was_changed_here_changes(ann: Any, house: House) -> None:
    """Bob saved another field meanwhile: Ann's page does not put it back."""
    fields = shown((await ann.get(RETENTION)).text)
    await adjust.change(house.desk, {"evidence_days": 7}, ANN)
    await ann.post(RETENTION, **{**fields, "trash_days": "14"})
    assert (house.desk.settings.trash_days, house.desk.settings.evidence_days) == (14, 7)


async def test_what_can_not_be_comes_back_as_typed_with_its_bounds(ann: Any, house: House) -> None:
    fields = shown((await ann.get(RETENTION)).text)
    answer = await ann.post(RETENTION, **{**fields, "trash_days": "<soon>", "evidence_days": "7"})
    assert answer.status_code == 422
    assert 'value="&lt;soon&gt;"' in answer.text
    assert "Use a whole number from 0 to 3650." in answer.text
    assert house.desk.settings.evidence_days == 30


async def test_back_to_the_default(ann: Any, house: House) -> None:
    await adjust.change(house.desk, {"automation.cooldown": False}, ANN)
    await ann.get("/settings/automation")
    await ann.post("/settings/automation", default="automation.cooldown")
    assert house.desk.settings.automation.cooldown is True


async def test_who_signed_in_a_while_ago_gives_the_key_again(tmp_path: Path) -> None:
    clock = SetClock()
    async with build(tmp_path, clock) as house, visiting(house) as ann:
        await ann.sign_in(house)
        clock.move(minutes=11)
        page = await ann.get(RETENTION)
        assert 'name="admin_key"' in page.text
        fields = {**shown(page.text), "trash_days": "14"}
        assert (await ann.post(RETENTION, **fields)).status_code == 403
        assert (await ann.post(f"{RETENTION}/undo", want='{"trash_days": 14}')).status_code == 403
        assert house.desk.settings.trash_days == 30
        assert (await ann.post(RETENTION, **fields, admin_key=house.admin_key)).status_code == 303
        assert house.desk.settings.trash_days == 14


async def test_what_is_set_at_the_start_is_shown_as_locked(ann: Visitor, house: House) -> None:
    house.desk.started._given["trash_days"] = "environment"
    text = (await ann.get(RETENTION)).text
    assert "Locked: set in the environment" in text
    assert "AUTHDECK_TRASH_DAYS" in text
    assert "trash_days" not in shown(text)
    assert (await ann.post(RETENTION, **{"was.trash_days": "30", "trash_days": "1"})).status_code == 409


async def test_the_audit_leads_back(ann: Visitor, house: House) -> None:
    await adjust.change(house.desk, {"trash_days": 14}, ANN)
    text = (await ann.get("/audit?what=setting")).text
    assert "Change it back" in text
    assert "<del>30</del>" in text
