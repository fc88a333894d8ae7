"""Words for people: codes and templates become sentences here, in every language we speak, and nowhere else."""

from authdeck.wording.catalogue import LOCALES, plural, translate
from authdeck.wording.figures import age, ago, clock, compact, count, day, duration, moment, share, soon, until
from authdeck.wording.speaking import has_sentence, sentence

__all__ = (
    "LOCALES",
    "age",
    "ago",
    "clock",
    "compact",
    "count",
    "day",
    "duration",
    "has_sentence",
    "moment",
    "plural",
    "sentence",
    "share",
    "soon",
    "translate",
    "until",
)
