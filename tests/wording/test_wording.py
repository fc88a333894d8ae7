"""Every message of the product has its words in every language, and times read as people write them."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from authdeck import wording
from authdeck.wording.catalogue import catalogue
from authdeck.wording.extract import missing, template
from authdeck.wording.sentences import SENTENCES, worded_twice

NOW = datetime(2026, 11, 24, 13, 14, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
PLACES = re.compile(r"%\(\w+\)s|\{\w+\}")


def test_it_works() -> None:
    assert wording.sentence("disabled", {"actor": "bob", "note": "audit"}) == "Disabled by bob: “audit”."
    assert wording.sentence("disabled", {"actor": "bob", "note": ""}, "zh-CN") == "由 bob 停用。"


@pytest.mark.parametrize("locale", wording.LOCALES[1:])
def test_every_template_message_and_sentence_is_translated(locale: str) -> None:
    assert missing(locale) == []


@pytest.mark.parametrize("locale", wording.LOCALES[1:])
def test_translations_keep_the_parameters(locale: str) -> None:
    wrong = []
    for entry in catalogue(locale):
        texts = entry.string if isinstance(entry.string, tuple | list) else (entry.string,)
        source = entry.id[-1] if isinstance(entry.id, tuple | list) else entry.id
        places = sorted(PLACES.findall(source))
        wrong += [source for text in texts if entry.id and text and sorted(PLACES.findall(text)) != places]
    assert wrong == []


def test_the_templates_are_found() -> None:
    assert template().get("Auth Files") is not None


def test_no_code_has_two_wordings() -> None:
    assert worded_twice() == {}


def test_sentences_say_no_please_and_shout_not() -> None:
    assert [text for text in SENTENCES.values() if "!" in text or "please" in text.lower()] == []


def test_an_unknown_code_is_still_words() -> None:
    assert wording.sentence("quite_new_thing") == "Quite new thing."


def test_a_missing_parameter_does_not_raise() -> None:
    assert "…" in wording.sentence("account_not_found")


def test_an_unknown_language_is_english() -> None:
    assert wording.translate("Auth Files", "tlh") == "Auth Files"


def test_plurals_have_one_form_in_chinese() -> None:
    forms = ("%(count)s account", "%(count)s accounts")
    assert [wording.plural(*forms, number) for number in (1, 2)] == list(forms)
    assert wording.plural(*forms, 1, "zh-CN") == wording.plural(*forms, 2, "zh-CN") == "%(count)s 个账号"


@pytest.mark.parametrize(
    ("at", "english", "chinese"),
    [
        (NOW + timedelta(hours=2, minutes=26), "16:40, in 2 h 26 min", "16:40，2 小时 26 分钟后"),
        (NOW + timedelta(days=2, hours=6), "26 Nov, 20:14, in 2 d 6 h", "11月26日 20:14，2 天 6 小时后"),
        (NOW + timedelta(days=60), "23 Jan 2027, 14:14", "2027年1月23日 14:14"),
    ],
)
def test_the_clock_comes_first_and_the_distance_second(at: datetime, english: str, chinese: str) -> None:
    assert wording.until(at, NOW, BERLIN) == english
    assert wording.until(at, NOW, BERLIN, "zh-CN") == chinese


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.3, "0.3 s"), (1, "1.0 s"), (14.2, "14 s"), (59.6, "60 s"), (60, "1 min"), (93_600, "1 d 2 h")],
)
def test_durations_in_their_two_largest_units(seconds: float, text: str) -> None:
    assert wording.duration(timedelta(seconds=seconds)) == text


def test_a_share_is_never_rounded_up_to_all() -> None:
    assert wording.share(9_999, 10_000) == "99.9%"
    assert wording.share(1, 1) == "100%"


def test_a_clock_error_is_not_the_future() -> None:
    assert wording.ago(NOW + timedelta(seconds=3), NOW) == "1 second ago"
