"""The demo's fictional accounts, and a few requests that show what the deck does with them.

``demo_files`` adds the accounts to a simulator and gives their auth files, to be imported like any others; ``TRAFFIC``
are requests to send through the gateway once the terms in ``TERMS`` are acknowledged.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from authdeck.simulator.accounts import Account
from authdeck.simulator.server import Simulator

TERMS: Final = ("codex", "claude", "antigravity", "kimi", "xai")
"""Providers whose (simulated) terms the demo acknowledges."""

_AGO: Final = timedelta(minutes=-20)


@dataclass(frozen=True, slots=True)
class Persona:
    """One fictional account: who, what it is like, and the settings in its auth file.

    ``state``: ``fresh``; ``expired`` (refreshes at first use); ``revoked`` (the provider refuses it); ``used_up`` (its
    quota is gone for two hours).
    """

    provider: str
    identity: str
    plan: str = ""
    state: str = "fresh"
    kind: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)


PERSONAS: Final = (
    Persona("codex", "ann@example.com", "plus", settings={"note": "Ann, everyday work", "priority": 10}),
    Persona("codex", "bob@example.com", "pro", settings={"note": "Bob, long runs", "priority": 10, "weight": 3}),
    Persona("codex", "dora@example.org", "team", "expired", settings={"note": "Team seat", "prefix": "team"}),
    Persona("codex", "carl@example.org", "team", "used_up", settings={"prefix": "team", "priority": 20}),
    Persona("codex", "fred@example.com", "free", settings={"disabled": True, "note": "Left in June"}),
    Persona("codex", "nightly@example.org", kind="api_key", settings={"note": "API key of the nightly job"}),
    Persona("claude", "ann@example.com", "max", settings={"note": "Ann, reviews", "priority": 5}),
    Persona("claude", "bob@example.com", "pro", "expired"),
    Persona("claude", "gina@example.org", "team", "revoked", settings={"note": "Password changed last week"}),
    Persona("gemini", "ann@example.com", settings={"note": "Free tier key", "excluded_models": ["gemini-3-pro*"]}),
    Persona("vertex", "robot@example.org", settings={"note": "Service account", "prefix": "team"}),
    Persona("antigravity", "bob@example.com", "pro"),
    Persona("kimi", "dora@example.org", "code", "expired", settings={"note": "Fifteen-minute tokens"}),
    Persona("xai", "carl@example.org", "supergrok", settings={"disabled": True}),
    Persona("openai_compatible", "basement@example.org", settings={"note": "The server in the basement"}),
)


def demo_files(simulator: Simulator) -> list[tuple[str, bytes]]:
    """File name and content for each of ``PERSONAS``, which the simulator knows from now on."""
    return [simulator.auth_file(_welcome(simulator, persona), **persona.settings) for persona in PERSONAS]


def _welcome(simulator: Simulator, persona: Persona) -> Account:
    ends = _AGO if persona.state == "expired" else None
    account = simulator.account(
        persona.provider, persona.identity, plan=persona.plan, kind=persona.kind, expires_in=ends
    )
    if persona.state == "revoked":
        simulator.revoke(account)
    if persona.state == "used_up":
        simulator.use_up(account, for_=timedelta(hours=2))
    return account


@dataclass(frozen=True, slots=True)
class DemoRequest:
    """A request for the gateway; the caller adds its client key. ``title`` says what it shows."""

    title: str
    path: str
    document: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        return json.dumps(self.document).encode()


_ANTHROPIC: Final = {"anthropic-version": "2023-06-01"}
_GREETING: Final = [{"role": "user", "content": "Say hello"}]


def _responses(title: str, model: str, path: str = "/v1/responses") -> DemoRequest:
    return DemoRequest(title, path, {"model": model, "input": "Say hello", "stream": True, "store": False})


def _chat(title: str, model: str) -> DemoRequest:
    options = {"stream": True, "stream_options": {"include_usage": True}}
    return DemoRequest(title, "/v1/chat/completions", {"model": model, "messages": _GREETING, **options})


def _messages(title: str, model: str) -> DemoRequest:
    document = {"model": model, "max_tokens": 64, "messages": _GREETING, "stream": True}
    return DemoRequest(title, "/v1/messages", document, _ANTHROPIC)


def _generate(title: str, model: str) -> DemoRequest:
    document = {"contents": [{"role": "user", "parts": [{"text": "Say hello"}]}]}
    return DemoRequest(title, f"/v1beta/models/{model}:generateContent", document)


ONE_REQUEST: Final = _responses("One streamed answer", "gpt-5.5")
"""What the demo's button or command sends."""

TRAFFIC: Final = (
    ONE_REQUEST,
    _responses(
        "The team's first account has no quota left; the next one refreshes and serves",
        "gpt-5.5",
        "/p/team/v1/responses",
    ),
    _responses("A model that no list knows is passed on", "gpt-99-preview"),
    _messages("Claude, streamed", "claude-sonnet-5"),
    _messages("Claude again, from the next account", "claude-opus-5"),
    _chat("Kimi, after a refresh", "kimi-k3"),
    _chat("A server of one's own", "local-llama"),
    _generate("Gemini", "gemini-3-flash"),
    _responses("The provider fails", "fail-500"),
    _responses("The provider breaks off in mid-answer", "cut"),
)
"""A bit of everything, for the first look at the monitoring page. The last two fail, as they should."""
