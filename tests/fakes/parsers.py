"""What every parser promises, as checks of one input. Functions of a module, so that other processes find them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from random import Random
from typing import Final

from authdeck import formats, providers
from authdeck.account import Kind, Provider, SecretSettings
from authdeck.credential import Credential, Draft
from authdeck.errors import DeckError
from authdeck.exchange import RefreshOutcome, Reply
from authdeck.formats import Refused, cliproxyapi, codex_cli, sub2api
from authdeck.formats.document import redacted
from authdeck.providers import PROVIDERS
from authdeck.settings import Providers
from authdeck.wording import has_sentence
from fakes.damage import Check, bent

NOW: Final = datetime(2026, 11, 23, tzinfo=UTC)
ROTATING: Final = (Provider.CODEX, Provider.CLAUDE, Provider.ANTIGRAVITY, Provider.KIMI, Provider.XAI)
_SETTINGS: Final = Providers()
_NAMES: Final = ("a.json", "", ".json", "a", "../a.json", "nul.json", "a" * 300 + ".json", "\ud800.json", "é.json")
_STATUSES: Final = (200, 201, 204, 400, 401, 402, 403, 404, 408, 418, 429, 499, 500, 503, 529, 600)


def detected(content: bytes, _random: Random) -> None:
    _check(content, None)


def under_any_name(content: bytes, random: Random) -> None:
    _check(content, random.choice((None, *formats.SOURCES)), random.choice(_NAMES))


def edited(content: bytes, _random: Random) -> None:
    """What is shown and given back is the same; a patch says what it was told, and keeps the rest."""
    try:
        document = formats.parsed(content)
    except DeckError:
        return
    shown = redacted(document)
    assert formats.unhidden(shown, document) == document
    assert formats.changed_fields(document, document) == []
    assert formats.rewritten(content, document) == content
    patched = formats.parsed(formats.patch(content, {"access_token": "at_FAKE_new", "odd": 1}))
    assert patched == {**document, "access_token": "at_FAKE_new", "odd": 1}
    assert all(each.change == "same" for each in formats.differences(document, document))


def written(content: bytes, _random: Random) -> None:
    """An account that was taken goes out in every form, or is refused by a code; and its own form is itself."""
    for draft in _offered(content, None):
        if isinstance(draft, Refused):
            continue
        same = cliproxyapi.write(draft.content, draft.settings, draft.secret_settings, disabled=draft.disabled)
        assert same == draft.content
        bare = cliproxyapi.write(draft.content, type(draft.settings)(), SecretSettings(), disabled=False)
        assert formats.opened(bare).keys() >= draft.document.keys()
        _refused(partial(codex_cli.write, draft.document))
        _refused(partial(sub2api.write, [draft.document], [draft.disabled], NOW))


def breaking(content: bytes, _random: Random) -> None:
    """A parser that does not keep the promise."""
    _ = len(content) / (len(content) % 7)


def share_taken(source: str, seeds: list[bytes], inputs: int) -> float:
    """How many of so many bent documents are still accounts to that source, 0 to 1."""
    random = Random(source)
    rows = [row for _ in range(inputs) for row in _offered(bent(seeds, random), source)]
    return sum(isinstance(row, Draft) for row in rows) / len(rows)


# ---- the promises ----


def _check(content: bytes, source: str | None, file_name: str = "a.json") -> None:
    for row in _offered(content, source, file_name):
        if isinstance(row, Refused):
            assert has_sentence(row.error.code), row.error.code
        else:
            _completed(row)


def _offered(content: bytes, source: str | None, file_name: str = "a.json") -> list[Draft | Refused]:
    try:
        return formats.offered(file_name, content, source)
    except DeckError as error:
        return [Refused("a.json", error)]


def _completed(draft: Draft) -> None:
    """A draft's bytes are its document, and its provider takes it or says why not."""
    assert formats.opened(draft.content) == draft.document
    code = None
    try:
        draft = providers.complete(draft, _SETTINGS)
    except DeckError as error:
        code = error.code
    assert code is None or has_sentence(code), code
    assert all(has_sentence(code) for code, _ in draft.notes)
    module = PROVIDERS[draft.provider]
    tokens = module.tokens(draft.document)
    assert all(text for _, text in module.secrets(draft.document))
    if code is None:
        assert tokens.bearer or tokens.refresh_token or not module.KEEPS_TOKEN


def _refused(write: partial[bytes]) -> None:
    code = None
    try:
        write()
    except DeckError as error:
        code = error.code
    assert code is None or has_sentence(code), code


def _token_answer(provider: Provider, content: bytes, random: Random) -> None:
    """New tokens are called ok only where there are some; whatever the answer, its meaning has a code."""
    reply = Reply(random.choice(_STATUSES), _headers(random), content)
    read = PROVIDERS[provider].read_refresh(reply, _credential(provider), NOW)
    assert read.outcome is not RefreshOutcome.OK or read.changes
    assert read.outcome is RefreshOutcome.OK or not read.changes
    assert read.outcome is RefreshOutcome.OK or read.code
    if provider in ROTATING and 200 <= reply.status < 300:  # may have rotated: never a failure that can be repeated
        assert read.outcome in {RefreshOutcome.OK, RefreshOutcome.UNKNOWN}
    formats.patch(b'{"type": "FAKE"}', read.changes)


def _failure(provider: Provider, content: bytes, random: Random) -> None:
    observed = PROVIDERS[provider].read_failure(random.choice(_STATUSES), _headers(random), content, NOW, "m")
    assert observed.code


def _headers(random: Random) -> Mapping[str, str]:
    value = random.choice(("", "0", "-1", "5", "9" * 40, "Wed, 21 Oct 2026 07:28:00 GMT", "é", "1e9"))
    return {random.choice(("retry-after", "x-codex-primary-reset-after-seconds", "content-type")): value}


def _credential(provider: Provider) -> Credential:
    return Credential(
        "0" * 16, provider, Kind.OAUTH, 1, 1, {"expires_in": 1, "timestamp": 1, "expired": "x"}, "at_FAKE", "rt_FAKE"
    )


def _of_source(source: str, content: bytes, _random: Random) -> None:
    _check(content, source)


OF_SOURCE: Final[Mapping[str, Check]] = {source: partial(_of_source, source) for source in formats.SOURCES}
ANSWERS_TO: Final[Mapping[Provider, Check]] = {each: partial(_token_answer, each) for each in Provider}
FAILURES_OF: Final[Mapping[Provider, Check]] = {each: partial(_failure, each) for each in Provider}
