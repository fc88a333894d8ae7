"""One test for each browser rule: Host, Origin, Sec-Fetch-Site, CSRF tokens, cookies, headers."""

import httpx2
import pytest

from authdeck.gate.authenticate import Gate
from authdeck.gate.headers import CONSOLE_POLICY
from authdeck.operations.desk import Desk
from authdeck.secret import Secret
from gate.conftest import SESSION, Done, MakeDesk, Naps, bearer, browse, sign_in


@pytest.mark.parametrize("host", ["127.0.0.1:8417", "localhost:8417", "LOCALHOST", "[::1]:8417", "localhost.:9"])
async def test_our_own_names_are_served(browser: httpx2.AsyncClient, host: str) -> None:
    assert (await browser.get("/sign-in", headers={"host": host})).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8417", "127.0.0.1.evil.example", "127.0.0.1@evil.example", "[::1", ""]
)
async def test_other_names_are_misdirected(browser: httpx2.AsyncClient, host: str) -> None:
    answer = await browser.get("/sign-in", headers={"host": host})
    assert (answer.status_code, answer.json()["error"]["code"]) == (421, "host_not_ours")


async def test_two_hosts_are_none(browser: httpx2.AsyncClient) -> None:
    request = browser.build_request("GET", "/sign-in", headers=[("host", "localhost"), ("host", "evil.example")])
    assert (await browser.send(request)).status_code == 421


async def test_named_hosts_are_served_too(make_desk: MakeDesk, done: Done) -> None:
    desk = await make_desk(allowed_hosts="deck.lan, deck.example:8443", public_url="https://keys.example/")
    async with browse(Gate(desk), done) as browser:
        for host in ("deck.lan", "deck.example", "keys.example", "localhost"):
            assert (await browser.get("/sign-in", headers={"host": host})).status_code == 200, host


async def test_a_probe_needs_no_name(browser: httpx2.AsyncClient) -> None:
    assert (await browser.get("/healthz", headers={"host": "10.1.2.3:8417"})).text == "ok"


async def test_a_form_with_its_token_is_carried_out(browser: httpx2.AsyncClient, ann: Secret, done: Done) -> None:
    token = await sign_in(browser, ann)
    assert (await browser.post("/auth-files", data={"csrf": token})).text == "done"
    assert (await browser.post("/auth-files", headers={"x-csrf-token": token})).text == "done"
    assert (await browser.put(f"/api/v1/accounts/{'a' * 16}/disablement", headers={"x-csrf-token": token})).is_success
    assert done.things == ["page", "page", "a" * 16]


@pytest.mark.parametrize("token", [None, "", "f" * 64, "é"])
async def test_a_form_without_it_is_not(
    browser: httpx2.AsyncClient, ann: Secret, done: Done, token: str | None
) -> None:
    await sign_in(browser, ann)
    answer = await browser.post("/auth-files", data={"csrf": token} if token is not None else {})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "csrf_token")
    assert done.things == []


async def test_another_sessions_token_is_none(gate: Gate, ann: Secret, bob: Secret, done: Done) -> None:
    async with browse(gate, done) as anns, browse(gate, done) as bobs:
        await sign_in(anns, ann)
        token = await sign_in(bobs, bob)
        assert (await anns.post("/auth-files", data={"csrf": token})).status_code == 403


async def test_the_visitors_token_is_none_for_a_session(browser: httpx2.AsyncClient, ann: Secret) -> None:
    visitor = (await browser.get("/sign-in")).text
    await sign_in(browser, ann)
    assert (await browser.post("/auth-files", data={"csrf": visitor})).status_code == 403


async def test_a_token_is_not_spent_by_use(browser: httpx2.AsyncClient, ann: Secret) -> None:
    token = await sign_in(browser, ann)
    for _ in range(3):
        assert (await browser.post("/auth-files", data={"csrf": token})).is_success


async def test_an_upload_carries_its_token_and_arrives_whole(browser: httpx2.AsyncClient, ann: Secret) -> None:
    token = await sign_in(browser, ann)
    content = b"{" + b" " * 2_000_000 + b"}"
    files = {"file": ("ann.json", content, "application/json")}
    answer = await browser.post("/upload", data={"csrf": token}, files=files)
    assert answer.json() == {"name": "ann.json", "size": len(content)}


async def test_an_upload_past_the_limit_is_not_held(make_desk: MakeDesk, done: Done) -> None:
    desk = await make_desk(upload_limit=1000, admin_key="correct horse battery staple")
    gate = Gate(desk)
    await gate.install()
    async with browse(gate, done) as browser:
        token = await sign_in(browser, Secret("correct horse battery staple"))
        files = {"file": ("ann.json", b" " * 100_000, "application/json")}
        answer = await browser.post("/upload", data={"csrf": token}, files=files)
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "upload_too_large")


