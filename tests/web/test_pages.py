"""Pages without a browser: what they answer, and what they never show."""

import re
from typing import Any

import pytest

from authdeck.access import Role
from authdeck.gate.routes import walk
from authdeck.operations import admin_keys, operators
from authdeck.operations.sign_in import make_link
from authdeck.web.rendering import SCRIPTS, STYLESHEETS
from authdeck.web.statics import Statics
from fakes.house import House
from fakes.people import VERA

ANN = "codex-ann@example.com-plus.json"
PAGES = (
    "/auth-files",
    "/import",
    "/monitoring",
    "/client-keys",
    "/trash",
    "/audit",
    "/settings/terms",
    "/settings/retention",
)


@pytest.mark.parametrize("path", PAGES)
async def test_it_works(ann: Any, path: str) -> None:
    answer = await ann.get(path)
    assert answer.status_code == 200
    assert f'href="{path}"' in answer.text


@pytest.mark.parametrize("path", PAGES)
async def test_a_stranger_is_led_to_the_sign_in(stranger: Any, path: str) -> None:
    answer = await stranger.get(path)
    assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/sign-in")


@pytest.mark.parametrize("path", PAGES)
async def test_no_page_has_inline_scripts_styles_or_handlers(ann: Any, path: str) -> None:
    text = (await ann.get(path)).text
    assert re.findall(r"<style|<script(?![^>]*\ssrc=)|\sstyle=|\son[a-z]+=|javascript:|https?://(?!127)", text) == []


async def test_no_secret_is_on_any_page(ann: Any, house: House) -> None:
    paths = [*PAGES, f"/auth-files/{house.index(ANN)}"]
    texts = [(await ann.get(path)).text for path in paths]
    secrets = ("at_FAKE", "rt_FAKE", "sk-ant-FAKE", house.admin_key)
    assert not any(secret in text for text in texts for secret in secrets)


async def test_every_link_leads_somewhere(ann: Any, house: House) -> None:
    seen: set[str] = set()
    waiting = [*PAGES, f"/auth-files/{house.index(ANN)}"]
    while waiting and len(seen) < 120:
        path = waiting.pop()
        if path in seen or path.startswith(("#", "/static/")):
            continue
        seen.add(path)
        answer = await ann.get(path)
        assert answer.status_code in (200, 307), path
        waiting += [link.replace("&amp;", "&") for link in re.findall(r'href="(/[^"]*)"', answer.text)]


async def test_htmx_gets_the_pages_own_part(ann: Any) -> None:
    text = (await ann.get("/auth-files", **{"hx-request": "true", "hx-target": "main#main"})).text
    assert "<html" not in text
    assert "<h1>" in text


async def test_the_address_is_the_state(ann: Any) -> None:
    assert len(re.findall("data-row>", (await ann.get("/auth-files?q=ann&provider=codex")).text)) == 1
    assert len(re.findall("data-row>", (await ann.get("/auth-files?state=disabled")).text)) == 2
    assert len(re.findall("data-row>", (await ann.get("/auth-files?problem=1")).text)) == 3
    assert len(re.findall("data-row>", (await ann.get("/auth-files?problem=1&state=disabled")).text)) == 1
    assert len(re.findall("data-row>", (await ann.get("/auth-files?codex_status=reauth")).text)) == 1


async def test_a_foolish_address_is_no_error(ann: Any) -> None:
    path = "/auth-files?sort=zebra&page_size=-1&cursor=x&state=wild&provider=nobody&mode=3d"
    assert (await ann.get(path)).status_code == 200


async def test_an_alias_leads_to_its_account(ann: Any, house: House) -> None:
    answer = await ann.get(f"/auth-files/{ANN}")
    assert (answer.status_code, answer.headers["location"]) == (307, f"/auth-files/{house.index(ANN)}")


async def test_a_switch_answers_htmx_with_its_row(ann: Any, house: House) -> None:
    index = house.index(ANN)
    answer = await ann.post(f"/auth-files/{index}/disablement", htmx=True, want="disabled", next="/auth-files")
    assert answer.text.lstrip().startswith(f'<tr id="row-{index}"')
    assert "Disabled by admin" in answer.text
    (hold,) = house.desk.directory.get(index).holds  # type: ignore[union-attr]
    assert (hold.code, hold.actor) == ("disabled", "admin")


async def test_a_switch_without_a_token_does_nothing(ann: Any, house: House) -> None:
    ann.csrf = "forged"
    answer = await ann.post(f"/auth-files/{house.index(ANN)}/disablement", want="disabled")
    assert answer.status_code == 403
    assert house.desk.directory.get(house.index(ANN)).holds == ()  # type: ignore[union-attr]


