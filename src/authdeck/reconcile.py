"""What all that is known of an account amounts to: holds to place and release, candidates, the next change. Pure.

Automation touches only holds of its own: those of owners ``COOLDOWN`` and ``CREDENTIAL`` that evidence placed, which
carry the evidence's signal. Everybody else's stay as they are. A locked account's holds are changed by people only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from authdeck import candidate, evidence, health
from authdeck.account import Account
from authdeck.action import LASTING
from authdeck.candidate import Candidate
from authdeck.clock import rfc3339
from authdeck.evidence import Action, Confidence, Evidence, Signal, Source
from authdeck.hold import Hold, Owner
from authdeck.quota import QuotaWindow

SHORTEST: Final = timedelta(seconds=60)
"""A limit that ends sooner is a pause of the pool, not a hold."""

TOLD_CAP: Final = timedelta(days=35)
GUESSED_CAP: Final = timedelta(hours=24)
LIMIT_GUESS: Final = timedelta(minutes=30)
"""How long an account rests after a limit of which nothing is known."""

FAILING_GUESS: Final = timedelta(minutes=2)
"""How long it rests after failing twice in a row."""

OLD: Final = timedelta(hours=6)
"""A cooldown whose evidence is older than this is tried once: limits are lifted by people, too."""

KEPT_AFTER_GUESS: Final = timedelta(hours=1)
"""A guessed end is only a try; the hold stays, half open, until something proves it right or this has passed."""

SETTLING: Final = timedelta(seconds=60)
"""Answers under way when the limit was reached still carry the figures of before."""

SKEW: Final = timedelta(seconds=60)

SWITCHED_OFF: Final = "disabled_automatically"
RECOVERED: Final = "recovered"

_COOLING: Final = frozenset({Signal.QUOTA, Signal.RATE_LIMIT, Signal.TRANSIENT})
_FIGURES: Final = frozenset({Source.QUOTA_QUERY, Source.INSPECTION})
_TOLD: Final = ("host", "reason", "at")
"""What the sentences of holds name, of what the evidence tells."""

_MANAGED: Final = frozenset({Owner.COOLDOWN, Owner.CREDENTIAL})


@dataclass(frozen=True, slots=True)
class Policy:
    """What automation is allowed to do at all. ``credential`` holds keep accounts away whose sign-in is done for.

    ``disable``: such accounts are switched off as a person would, until a person switches them on.
    """

    cooldown: bool = True
    credential: bool = True
    disable: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that counts. ``watermarks``: evidence observed up to that moment never raises that hold again."""

    account: Account
    holds: tuple[Hold, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    windows: tuple[QuotaWindow, ...] = ()
    watermarks: Mapping[tuple[Owner, str], datetime] = field(default_factory=dict)
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What to change. ``release`` pairs a hold with the code of why; ``holds`` are those open afterwards."""

    place: tuple[Hold, ...] = ()
    release: tuple[tuple[Hold, str], ...] = ()
    candidates: tuple[Candidate, ...] = ()
    resolve: tuple[Candidate, ...] = ()
    holds: tuple[Hold, ...] = ()
    next_change_at: datetime | None = None

    @property
    def is_empty(self) -> bool:
        return not (self.place or self.release or self.candidates or self.resolve)


def reconcile(facts: Facts, now: datetime, policy: Policy = Policy()) -> Plan:
    """The plan. Applied and asked again at the same moment, it is empty. The order of the facts does not matter."""
    rows = _with_success(facts, now)
    standing = evidence.standing(rows, facts.account.generation)
    open_rows = [*candidate.candidates(standing, facts.candidates, now), *_recovered(facts, standing, rows)]
    wanted = {_key(hold): hold for hold in _wanted(facts, standing, now, policy)}
    place, release = ([], []) if facts.account.locked else _differences(facts, wanted, standing, now)
    left = _after(facts.holds, place, release)
    return Plan(
        place=tuple(place),
        release=tuple(release),
        candidates=tuple(each for each in open_rows if each not in facts.candidates),
        resolve=tuple(candidate.resolved(facts.candidates, open_rows, rows, facts.account.generation, now)),
        holds=left,
        next_change_at=_next_change(facts, left, now),
    )


def is_ours(hold: Hold) -> bool:
    """Whether evidence placed it: only such holds are changed here."""
    return hold.owner in _MANAGED and "signal" in hold.detail


# ---- which holds there should be ----


def _wanted(facts: Facts, standing: list[Evidence], now: datetime, policy: Policy) -> list[Hold]:
    """One hold for each owner, code and scope, by its newest evidence."""
    found: dict[tuple[Owner, str, str | None], Hold] = {}
    for row in standing:
        for hold in (_hold_of(facts, row, now, policy), _switched_off(facts, row, policy)):
            if hold is not None:
                found.setdefault(_key(hold), hold)
    return list(found.values())


def _switched_off(facts: Facts, row: Evidence, policy: Policy) -> Hold | None:
    """What a person asked automation to do with accounts whose end is certain. It stays until a person ends it."""
    mark = facts.watermarks.get((Owner.INSPECTION, SWITCHED_OFF))
    is_certain = row.may_automate and row.confidence is Confidence.HIGH and row.signal in LASTING
    if not (policy.disable and is_certain) or (mark is not None and row.last_at <= mark):
        return None
    told = {"reason": row.code, "generation": facts.account.generation}
    return Hold(Owner.INSPECTION, SWITCHED_OFF, row.first_at, actor="authdeck", evidence=row.key or None, detail=told)


def _recovered(facts: Facts, standing: list[Evidence], rows: list[Evidence]) -> list[Candidate]:
    """The question whether to switch on again what automation switched off, once nothing stands behind it any more."""
    off = next((hold for hold in facts.holds if hold.code == SWITCHED_OFF and hold.owner is Owner.INSPECTION), None)
    if off is None or any(row.code == off.detail.get("reason") for row in standing):
        return []
    live = next((each for each in facts.candidates if each.is_live and each.reason_code == RECOVERED), None)
    if live is not None:
        return [live]
    if any(
        each.reason_code == RECOVERED and each.closed_at and each.closed_at >= off.since for each in facts.candidates
    ):
        return []
    seen = max((row.last_at for row in rows if row.signal is Signal.SUCCESS), default=off.since)
    return [Candidate(RECOVERED, Action.ENABLE, seen, seen)]


def _hold_of(facts: Facts, row: Evidence, now: datetime, policy: Policy) -> Hold | None:
    owner = Owner.COOLDOWN if row.signal in _COOLING else Owner.CREDENTIAL
    mark = facts.watermarks.get((owner, row.code))
    if not row.may_automate or (mark is not None and row.last_at <= mark):
        return None
    if owner is Owner.CREDENTIAL:
        return _held(row, owner) if policy.credential else None
    if not policy.cooldown or facts.account.settings.disable_cooling or not _lasts(row):
        return None
    hold = _cooling(row)
    return None if _is_over(facts, row, hold, now) else hold


def _lasts(row: Evidence) -> bool:
    """``Retry-After`` alone is a short block of the pool; an end that the answer itself named may be a hold."""
    if row.signal is Signal.RATE_LIMIT and not row.is_told:
        return False
    return _end(row) - row.last_at >= SHORTEST


def _end(row: Evidence) -> datetime:
    if row.signal is Signal.TRANSIENT:
        return row.last_at + FAILING_GUESS
    if row.until is None:
        return row.last_at + LIMIT_GUESS
    return min(row.until, row.last_at + (TOLD_CAP if row.is_told else GUESSED_CAP))


def _cooling(row: Evidence) -> Hold:
    end = _end(row)
    is_told = row.is_told and row.signal is not Signal.TRANSIENT
    tried = row.last_at + OLD if is_told and end - row.last_at > OLD else None if is_told else end
    return _held(row, Owner.COOLDOWN, end, try_at=rfc3339(tried) if tried else None, window=row.window)


def _held(row: Evidence, owner: Owner, until: datetime | None = None, **detail: Any) -> Hold:
    seen = {name: row.detail.get(name) for name in _TOLD}
    told = {"signal": row.signal.value, "source": row.source.value, "seen": rfc3339(row.last_at), **seen, **detail}
    kept = {name: value for name, value in told.items() if value is not None}
    return Hold(
        owner, row.code, row.first_at, until, row.scope, actor="authdeck", evidence=row.key or None, detail=kept
    )


def _is_over(facts: Facts, row: Evidence, hold: Hold, now: datetime) -> bool:
    tried = hold.try_at
    is_told = tried is None or tried != hold.until
    assert hold.until is not None
    if now >= hold.until + (timedelta(0) if is_told else KEPT_AFTER_GUESS):
        return True
    return _is_contradicted(facts.windows, row) or _was_served(facts.account, row, tried)


def _is_contradicted(windows: tuple[QuotaWindow, ...], row: Evidence) -> bool:
    """Fresh figures say that the window is not full: the named one's, else a whole listing's."""
    if row.signal is not Signal.QUOTA or row.scope is not None:
        return False
    fresh = [window for window in windows if window.scope is None and window.counts and _is_fresh(window, row)]
    named = [window for window in fresh if window.window == row.window]
    listed = [window for window in fresh if window.source in _FIGURES and window.used_percent is not None]
    asked = named if row.window is not None else listed
    return bool(asked) and not any(window.is_used_up or window.used_percent is None for window in asked)


def _is_fresh(window: QuotaWindow, row: Evidence) -> bool:
    margin = timedelta(0) if window.source in _FIGURES else SETTLING
    return row.is_dated and window.observed_at > row.last_at + margin


def _was_served(account: Account, row: Evidence, tried: datetime | None) -> bool:
    """A request that was let through to see was answered."""
    success = account.last_success_at
    return success is not None and tried is not None and success >= tried and success > row.last_at


# ---- from what is to what should be ----


def _differences(
    facts: Facts, wanted: dict[tuple[Owner, str, str | None], Hold], standing: list[Evidence], now: datetime
) -> tuple[list[Hold], list[tuple[Hold, str]]]:
    ours = {_key(hold): hold for hold in facts.holds if is_ours(hold)}  # what it switched off is a person's by now
    others = {_key(hold) for hold in facts.holds if not is_ours(hold)}
    place = []
    for key, hold in wanted.items():
        kept = replace(hold, since=ours[key].since, key=ours[key].key) if key in ours else hold
        if key not in others and ours.get(key) != kept:
            place.append(kept)
    release = [(hold, _why(hold, facts, standing, now)) for key, hold in ours.items() if key not in wanted]
    return place, release


def _why(hold: Hold, facts: Facts, standing: list[Evidence], now: datetime) -> str:
    """Why it goes, as a code: for the record, and for people who ask."""
    if hold.until is not None and now >= hold.until:
        return "ended"
    behind = [row for row in standing if row.code == hold.code and row.scope == hold.scope]
    if not behind:
        is_of_now = any(row.generation == facts.account.generation and row.code == hold.code for row in facts.evidence)
        return "cleared" if is_of_now else "new_sign_in"
    if any(_is_contradicted(facts.windows, row) for row in behind):
        return "contradicted"
    return "served" if _was_served(facts.account, behind[0], hold.try_at) else "policy"


def _after(holds: tuple[Hold, ...], place: list[Hold], release: list[tuple[Hold, str]]) -> tuple[Hold, ...]:
    gone = {_key(hold) for hold, _ in release} | {_key(hold) for hold in place}
    return (*(hold for hold in holds if _key(hold) not in gone), *place)


def _next_change(facts: Facts, holds: tuple[Hold, ...], now: datetime) -> datetime | None:
    """The next moment at which time alone changes the health, or what is wanted."""
    moments = [health.next_change(facts.account, holds, now, facts.windows)]
    moments += [hold.until + KEPT_AFTER_GUESS for hold in holds if hold.until is not None and is_ours(hold)]
    moments += [each.ignored_until for each in facts.candidates]
    return min((found for found in moments if found is not None and found > now), default=None)


def _with_success(facts: Facts, now: datetime) -> list[Evidence]:
    """The evidence with the last served request. A success from the future clears nothing: a clock was wrong."""
    rows = [row for row in facts.evidence if row.signal is not Signal.SUCCESS or row.last_at <= now + SKEW]
    at = facts.account.last_success_at
    if at is not None and at <= now + SKEW:
        generation = facts.account.generation
        rows.append(Evidence(generation, Source.RESPONSE, Signal.SUCCESS, "served", at, at))
    return rows


def _key(hold: Hold) -> tuple[Owner, str, str | None]:
    return hold.owner, hold.code, hold.scope
