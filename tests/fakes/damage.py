"""Inputs that no parser should trust: real documents, bent and broken, by the thousand and repeatable by number.

Bent first as JSON (a key gone, renamed or moved, a value of another kind), then some of them broken as bytes. That is
quick, and goes deeper than documents made up from nothing: what a parser looks for is mostly there.
"""

import json
import multiprocessing
import os
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from random import Random
from typing import Any

from authdeck.formats import zipped

BLOCK = 2_000
"""Inputs of one seed. A larger number of them is shared among processes."""

KEYS = [
    "type", "provider", "accessToken", "access_token", "refresh_token", "refreshToken", "id_token", "session", "user",
    "account", "accounts", "proxies", "exported_at", "data", "platform", "credentials", "status", "name", "tokens",
    "token", "OPENAI_API_KEY", "claudeAiOauth", "expires", "expired", "expiresAt", "service_account", "private_key",
    "api_key", "api-key", "base_url", "models", "headers", "proxy_url", "priority", "weight", "prefix", "disabled",
    "excluded_models", "model_aliases", "project_id", "location", "id", "email", "plan_type", "account_id", "timestamp",
    "expires_in", "profile", "extra", "last_refresh", "note", "error", "code", "detail", "request_scoped_errors",
]  # fmt: skip


def _nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


VALUES: list[Any] = [
    *map(_nested, (60, 61, 62, 63, 64)),
    None, True, False, 0, -1, 1, 2**63, 10**400, 1.5, -0.0, 1e308, "", " ", "codex", "claude", "xai", "kimi", "vertex",
    "gemini", "openai", "oauth", "service_account", "openai_compatible", "active", "at_FAKE", "rt_FAKE", "9" * 30,
    "eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJSUzI1NiJ9.e30.x", "eyJhbGciOiJSUzI1NiJ9.W10.x", "a.b.c", "..",
    "2026-12-01T00:00:00Z", "2026-13-45", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "\u200b", "\ud800",
    "\x00", "http://[", "http://[::1]:99999/", "direct", "socks5://u:p@h:1", "x" * 300, "é", "İ",
    "-----BEGIN PRIVATE KEY-----",
    [], {}, [None], [[]], [{}], {"": ""}, {"a": {"b": {"c": []}}}, ["*"], "***",
]  # fmt: skip
PIECES = [
    b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\\ud800", b"\\u0000",
    b'"', b"{", b"}", b"[", b"]", b",", b":",
    b"NaN", b"\n", b"Infinity", b"-", b"1e999", b"<html", b"cf_chl", b"PK\x03\x04", b"PK\x05\x06",
    b"[" * 70, b'{"a":' * 70, b"[" * 2_000, b"9" * 5_000, b'"type":"codex",', b"\r", b"\t", b"/", b"null",
    b"age-encryption.org/v1\n",
]  # fmt: skip

_NAMES = ["a.json", "b.json", "x/y.json", "../../a.json", ".a.json", "__MACOSX/a.json", "é.json", "nul.json", "a.txt"]

Check = Callable[[bytes, Random], None]


class Damaged(AssertionError):
    """A parser broke on an input, which is said whole."""


def assert_survives(
    check: Check, seeds: Sequence[bytes], inputs: int, make: Callable[..., bytes] | None = None
) -> None:
    """``check`` gets so many inputs made from the seeds, by ``make`` or else ``bent``. Whatever it raises is told.

    Check and maker have to be functions of a module, so that other processes find them.
    """
    blocks = [(check, seeds, make or bent, start, min(BLOCK, inputs - start)) for start in range(0, inputs, BLOCK)]
    if len(blocks) == 1:
        told = _survived(*blocks[0])
        if told is not None:
            raise Damaged(told)
        return
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=context) as processes:
        for told in processes.map(_survived, *zip(*blocks, strict=True)):
            if told is not None:
                raise Damaged(told)