async def test_a_bearer_needs_no_token(browser: httpx2.AsyncClient, ann: Secret) -> None:
    headers = {**bearer(ann), "origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    assert (await browser.post("/auth-files", headers=headers)).is_success


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "https://127.0.0.1:8417"},
        {"origin": "http://localhost:8417"},
        {"origin": "null"},
        {"origin": "null", "sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"origin": "http://127.0.0.1:8417", "sec-fetch-site": "cross-site"},
    ],
    ids=str,
)
async def test_another_origin_is_refused_even_with_the_token(
    browser: httpx2.AsyncClient, ann: Secret, done: Done, headers: dict[str, str]
) -> None:
    token = await sign_in(browser, ann)
    answer = await browser.post("/auth-files", data={"csrf": token}, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "csrf_origin")
    assert done.things == []


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://127.0.0.1:8417"},
        {"sec-fetch-site": "same-origin"},
        {"origin": "http://127.0.0.1:8417", "sec-fetch-site": "same-origin"},
        {"origin": "null", "sec-fetch-site": "same-origin"},
    ],
    ids=str,
)
async def test_our_own_origin_is_accepted(browser: httpx2.AsyncClient, ann: Secret, headers: dict[str, str]) -> None:
    token = await sign_in(browser, ann)
    assert (await browser.post("/auth-files", data={"csrf": token}, headers=headers)).is_success


async def test_behind_a_proxy_the_public_url_is_our_origin(make_desk: MakeDesk, ann: Secret, done: Done) -> None:
    desk = await make_desk(public_url="https://keys.example")
    async with browse(Gate(desk), done, "https://keys.example") as browser:
        token = await sign_in(browser, ann)
        own = await browser.post("/auth-files", data={"csrf": token}, headers={"origin": "https://keys.example"})
        other = await browser.post("/auth-files", data={"csrf": token}, headers={"origin": "http://keys.example"})
    assert (own.status_code, other.status_code) == (200, 403)


async def test_signing_in_needs_the_forms_token(browser: httpx2.AsyncClient, ann: Secret) -> None:
    answer = await browser.post("/sign-in", data={"admin_key": ann.open()})
    assert answer.json()["error"]["code"] == "csrf_token"
    token = (await browser.get("/sign-in")).text
    browser.cookies.clear()
    answer = await browser.post("/sign-in", data={"admin_key": ann.open(), "csrf": token})
    assert answer.json()["error"]["code"] == "csrf_token"
    assert SESSION not in browser.cookies


async def test_a_failed_sign_in_keeps_the_form_valid(browser: httpx2.AsyncClient, ann: Secret, naps: Naps) -> None:
    token = (await browser.get("/sign-in")).text
    wrong = await browser.post("/sign-in", data={"admin_key": "ada_FAKE", "csrf": token})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (401, "key_unknown")
    right = await browser.post("/sign-in", data={"admin_key": ann.open(), "csrf": token})
    assert right.status_code == 303
    assert len(naps.seconds) == 1


async def test_the_sign_in_form_is_the_same_in_two_tabs(browser: httpx2.AsyncClient) -> None:
    assert (await browser.get("/sign-in")).text == (await browser.get("/sign-in")).text


async def test_a_stranger_can_not_make_us_hold_a_large_form(browser: httpx2.AsyncClient) -> None:
    answer = await browser.post("/sign-in", data={"admin_key": "a" * 100_000})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "upload_too_large")


async def test_the_cookie_is_for_us_alone(browser: httpx2.AsyncClient, ann: Secret) -> None:
    token = (await browser.get("/sign-in")).text
    answer = await browser.post("/sign-in", data={"admin_key": ann.open(), "csrf": token})
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{SESSION}=")
    assert cookie.endswith("; Path=/; HttpOnly; SameSite=Strict")


async def test_the_cookie_is_secure_where_the_public_url_is(make_desk: MakeDesk, done: Done) -> None:
    desk = await make_desk(public_url="https://keys.example", bind="127.0.0.1:9417")
    async with browse(Gate(desk), done, "https://keys.example") as browser:
        cookie = (await browser.get("/sign-in")).headers["set-cookie"]
    assert cookie.startswith("authdeck_visitor_9417=")
    assert "; Secure" in cookie


async def test_a_cookie_is_stored_only_as_a_hash(browser: httpx2.AsyncClient, ann: Secret, desk: Desk) -> None:
    await sign_in(browser, ann)
    stored = desk.settings.home / "authdeck.db"
    written = stored.read_bytes() + stored.with_name("authdeck.db-wal").read_bytes()
    assert browser.cookies[SESSION].encode() not in written
    assert ann.open().encode() not in written


async def test_every_answer_carries_the_strict_headers(browser: httpx2.AsyncClient, ann: Secret) -> None:
    for path in ("/sign-in", "/nowhere", "/auth-files", "/static/app.css", "/api/v1/accounts"):
        headers = (await browser.get(path, headers=bearer(ann))).headers
        assert headers["content-security-policy"] == CONSOLE_POLICY
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert not [name for name in headers if name.startswith("access-control-")]


async def test_what_is_someones_own_is_not_stored(browser: httpx2.AsyncClient, ann: Secret) -> None:
    assert (await browser.get("/auth-files", headers=bearer(ann))).headers["cache-control"] == "no-store"
    assert (await browser.get("/auth-files")).headers["cache-control"] == "no-store"
    assert (await browser.get("/sign-in")).headers["cache-control"] == "no-store"
    assert (await browser.get("/static/app.css")).headers["cache-control"] == "max-age=60"
