"""The JSON of an auth file: reading it strictly, one spelling for its keys, changing tokens and nothing else.

Every other value of a file is kept byte for byte, in its place: other programs read these files too.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NoReturn

from authdeck.errors import DeckError

MAX_BYTES: Final = 10 * 1024 * 1024
MAX_TEXT: Final = 1_000_000
"""Characters of a text that was pasted instead of sent as a file."""
MAX_DEPTH: Final = 64
MAX_NAME: Final = 200
HIDDEN: Final = "***"

_HYPHENATED: Final = (
    "api-key", "base-url", "disable-cooling", "excluded-models", "fingerprint-profile", "model-aliases", "proxy-url",
    "request-retry", "request-scoped-errors", "tool-prefix-disabled",
)  # fmt: skip
"""Keys that CLIProxyAPI also takes with hyphens. The canonical spelling wins where a file has both."""

_FREE_TEXT: Final = frozenset({"note", "label", "name", "organization_name"})
"""Where people write: joiners inside an emoji are not hidden text there."""

_INVISIBLE: Final = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
_IMPOSSIBLE: Final = re.compile(r"[\x00\ud800-\udfff]")
_CHALLENGE: Final = (
    "<!doctype html",
    "<html",
    "<head",
    "<body",
    "cf_chl",
    "__cf_chl_tk",
    "challenge-platform",
    "cloudflare",
)
_CHALLENGE_WITHIN: Final = 4_096
_BOM: Final = "\ufeff"
_SPACE: Final = " \t\r\n"

_NAME_CHARACTERS: Final = re.compile(r'[\\/:*?"<>|]')
_NAME_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_NAME_RESERVED: Final = re.compile(r"(?i)(?:con|prn|aux|nul|com[1-9]|lpt[1-9])(?:\..*)?")

_SECRET_KEY: Final = re.compile(
    r"(?i)tokens?$|secret|passw|(?:^|_|api|private|session)_?key$|cookie|authorization|bearer|credential|verifier|assertion"
)
_LOOKS_SECRET: Final = re.compile(r"eyJ[\w-]{8,}\.|-----BEGIN|(?:sk|rt|sess)[-_][\w-]{8,}|ya29\.|1//|AIza[\w-]{8,}")
_NOT_SECRET: Final = frozenset({"private_key_id"})
_USERINFO: Final = re.compile(r"^([a-z][a-z0-9+.-]*://)[^/@\s]+@", re.IGNORECASE)


# ---- reading ----


def parse(content: bytes) -> Any:
    """The file's JSON.

    Raises ``DeckError``: ``file_too_large``, ``file_empty``, ``encoding_invalid``, ``html_page``,
    ``file_not_json(line, column)``, ``number_invalid``, ``duplicate_key(key)``, ``too_deep``,
    ``character_refused(field, position, character)``.
    """
    text = decode(content)
    try:
        value = json.loads(text.removeprefix(_BOM), object_pairs_hook=_object, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise DeckError("file_not_json", line=error.lineno, column=error.colno) from None
    except RecursionError:
        raise DeckError("too_deep", limit=MAX_DEPTH) from None
    except ValueError:  # a number of thousands of digits
        raise DeckError("file_not_json", line=1, column=1) from None
    _check(value)
    return value


def decode(content: bytes) -> str:
    """The file's text, its byte-order mark kept. Raises as ``parse`` for what no JSON reader need see."""
    if len(content) > MAX_BYTES:
        raise DeckError("file_too_large", size=len(content), limit=MAX_BYTES)
    if not content.strip(b"\xef\xbb\xbf \t\r\n"):
        raise DeckError("file_empty")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DeckError("encoding_invalid", position=error.start) from None
    if _is_page(text):
        raise DeckError("html_page")
    return text


def opened(content: bytes) -> dict[str, Any]:
    """A stored auth file in canonical spelling, as providers read it. Raises like ``parse``, and ``not_an_object``."""
    return canonical(parsed(content))