def _survived(check: Check, seeds: Sequence[bytes], make: Callable[..., bytes], start: int, count: int) -> str | None:
    """What went wrong, with the input that did it."""
    name = _name(check)
    random = Random(f"{name} {start}")
    for number in range(start, start + count):
        content = make(seeds, random)
        try:
            check(content, random)
        except Exception:  # noqa: BLE001 - whatever it is, it is the finding
            return f"input {number} of {name}: {content!r}\n{traceback.format_exc()}"
    return None


def _name(check: Check) -> str:
    """Each check gets inputs of its own: its name is part of their seed."""
    if isinstance(check, partial):
        return " ".join((check.func.__name__, *map(str, check.args)))
    return check.__name__


# ---- making inputs ----


def bent(seeds: Sequence[bytes], random: Random) -> bytes:
    """One of the documents with one to four changes; three of ten then lose their shape as JSON, too."""
    document = json.loads(random.choice(seeds))
    for _ in range(random.randint(1, 4)):
        document = _bend(document, seeds, random)
    content = json.dumps(document, ensure_ascii=random.random() < 0.5).encode("utf-8", "surrogatepass")
    return broken(content, random) if random.random() < 0.3 else content


def broken(content: bytes, random: Random) -> bytes:
    """The bytes with one to three places cut, doubled, flipped or filled with something odd."""
    for _ in range(random.randint(1, 3)):
        start = random.randrange(len(content) + 1)
        end = min(len(content), start + random.choice((0, 1, 1, 2, 4, 16, 64)))
        piece = random.choice(
            (b"", content[start:end] * 2, random.randbytes(random.randint(1, 4)), random.choice(PIECES))
        )
        content = content[:start] + piece + content[end:]
    return content


def noise(_seeds: Sequence[bytes], random: Random) -> bytes:
    """Any bytes, or pieces that mean something to a parser in any order."""
    if random.random() < 0.5:
        return random.randbytes(random.randint(0, 300))
    return b"".join(random.choice(PIECES[:-1]) for _ in range(random.randint(1, 12)))


def zip_of(seeds: Sequence[bytes], random: Random) -> bytes:
    """A zip of up to three documents under odd names, most of them broken afterwards."""
    names = random.sample(_NAMES, random.randint(0, 3))
    files = {name: bent(seeds, random) if random.random() < 0.5 else random.choice(seeds) for name in names}
    manifest = [{"file_name": name, "sha256": zipped.digest(content)} for name, content in files.items()]
    content = zipped.write(files, manifest if random.random() < 0.3 else None)
    return broken(content, random) if random.random() < 0.8 else content


def _bend(document: Any, seeds: Sequence[bytes], random: Random) -> Any:
    """One change somewhere inside; at the top now and then."""
    places = list(_places(document))
    if not places or random.random() < 0.05:
        return random.choice(([document], [document, document], {random.choice(KEYS): document}, _odd(seeds, random)))
    holder, key = random.choice(places)
    match random.randrange(7):
        case 0:
            del holder[key]
        case 1:
            holder[key] = _odd(seeds, random)
        case 2:
            holder[key] = [holder[key]]
        case 3:
            holder[key] = {random.choice(KEYS): holder[key]}
        case 4 if isinstance(holder, dict):
            holder[random.choice(KEYS)] = holder.pop(key)
        case 5 if isinstance(holder, dict):
            holder[random.choice(KEYS)] = _odd(seeds, random)
        case _:
            holder[key] = str(holder[key])[: random.randint(0, 40)]
    return document


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    waiting = [document]
    while waiting:
        holder = waiting.pop()
        for key, value in list(
            holder.items() if isinstance(holder, dict) else enumerate(holder) if isinstance(holder, list) else ()
        ):
            yield holder, key
            if isinstance(value, dict | list):
                waiting.append(value)


def _odd(seeds: Sequence[bytes], random: Random) -> Any:
    """An odd value, or now and then a part of another document."""
    if random.random() < 0.85:
        value = random.choice(VALUES)
        return json.loads(json.dumps(value)) if isinstance(value, dict | list) else value
    other = json.loads(random.choice(seeds))
    return random.choice(list(other.values())) if isinstance(other, dict) and other else other
