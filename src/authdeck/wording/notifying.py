"""A notification in words: its title, and a line for each thing that happened."""

from collections.abc import Mapping
from typing import Any

from authdeck.wording.speaking import has_sentence, sentence


def told(message: Mapping[str, Any], locale: str) -> tuple[str, str]:
    """Title and text of a message as ``notice.message`` makes it."""
    if "test" in message["counts"]:
        return sentence("notice.test.title", {}, locale), sentence("notice.test", {}, locale)
    title = sentence("notice.title", {"rule": message["rule"], "count": message["count"]}, locale)
    lines = [_line(event, locale) for event in message["events"]]
    more = message["count"] - len(lines)
    if more > 0:
        lines.append(sentence("notice.more", {"count": more}, locale))
    return title, "\n".join(lines)


def _line(event: Mapping[str, Any], locale: str) -> str:
    words = {name: value for name, value in event.items() if value is not None}
    for name in ("from", "to"):
        if name in words:
            words[name] = sentence(f"health.{words[name]}", {}, locale)
    if "cause" in words:
        words["cause"] = sentence(f"cause.{words['cause']}", {"subject": words["subject"]}, locale)
    if "window" in words:
        code = f"window.{words['window']}"
        words["window"] = sentence(code, {}, locale) if has_sentence(code) else words["window"]
    if "code" in words:
        words["code"] = sentence(words["code"], words, locale)
    words.setdefault("name", words["subject"])
    return sentence(f"notice.{event['kind']}", words, locale)
