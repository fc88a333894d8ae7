"""Turning another program's document into one of ours: its fields move to their flat names, unknown ones are kept."""

import json
from collections.abc import Mapping
from typing import Any

from authdeck.account import Kind, Provider
from authdeck.credential import Draft
from authdeck.formats import id_tokens
from authdeck.formats.attributes import lift
from authdeck.formats.document import opened

OTHER_PROGRAM = "other_program_logged_in"
"""The note that a sign-in belongs to a program which refreshes it too: hands off unless a person says otherwise."""


def converted(
    file_name: str,
    source: str,
    provider: Provider,
    kind: Kind,
    *,
    moved: Mapping[str, Any],
    rest: Mapping[str, Any],
    notes: tuple[tuple[str, Mapping[str, Any]], ...] = (),
) -> Draft:
    """``moved`` are the fields under our names, ``rest`` those that keep theirs. Both are sealed, as new JSON.

    Nulls are left out of ``moved``: a field nobody filled is no field. An unsafe id token is left out too, and said.
    Raises like ``document.parse``: the new JSON may be longer and deeper than the file was, and has to be opened again.
    """
    plain = {name: value for name, value in moved.items() if value is not None}
    if id_tokens.is_unsafe(plain):
        del plain["id_token"]
        rest = {name: value for name, value in rest.items() if name != "id_token"}
        notes = (*notes, (id_tokens.DROPPED, {}))
    kept = {name: value for name, value in rest.items() if name not in plain and name != "type"}
    content = json.dumps({"type": provider.value, **plain, **kept}, ensure_ascii=False, indent=2).encode()
    found = opened(content)
    lifted = lift(found)
    return Draft(
        provider=provider,
        kind=kind,
        file_name=file_name,
        source=source,
        content=content,
        document=found,
        settings=lifted.settings,
        secret_settings=lifted.secret_settings,
        disabled=lifted.disabled,
        notes=(*notes, *lifted.notes),
    )
