"""The key ring and backups over the API: for admins alone."""

import pytest
from httpx2 import AsyncClient

from api.conftest import As
from authdeck.operations import restoring
from authdeck.operations.desk import Desk
from authdeck.vault.keys import read_key_file
from fakes.auth_files import codex, take_in
from fakes.people import ANN, BOB


async def test_a_new_term_seals_everything_again(ann: AsyncClient, desk: Desk) -> None:
    await take_in(desk, ("ann.json", codex()))
    before = (await ann.get("/vault")).json()
    assert [(term["number"], term["rows"], term["newest"]) for term in before["terms"]] == [(1, 1, True)]
    assert (await ann.post("/vault/terms")).status_code == 202
    after = (await ann.get("/vault", params={"wait": 10})).json()
    assert [(term["number"], term["rows"]) for term in after["terms"]] == [(2, 1), (1, 0)]
    assert after["resealing"] == {"running": False, "done": 1, "total": 1, "stuck": 0}


async def test_a_backup_is_made_fetched_and_removed(ann: AsyncClient, desk: Desk) -> None:
    await take_in(desk, ("ann.json", codex()))
    made = (await ann.post("/backups", json={"monitoring": True})).json()
    assert [one["file_name"] for one in made["rotating"]] == ["ann.json"]
    content = (await ann.get(f"/backups/{made['id']}/content")).content
    assert (len(content), made["with_monitoring"]) == (made["size"], True)
    file = desk.settings.home / "fetched"
    file.write_bytes(content)
    key = read_key_file(desk.settings.home / "master.key")
    assert key is not None
    assert restoring.drill(file, key, desk.clock, ANN).rows["accounts"] == 1
    assert (await ann.delete(f"/backups/{made['id']}")).status_code == 204
    assert (await ann.get(f"/backups/{made['id']}/content")).status_code == 404


async def test_the_master_key_is_replaced_and_never_told(ann: AsyncClient, desk: Desk) -> None:
    await ann.post("/vault/exports")
    assert (await ann.get("/vault")).json()["master_key"]["exported_at"] is not None
    key = (desk.settings.home / "master.key").read_text().strip()
    answer = await ann.post("/vault/master-key")
    assert answer.json()["former_file"].startswith(str(desk.settings.home))
    new = (desk.settings.home / "master.key").read_text().strip()
    assert new != key
    assert new not in answer.text
    assert (await ann.get("/vault")).json()["master_key"] == {"kept_in": "home", "exported_at": None}
    refused = await ann.post("/vault/master-key", json={"key": "correct horse battery staple"})
    assert refused.json()["error"]["code"] == "master_key_passphrase"
    assert "staple" not in refused.text


async def test_an_operator_vouches_for_a_restored_account(as_: As, desk: Desk) -> None:
    await take_in(desk, ("ann.json", codex()))
    assert (await as_(BOB).put("/accounts/ann.json/confirmation")).json()["file_name"] == "ann.json"
    assert (await as_(BOB).put("/accounts/nobody/confirmation")).status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/vault"), ("POST", "/vault/terms"), ("POST", "/vault/master-key"), ("POST", "/vault/exports"),
        ("POST", "/backups"), ("GET", f"/backups/{'a' * 32}/content"), ("DELETE", f"/backups/{'a' * 32}"),
    ],
)  # fmt: skip
async def test_none_of_it_is_for_operators(as_: As, method: str, path: str) -> None:
    assert (await as_(BOB).request(method, path)).json()["error"]["code"] == "role_too_low"
