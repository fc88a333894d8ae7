"""Auth files of many made-up people at several providers, for the benchmarks of lists."""

import json
from collections.abc import Iterator

from shared import jwt

_PLANS = ("plus", "pro", "team", "free", "prolite", "business")
_NOTES = ("", "", "", "team pool", "夜间任务", "on loan from Ann", "overflow, ask first", "备用账号")


def mixed_files(number: int) -> Iterator[tuple[str, bytes]]:
    """Name and content of ``number`` auth files: Codex mostly, some Claude and Kimi; notes, prefixes, projects."""
    for n in range(number):
        email = f"person{n:06}@example{n % 20}.com"
        provider = ("codex", "codex", "codex", "codex", "codex", "codex", "claude", "claude", "kimi", "codex")[n % 10]
        document = {**_tokens(n, email, provider), **_settings(n)}
        yield f"{provider}-{email}-{_PLANS[n % len(_PLANS)]}.json", json.dumps(document).encode()


def _tokens(n: int, email: str, provider: str) -> dict[str, object]:
    organization, user = f"org-fake-{n:06}", f"user-fake-{n:06}"
    common: dict[str, object] = {
        "type": provider,
        "email": email,
        "access_token": f"at_FAKE_{n:06}_{'x' * 40}",
        "refresh_token": f"rt_FAKE_{n:06}",
        "last_refresh": "2026-11-22T10:00:00Z",
        "expired": "2099-12-01T10:00:00Z",
    }
    if provider != "codex":
        return common
    claims = {
        "email": email,
        "https://api.openai.com/auth": {
            "chatgpt_account_id": organization,
            "chatgpt_user_id": user,
            "chatgpt_plan_type": _PLANS[n % len(_PLANS)],
        },
    }
    return {**common, "account_id": organization, "id_token": jwt(claims)}


def _settings(n: int) -> dict[str, object]:
    """What a person would have set on some of them."""
    chosen = {
        "note": _NOTES[n % len(_NOTES)],
        "priority": (0, 0, 0, 10, 5)[n % 5],
        "prefix": f"team{n % 40}" if n % 3 == 0 else "",
        "project_id": f"project-{n % 300}" if n % 4 == 0 else "",
        "disabled": n % 25 == 0,
    }
    return {name: value for name, value in chosen.items() if value}
