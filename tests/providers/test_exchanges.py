"""Every file of ``tests/exchanges``: what a provider is sent, and what its answers mean, one case a file."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from authdeck.account import Provider
from authdeck.credential import Credential
from authdeck.errors import DeckError
from authdeck.exchange import Passed, Reply
from authdeck.providers import PROVIDERS
from authdeck.routing import Route
from authdeck.settings import Providers

ROOT = Path(__file__).parent.parent / "exchanges"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
FILES = sorted(ROOT.glob("*/*.json"))


def load(path: Path) -> tuple[Provider, dict[str, Any]]:
    return Provider(path.parent.name), json.loads(path.read_text())


def cases(what: str) -> Any:
    found = [path for path in FILES if json.loads(path.read_text())["what"] == what]
    return pytest.mark.parametrize("path", found, ids=lambda path: f"{path.parent.name}/{path.stem}")


def bytes_of(body: Any) -> bytes:
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


def credential(provider: Provider, document: dict[str, Any]) -> Credential:
    module = PROVIDERS[provider]
    tokens = module.tokens(document)
    return Credential(
        auth_index="00000000000000a1",
        provider=provider,
        kind=module.kind_of(document),
        revision=1,
        generation=1,
        document=document,
        bearer=tokens.bearer,
        refresh_token=tokens.refresh_token,
        expires_at=tokens.expires_at,
        base_url=tokens.base_url,
    )


def test_every_provider_has_exchanges() -> None:
    assert {path.parent.name for path in FILES} == {provider.value for provider in Provider}


@cases("failure")
def test_failures(path: Path) -> None:
    provider, case = load(path)
    body = bytes_of(case["body"])
    seen = PROVIDERS[provider].read_failure(case["status"], case["headers"], body, NOW, case["model"])
    shown = {
        "kind": seen.kind.value,
        "code": seen.code,
        "summary": seen.summary,
        "elsewhere": seen.elsewhere,
        "refreshable": seen.refreshable,
        "until": seen.until.isoformat().replace("+00:00", "Z") if seen.until else None,
        "scope": seen.scope,
    }
    assert {name: shown[name] for name in case["expect"]} == case["expect"]


@cases("refresh")
def test_refreshes(path: Path) -> None:
    provider, case = load(path)
    lent = credential(provider, case["document"])
    reply = Reply(case["status"], case["headers"], bytes_of(case["body"]))
    read = PROVIDERS[provider].read_refresh(reply, lent, NOW)
    shown = {
        "outcome": read.outcome.value,
        "code": read.code,
        "changes": dict(read.changes),
        "retry_after": read.retry_after / timedelta(seconds=1) if read.retry_after is not None else None,
    }
    assert {name: shown[name] for name in case["expect"]} == case["expect"]
    assert bool(read.changes) == (read.outcome.value == "ok")


@cases("prepare")
def test_prepared_requests(path: Path) -> None:
    provider, case = load(path)
    expect = case["expect"]
    passed = Passed(
        method=case.get("method", "POST"),
        route=Route(case["route"]),
        tail=case.get("tail", ""),
        query=case.get("query", ""),
        headers=[(name, value) for name, value in case.get("headers", [])],
        body=case.get("body", "{}").encode(),
        model=case.get("model"),
    )
    lent = credential(provider, case["document"])
    if "error" in expect:
        with pytest.raises(DeckError) as raised:
            PROVIDERS[provider].prepare(passed, lent, Providers())
        assert raised.value.code == expect["error"]
        return
    outgoing = PROVIDERS[provider].prepare(passed, lent, Providers())
    names = [name for name, _ in outgoing.headers]
    headers = dict(outgoing.headers)
    assert outgoing.url == expect["url"]
    assert outgoing.method == passed.method
    assert {name: headers.get(name) for name in expect.get("headers", {})} == expect.get("headers", {})
    assert [name for name in expect.get("absent", []) if name in headers] == []
    assert len(names) == len(set(names))
    assert outgoing.body == expect.get("body", case.get("body", "{}")).encode()
    assert not any("client_FAKE" in value for value in headers.values())
