"""Every error in one shape: JSON for programs, a page or the way to sign in for browsers, nothing secret for anyone."""

import json
from typing import Any

import httpx2
import pytest
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from authdeck.errors import DeckError
from authdeck.gate.authenticate import Gate
from authdeck.gate.errors import line, next_page, render
from authdeck.gate.routes import PUBLIC, guard, needs
from authdeck.operations.desk import Desk
from authdeck.secret import Secret
from gate.conftest import HERE, Done, bearer, browse

PAGE = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def test_it_works() -> None:
    status, headers, body = render(DeckError("role_too_low", status=403, role="viewer", needs="admin"))
    assert (status, headers) == (403, {})
    assert body == {
        "error": {
            "code": "role_too_low",
            "message": "This needs the role admin; yours is viewer. An admin can change that.",
            "details": {"role": "viewer", "needs": "admin"},
        }
    }


def test_when_to_come_back_is_a_header() -> None:
    assert render(DeckError("too_many_attempts", status=429, retry_after=0.3))[1] == {"retry-after": "1"}
    assert render(DeckError("too_many_attempts", status=429, retry_after=4.2))[1] == {"retry-after": "5"}


def test_what_has_no_code_is_internal_and_told_in_the_log_alone() -> None:
    with structlog.testing.capture_logs() as logged:
        status, _, body = render(ZeroDivisionError("rt_FAKE_canary"))
    assert (status, body["error"]["code"]) == (500, "internal")
    assert "canary" not in json.dumps(body)
    (entry,) = logged
    assert entry["error_id"] == body["error"]["details"]["error_id"]
    assert isinstance(entry["exc_info"], ZeroDivisionError)


def test_the_terminal_gets_one_line() -> None:
    assert line(DeckError("master_key_wrong")) == (
        "This master key is not the one that this database was made with. Give the right one."
    )


async def test_a_failing_page_is_internal(browser: httpx2.AsyncClient, ann: Secret) -> None:
    answer = await browser.get("/broken", headers=bearer(ann))
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal")
    assert "canary" not in answer.text


async def test_the_apis_own_refusals_speak_alike(browser: httpx2.AsyncClient, ann: Secret) -> None:
    for path, status, code in (
        ("/api/v1/accounts/0000", 404, "account_not_found"),
        ("/api/v1/nowhere", 404, "route_not_found"),
        ("/api/v1/accounts/pages/one", 422, "request_invalid"),
    ):
        answer = await browser.get(path, headers={**bearer(ann), **PAGE})
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
        assert set(answer.json()["error"]) == {"code", "message", "details"}


async def test_an_invalid_parameter_is_named_and_not_repeated(browser: httpx2.AsyncClient, ann: Secret) -> None:
    answer = await browser.get("/api/v1/accounts/pages/rt_FAKE_canary", headers=bearer(ann))
    assert answer.json()["error"]["details"]["field"] == "number"
    assert "canary" not in answer.text


async def test_a_wrong_method_is_named(browser: httpx2.AsyncClient, ann: Secret) -> None:
    answer = await browser.delete("/api/v1/accounts", headers=bearer(ann))
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "GET"


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/auth-files", "/sign-in?next=/auth-files"),
        ("/auth-files?search=ann&page=2", "/sign-in?next=/auth-files%3Fsearch%3Dann%26page%3D2"),
        ("/token", "/sign-in?next=/token"),
    ],
)
async def test_a_browser_is_led_to_the_sign_in(browser: httpx2.AsyncClient, path: str, location: str) -> None:
    answer = await browser.get(path, headers=PAGE)
    assert (answer.status_code, answer.headers["location"]) == (303, location)


async def test_a_form_sent_after_the_session_ended_leads_to_the_start(browser: httpx2.AsyncClient) -> None:
    answer = await browser.post("/auth-files", headers=PAGE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")


async def test_a_spent_link_says_so(browser: httpx2.AsyncClient) -> None:
    csrf = (await browser.get("/sign-in")).text
    answer = await browser.post("/sign-in/link", data={"token": "ads_FAKE", "csrf": csrf}, headers=PAGE)
    assert answer.status_code == 401
    assert "sign-in link was used" in answer.text


async def test_htmx_is_led_there_with_the_page_it_shows(browser: httpx2.AsyncClient) -> None:
    headers = {"hx-request": "true", "hx-current-url": f"{HERE}/auth-files?tab=quota"}
    answer = await browser.get("/token", headers=headers)
    assert answer.headers["hx-redirect"] == "/sign-in?next=/auth-files%3Ftab%3Dquota"
    headers["hx-current-url"] = "https://evil.example/auth-files"
    assert (await browser.get("/token", headers=headers)).headers["hx-redirect"] == "/sign-in"


async def test_the_api_never_redirects(browser: httpx2.AsyncClient) -> None:
    assert (await browser.get("/api/v1/accounts", headers=PAGE)).status_code == 401


async def test_a_browser_gets_a_page(gate: Gate, desk: Desk, done: Done) -> None:
    async with browse(gate, done) as browser:
        assert (await browser.get("/nowhere", headers=PAGE)).headers["content-type"].startswith("text/html")

    def page(_request: Request, status: int, headers: dict[str, str], error: dict[str, object]) -> Response:
        return HTMLResponse(f"<h1>{error['code']}</h1>", status, headers)

    async with browse(Gate(desk, error_page=page), done) as browser:
        assert (await browser.get("/nowhere", headers=PAGE)).text == "<h1>route_not_found</h1>"


@pytest.mark.parametrize(
    "text",
    [
        None, "", "auth-files", "//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)",
        "/a\\b", "/a\nb", "/sign-in", "/sign-in?next=/sign-in", "/\t/evil.example",
    ],
)  # fmt: skip
def test_nothing_leads_away_from_us(text: str | None) -> None:
    assert next_page(text) == "/"


def test_our_own_pages_do() -> None:
    assert next_page("/auth-files?tab=quota#top") == "/auth-files?tab=quota#top"


async def test_a_broken_answer_is_broken_off(gate: Gate) -> None:
    class Half(Response):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            del scope, receive
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"half", "more_body": True})
            raise ZeroDivisionError

    @needs(PUBLIC)
    async def half(_request: Request) -> Response:
        return Half()

    app = guard(Starlette(routes=[Route("/half", half)]), gate)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=HERE) as client:
        with pytest.raises(ZeroDivisionError):
            await client.get("/half")
