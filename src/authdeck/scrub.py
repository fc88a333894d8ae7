"""Taking secrets out of texts that others wrote, before a text is stored, logged or shown."""

import re
from typing import Final

LIMIT: Final = 500
"""Characters that a summary may have."""

_READ_AT_MOST: Final = 4_096
_HIDDEN: Final = "***"

_SECRETS: Final = (
    # 'authorization: Bearer x', 'cookie: a=b; c=d' up to the end of the line or of the quoted text
    re.compile(r"(?i)\b((?:proxy-)?authorization|(?:set-)?cookie)\b(\\?[\"']?\s*[:=]\s*\\?[\"']?)[^\r\n\"']+"),
    re.compile(r"(?i)\b(bearer|basic)(\s+)[\w.~+/=-]{4,}"),
    # any field whose name says that it is secret: JSON, form or header spelling
    re.compile(
        r"(?i)((?:token|secret|password|passwd|api[_-]?key|apikey|private[_-]?key|cookie|assertion|code_verifier)|\bkey)"
        r"(\\?[\"']?\s*[:=]\s*\\?[\"']?)[^\s\"',;&}\\]{4,}"
    ),
    re.compile(r"(-----BEGIN [A-Z ]+-----)()[\s\S]*?(?:-----END [A-Z ]+-----|$)"),
    re.compile(r"()()\beyJ[\w-]{5,}(?:\.[\w-]*){0,4}"),
    re.compile(
        r"()()\b(?:sk|sess|pk|rk|rt|at|xai|adk|ada|ghp|gho|github_pat|hf|ya29|AIza|GOCSPX|1//)(?:[-_./]|(?<=AIza)|(?<=1//))[\w./+=-]{6,}"
    ),
    re.compile(r"()()(?<![\w/.+-])(?=[\w+/-]*\d)(?=[\w+/-]*[A-Za-z])[\w+/-]{32,}={0,2}"),
)
_USERINFO: Final = re.compile(r"(?i)\b([a-z][a-z0-9+.-]{0,20}://)[^\s/@\"']+@")
_QUERY: Final = re.compile(r"(?i)\b(https?://[^\s?\"'<>]+)\?[^\s\"'<>]+")
_EMAIL: Final = re.compile(r"([\w.!#$%&'+=?^`{|}~-])[\w.!#$%&'+=?^`{|}~-]{0,63}@([\w-]+(?:\.[\w-]+)+)")


def scrub(text: str, limit: int = LIMIT) -> str:
    """The text on one line, without tokens, keys, cookies and URL queries, e-mails masked, cut at ``limit``."""
    text = _beginning(text)
    text = _QUERY.sub(rf"\1?{_HIDDEN}", _USERINFO.sub(rf"\1{_HIDDEN}@", text))
    for pattern in _SECRETS:
        text = pattern.sub(rf"\1\2{_HIDDEN}", text)
    text = _EMAIL.sub(rf"\1{_HIDDEN}@\2", text)
    if not text.isprintable():  # controls, a terminal's too, and what hides or turns text around
        text = "".join(character if character.isprintable() else " " for character in text)
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def _beginning(text: str) -> str:
    """What is read of it. A word cut in two goes: half a secret need not look like one any more."""
    if len(text) <= _READ_AT_MOST:
        return text
    start = text[:_READ_AT_MOST]
    return start[: max(start.rfind(" "), start.rfind("\n"), 0)]