@pytest.mark.parametrize("elsewhere", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:1"])
async def test_nobody_is_sent_elsewhere(ann: Any, house: House, elsewhere: str) -> None:
    answer = await ann.post(f"/auth-files/{house.index(ANN)}/disablement", want="enabled", next=elsewhere)
    assert answer.headers["location"] == f"/auth-files/{house.index(ANN)}"


async def test_looking_at_a_sign_in_link_does_not_spend_it(stranger: Any, house: House) -> None:
    token = (await make_link(house.desk)).token.open()
    page = await stranger.get(f"/sign-in/link/{token}")
    assert page.headers["referrer-policy"] == "no-referrer"
    assert (await stranger.post(f"/sign-in/link/{token}")).headers["location"] == "/auth-files"
    assert (await stranger.post(f"/sign-in/link/{token}")).status_code in (401, 403)


async def test_a_preview_is_its_owners_alone_and_ends(ann: Any, house: House) -> None:
    page = await ann.post("/import", pasted='{"type": "claude", "api_key": "sk-ant-FAKE-w"}')
    ticket = re.search(r'name="ticket" value="([^"]+)"', page.text)[1]  # type: ignore[index]
    before = len(house.desk.directory)
    assert "Import 1 account" in page.text
    assert (await ann.post("/import/run", ticket="another")).status_code == 404
    assert len(house.desk.directory) == before
    assert "1 account written" in (await ann.post("/import/run", ticket=ticket)).text
    assert len(house.desk.directory) == before + 1
    assert (await ann.post("/import/run", ticket=ticket)).status_code == 404


async def test_a_made_key_is_never_cached(ann: Any) -> None:
    answer = await ann.post("/client-keys", name="eve")
    assert answer.headers["cache-control"] == "no-store"
    assert "adk_" in answer.text


async def test_terms_need_the_box(ann: Any) -> None:
    answer = await ann.post("/settings/terms/claude/acknowledgement", want="acknowledged")
    assert answer.status_code == 422


async def test_files_have_addresses_by_content(stranger: Any) -> None:
    statics = Statics()
    for name in (*(f"css/{sheet}.css" for sheet in STYLESHEETS), *(f"js/{script}.js" for script in SCRIPTS)):
        answer = await stranger.get(str(statics.address(name)))
        assert (answer.status_code, "immutable" in answer.headers["cache-control"]) == (200, True), name
    assert (await stranger.get("/static/../console.py")).status_code == 404


def test_scripts_are_small() -> None:
    for name, file in Statics().by_name.items():
        assert not name.startswith("js/") or len(file.content.splitlines()) <= 30, name


async def test_a_viewer_sees_no_control_that_would_refuse(ann: Any, house: House) -> None:
    viewer = await operators.create(house.desk, "vera", Role.VIEWER, VERA)
    key = await admin_keys.create(house.desk, viewer.name, VERA)
    await ann.post("/sign-out")
    await ann.get("/sign-in")
    await ann.post("/sign-in", admin_key=key.key.open())
    for path in ("/auth-files", "/monitoring", "/settings/terms", f"/auth-files/{house.index(ANN)}"):
        text = (await ann.get(path)).text
        assert set(re.findall(r'action="([^"]+)"', text)) <= {
            "/auth-files",
            "/auth-files/views",
            "/find",
            "/monitoring",
            "/preferences",
            "/sign-out",
        }
        assert not {"/import", "/client-keys"} & set(re.findall(r'href="([^"]+)"', text))


async def test_whoever_may_not_is_told_so_on_every_page(ann: Any, house: House) -> None:
    viewer = await operators.create(house.desk, "vera", Role.VIEWER, VERA)
    key = await admin_keys.create(house.desk, viewer.name, VERA)
    await ann.post("/sign-out")
    await ann.get("/sign-in")
    await ann.post("/sign-in", admin_key=key.key.open())
    await ann.get("/auth-files")
    places = [route for route in walk(house.app._app) if isinstance(route.needs, Role) and route.needs > Role.VIEWER]
    assert len(places) > 40
    for place in places:
        path = re.sub(r"\{[^}]+\}", house.index(ANN), re.sub(r"\{\w+:int\}", "1", place.path))
        answer = await (ann.get(path) if "GET" in place.methods else ann.post(path))
        assert answer.status_code == 403, place
        assert "This is not for your role" in answer.text, place
        assert f"This needs the role {place.needs.word}; yours is viewer." in answer.text, place
    toast = await ann.post(f"/auth-files/{house.index(ANN)}/disablement", htmx=True)
    assert 'hx-partial hx-target="#toasts" hx-swap="beforeend"' in toast.text
    assert "yours is viewer" in toast.text


def test_colours_are_tokens() -> None:
    sheets = {name: file.content.decode() for name, file in Statics().by_name.items() if name.startswith("css/")}
    raw = re.compile(r"#[0-9a-f]{3,8}\b|\b(?:rgba?|hsla?|oklch|light-dark)\(", re.IGNORECASE)
    assert {name: raw.findall(text) for name, text in sheets.items() if raw.search(text)}.keys() == {"css/tokens.css"}
    for name in set(re.findall(r"var\((--[\w-]+)\)", "".join(sheets.values()))):
        assert f"{name}:" in "".join(sheets.values()), name