def parsed(content: bytes) -> dict[str, Any]:
    """A stored auth file in the spelling that it has. Raises like ``opened``."""
    value = parse(content)
    if not isinstance(value, dict):
        raise DeckError("not_an_object", found=_kind(value))
    return value


def canonical(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with hyphenated keys in snake_case."""
    found = dict(document)
    for key in _HYPHENATED:
        if key in found:
            value = found.pop(key)
            found.setdefault(key.replace("-", "_"), value)
    return found


def redacted(value: Any) -> Any:
    """The JSON value with every token, key, cookie, added header and URL's user as ``***``: fit to be shown."""
    if isinstance(value, dict):
        return {key: _redacted_member(key, item) for key, item in value.items()}
    if isinstance(value, list):
        return [redacted(item) for item in value]
    if not isinstance(value, str):
        return value
    return HIDDEN if _LOOKS_SECRET.match(value) else _USERINFO.sub(rf"\1{HIDDEN}@", value)


# ---- names ----


def check_name(file_name: str) -> str:
    """The name, if it may name an auth file. Raises ``file_name_invalid(file_name, problem)``."""
    if (problem := _name_problem(file_name)) is not None:
        raise DeckError("file_name_invalid", file_name=_printable(file_name), problem=problem)
    return file_name


def member_name(file_name: str, number: int, count: int) -> str:
    """The name of an array's member: the file's own for the only one, else with ``-1``, ``-2``, … before ``.json``."""
    return file_name if count == 1 else f"{file_name[: -len('.json')]}-{number}.json"


# ---- members and changes ----


def members(content: bytes) -> list[bytes]:
    """The members of a JSON array, each with the very bytes it has in the file. The content is known to be one."""
    text = content.decode("utf-8").removeprefix(_BOM)
    return [text[start:end].encode() for start, end in _array_spans(text)]


def patch(content: bytes, changes: Mapping[str, object]) -> bytes:
    """The auth file with these top-level keys set; all other bytes, keys and their order stay.

    A key that is there is changed in its place, a new one goes to the end. Raises ``not_an_object``, ``file_not_json``.
    """
    text = content.decode("utf-8")
    try:
        start = _after_space(text, len(_BOM) if text.startswith(_BOM) else 0)
        if text[start : start + 1] != "{":
            raise DeckError("not_an_object", found="other")
        spans = list(_object_spans(text, start))
    except (ValueError, IndexError, RecursionError):
        raise DeckError("file_not_json", line=1, column=1) from None
    added = {key: value for key, value in changes.items() if key not in {span[0] for span in spans}}
    patched = _with_added(text, start, spans, added)
    for key, begin, end in reversed(spans):
        if key in changes:
            patched = patched[:begin] + json.dumps(changes[key], ensure_ascii=False) + patched[end:]
    return patched.encode()


def _with_added(text: str, start: int, spans: Sequence[tuple[str, int, int]], added: Mapping[str, object]) -> str:
    """New members behind the last one, laid out as the first one is."""
    if not added:
        return text
    first_key = _after_space(text, start + 1)
    space = text[start + 1 : first_key] if spans else ""
    colon = ": " if not spans or text[text.index(":", first_key) + 1] in _SPACE else ":"
    glue = f",{space}" if space or colon == ":" else ", "
    written = glue.join(
        f"{json.dumps(key, ensure_ascii=False)}{colon}{json.dumps(value, ensure_ascii=False)}"
        for key, value in added.items()
    )
    if not spans:
        return text[: start + 1] + written + text[start + 1 :]
    end = spans[-1][2]
    return text[:end] + glue + written + text[end:]


_DECODER: Final = json.JSONDecoder()


def _object_spans(text: str, start: int) -> Iterator[tuple[str, int, int]]:
    """(key, begin, end) of each member's value, in order."""
    at = _after_space(text, start + 1)
    while text[at] != "}":
        key, at = _DECODER.raw_decode(text, at)
        begin = _after_space(text, _after_space(text, at) + 1)
        _, end = _DECODER.raw_decode(text, begin)
        yield key, begin, end
        at = _after_space(text, end)
        if text[at] == ",":
            at = _after_space(text, at + 1)


def _array_spans(text: str) -> Iterator[tuple[int, int]]:
    at = _after_space(text, _after_space(text, 0) + 1)
    while text[at] != "]":
        _, end = _DECODER.raw_decode(text, at)
        yield at, end
        at = _after_space(text, end)
        if text[at] == ",":
            at = _after_space(text, at + 1)


def _after_space(text: str, at: int) -> int:
    while text[at] in _SPACE:
        at += 1
    return at


# ---- what is refused ----


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise DeckError("duplicate_key", key=_printable(key))
        found[key] = value
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise DeckError("number_invalid", found=name)


def _check(value: Any) -> None:
    """Depth and characters of everything inside, without recursion."""
    waiting: list[tuple[Any, str, int]] = [(value, "", 1)]
    while waiting:
        item, field, depth = waiting.pop()
        if isinstance(item, str):
            _check_characters(item, field)
        elif isinstance(item, dict | list):
            if depth > MAX_DEPTH:
                raise DeckError("too_deep", limit=MAX_DEPTH)
            inside = item.items() if isinstance(item, dict) else enumerate(item)
            for key, part in inside:
                if isinstance(key, str):
                    _check_characters(key, field, is_key=True)
                waiting.append((part, f"{field}.{key}" if field else str(key), depth + 1))


def _check_characters(text: str, field: str, *, is_key: bool = False) -> None:
    if text.isascii() and "\x00" not in text:
        return
    pattern = _INVISIBLE
    if not is_key and field.rpartition(".")[2] in _FREE_TEXT:
        pattern = _IMPOSSIBLE
    if (found := pattern.search(text) or _IMPOSSIBLE.search(text)) is not None:
        where = _printable(text[: found.start()]) if is_key else _printable(field)
        code_point = f"U+{ord(found.group()):04X}"
        raise DeckError("character_refused", field=where, position=found.start() + 1, character=code_point)


def _is_page(text: str) -> bool:
    """A page saved in place of JSON: it begins with a tag, or names a challenge before any JSON begins."""
    start = text[:_CHALLENGE_WITHIN].lower().lstrip(_SPACE + _BOM)
    return start[:1] not in ("{", "[") and any(word in start for word in _CHALLENGE)


def _name_problem(name: str) -> str | None:
    stem = name[: -len(".json")]
    is_edgy = not stem or stem != stem.strip() or name != name.strip() or stem.startswith(".") or stem.endswith(".")
    problems = {
        "has_path": "/" in name or "\\" in name,
        "has_character": _NAME_CHARACTERS.search(name),
        "has_control_character": _NAME_CONTROL.search(name),
        "has_invisible_character": _INVISIBLE.search(name),
        "not_json": not name.lower().endswith(".json"),
        "bad_edges": is_edgy,
        "reserved": _NAME_RESERVED.fullmatch(stem),
        "too_long": len(name) > MAX_NAME or len(name.encode("utf-8", "replace")) > MAX_NAME,
    }
    return next((problem for problem, found in problems.items() if found), None)


def _redacted_member(key: str, value: Any) -> Any:
    if value in (None, "") or key in _NOT_SECRET or isinstance(value, bool):
        return value
    if key == "headers" and isinstance(value, dict):
        return dict.fromkeys(value, HIDDEN)
    if not _SECRET_KEY.search(key.replace("-", "_")):
        return redacted(value)
    if isinstance(value, list):
        return [redacted(item) if isinstance(item, dict | list) else HIDDEN for item in value]
    return redacted(value) if isinstance(value, dict) else HIDDEN


def _printable(text: str) -> str:
    """Fit to stand in a message: at most 200 characters, odd ones as ``?``."""
    return "".join(character if character.isprintable() else "?" for character in text[:MAX_NAME])


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    return next((name for kind, name in _KINDS if isinstance(value, kind)), "other")


_KINDS: Final[tuple[tuple[type, str], ...]] = (
    (bool, "boolean"), (str, "text"), (int, "number"), (float, "number"), (list, "list"), (dict, "object"),
)  # fmt: skip
