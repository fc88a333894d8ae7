"""What a request's JSON body asks for, and changing the model's name in it. All other values stay byte for byte."""

from dataclasses import dataclass

import msgspec

from authdeck.errors import DeckError


@dataclass(frozen=True, slots=True)
class Asked:
    """``model`` as the client wrote it; ``None`` where it named none.

    ``naming`` are the body's members that may name a conversation, raw; ``protocols.conversations`` reads them.
    """

    model: str | None
    naming: "Naming"


class Naming(msgspec.Struct):
    """JSON of each member as it stands; empty where there is none."""

    metadata: msgspec.Raw = msgspec.Raw(b"")
    session_id: msgspec.Raw = msgspec.Raw(b"")
    session_id_camel: msgspec.Raw = msgspec.field(default=msgspec.Raw(b""), name="sessionId")
    prompt_cache_key: msgspec.Raw = msgspec.Raw(b"")
    conversation: msgspec.Raw = msgspec.Raw(b"")
    conversation_id: msgspec.Raw = msgspec.Raw(b"")


NOTHING_NAMED = Naming()


class _Body(Naming):
    model: str | None = None


_body = msgspec.json.Decoder(_Body)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def asked(body: bytes) -> Asked:
    """Read the model; the whole body is checked to be one JSON object, and nothing else in it is validated.

    Raises ``DeckError``: ``body_not_json``, ``body_invalid`` (no object, or a model that is no text).
    """
    try:
        found = _body.decode(body)
    except msgspec.ValidationError as error:
        raise DeckError("body_invalid", problem=str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise DeckError("body_not_json") from None
    return Asked(found.model, found)


def renamed(body: bytes, model: str) -> bytes:
    """Give the body with another model name; members keep their order and bytes."""
    members = _members.decode(body)
    members["model"] = msgspec.Raw(msgspec.json.encode(model))
    return msgspec.json.encode(members)
