"""Auth files of fictional people, and taking them in."""

import base64
import json
from typing import Any

from authdeck.operations.desk import Desk
from authdeck.operations.import_files import Choices, ImportReport, Source, import_files
from fakes.people import ANN


def jwt(claims: dict[str, Any]) -> str:
    def part(content: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'RS256'})}.{part(claims)}.c2lnbmF0dXJlLUZBS0U"


def codex(
    email: str = "ann@example.com", organization: str = "acc-fake-1", user: str = "user-fake-1", **fields: Any
) -> bytes:
    auth = {"chatgpt_account_id": organization, "chatgpt_user_id": user, "chatgpt_plan_type": "plus"}
    document = {
        "type": "codex",
        "email": email,
        "account_id": organization,
        "id_token": jwt({"email": email, "https://api.openai.com/auth": auth}),
        "access_token": "at_FAKE_1",
        "refresh_token": f"rt_FAKE_{organization}_{user}",
        "last_refresh": "2026-11-22T10:00:00Z",
        "expired": "2026-12-01T10:00:00Z",
        **fields,
    }
    return json.dumps(document).encode()


async def take_in(desk: Desk, *files: tuple[str, bytes], **choices: Any) -> ImportReport:
    sources = [Source(name, content) for name, content in files]
    preview = choices.pop("preview", False)
    actor = choices.pop("actor", ANN)
    return await import_files(desk, sources, actor, preview=preview, choices=Choices(**choices))
