"""Accounts as a page shows them: words and shapes chosen, identities masked. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from authdeck import health, wording
from authdeck.account import Account, Kind, Provider
from authdeck.directory import Directory
from authdeck.entry import Entry
from authdeck.health import Health
from authdeck.hold import Hold, Reason
from authdeck.operations.login_now import offered
from authdeck.providers import PROVIDERS
from authdeck.quota import Window
from authdeck.web import quota_lines
from authdeck.web.activity import Activity
from authdeck.web.masking import masked, masked_id
from authdeck.web.preferences import Preferences
from authdeck.web.quota_lines import QuotaLine

NAMES: Final = {provider.value: module.ABOUT.title for provider, module in PROVIDERS.items()}
LETTERS: Final = {provider.value: module.ABOUT.letters for provider, module in PROVIDERS.items()}
TONES: Final = {
    "unreadable": "reauth", "needs_reauth": "reauth", "needs_review": "review", "exhausted": "exhausted",
    "cooling": "cooling", "low": "low", "unknown": "unknown", "available": "available", "disabled": "disabled",
}  # fmt: skip
GLYPHS: Final = {**TONES, "unreadable": "bad"}
OWNER_TONES: Final = {
    "operator": "disabled", "inspection": "review", "credential": "reauth", "cooldown": "cooling",
    "incident": "exhausted", "quota": "exhausted", "terms": "low", "vault": "reauth",
}  # fmt: skip
_ORDER: Final = {
    owner: at
    for at, owner in enumerate(("vault", "operator", "inspection", "credential", "quota", "cooldown", "terms"))
}
"""What stops the account comes first, and of that the reason that makes the health: so the line explains the state."""
GROUPS: Final[Mapping[str, tuple[Health, ...]]] = {
    "available": (Health.AVAILABLE,),
    "attention": (Health.UNREADABLE, Health.NEEDS_REAUTH, Health.NEEDS_REVIEW),
    "quota": (Health.EXHAUSTED, Health.COOLING, Health.LOW),
    "disabled": (Health.DISABLED,),
    "unconfirmed": (Health.UNKNOWN,),
}
"""The summary's exclusive counts: each health is in one of them."""


@dataclass(frozen=True, slots=True)
class ShownReason:
    """One reason with its sentence, its colour, and what ends it in words."""

    reason: Reason
    text: str
    clear: str
    tone: str


@dataclass(frozen=True, slots=True)
class Fix:
    """The one thing to do about an account: the sentence's code, and where it is done."""

    code: str
    href: str


SIGN_INS: Final = frozenset(provider.value for provider in offered())
"""Providers that people can sign in at; the others' auth files are imported."""


@dataclass(frozen=True, slots=True)
class AccountRow:
    """One account of a list. ``short`` is the state's one-line cause; ``more`` counts the reasons beside the first."""

    account: Account
    health: str
    name: str
    label: str
    kind: str
    plan: str
    enabled: bool
    reasons: Sequence[ShownReason]
    short: str
    activity: Activity | None
    fix: Fix | None = None
    quota: Sequence[QuotaLine] = ()

    @property
    def index(self) -> str:
        return self.account.auth_index

    @property
    def more(self) -> int:
        return max(0, len(self.reasons) - 1)

    @property
    def href(self) -> str:
        return f"/auth-files/{self.index}"

    @property
    def sign_in(self) -> str | None:
        return sign_in_at(self.account)

    @property
    def stops(self) -> bool:
        """Whether any of its reasons keeps it from being used."""
        return any(each.reason.stops for each in self.reasons)

    @property
    def needs_sign_in(self) -> bool:
        """Whether that is among what ends its reasons."""
        return any(each.reason.clear == "sign_in_again" for each in self.reasons)

    @property
    def element(self) -> str:
        return f"row-{self.index}"


def _place(reason: Reason) -> tuple[bool, int]:
    return not reason.stops, _ORDER.get(reason.owner, len(_ORDER))


def row(
    entry: Entry, directory: Directory, now: datetime, prefs: Preferences, activity: Activity | None = None
) -> AccountRow:
    account, locale = entry.account, prefs.locale
    found = sorted(directory.reasons(entry, now), key=_place)
    reasons = [shown(reason, locale) for reason in found]
    named = masked if prefs.masked else str
    return AccountRow(
        account=account,
        health=directory.health(entry, now).value,
        name=named(account.file_name),
        label=named(account.label or account.email or ""),
        kind=wording.sentence(f"kind.{account.kind.value}", {}, locale),
        plan=plan_of(account, locale),
        enabled=health.is_enabled(entry.holds, now),
        reasons=reasons,
        short=_window_short(entry, now, prefs) or _short(account, reasons, now, prefs),
        activity=activity,
        fix=_fix(account, found[0].clear) if found else None,
        quota=quota_lines.lines(entry.windows, now, prefs),
    )


def sign_in_at(account: Account) -> str | None:
    """Where somebody signs in again for the account; ``None`` where its provider has no sign-in."""
    may = account.kind is Kind.OAUTH and account.provider.value in SIGN_INS
    return f"/oauth-login?account={account.auth_index}" if may else None


def _fix(account: Account, clear: str) -> Fix | None:
    """By what clears the first reason. Enabling is the switch beside it, and waiting is nothing to do."""
    if clear == "acknowledge_terms":
        return Fix("fix.acknowledge_terms", "/settings/terms")
    if clear != "sign_in_again":
        return None
    href = sign_in_at(account)
    return Fix("fix.import_again", "/import") if href is None else Fix("fix.sign_in_again", href)


def shown(reason: Reason, locale: str) -> ShownReason:
    params = {**reason.params}
    if "provider" in params:
        params["provider"] = NAMES.get(str(params["provider"]), params["provider"])
    if "window" in params:
        params["window"] = window_name(str(params["window"]), locale)
    return ShownReason(
        reason,
        wording.sentence(reason.code, params, locale),
        wording.sentence(f"clear.{reason.clear}", params, locale),
        OWNER_TONES.get(reason.owner, "neutral"),
    )


def hold_sentence(hold: Hold, locale: str) -> str:
    """Why it was placed, whether it still applies or not."""
    return wording.sentence(hold.code, {"note": hold.note, "actor": hold.actor, **hold.detail}, locale)


def plan_of(account: Account, locale: str) -> str:
    """The plan where it is known, else the kind of sign-in in a word."""
    if account.plan:
        return plan_title(account.plan)
    if account.kind is Kind.OAUTH:
        return wording.sentence("plan.unknown", {}, locale)
    return wording.sentence(f"kind_short.{account.kind.value}", {}, locale)


def plan_title(plan: str) -> str:
    """A plan as people write it."""
    return plan.replace("_", " ").title() if plan.islower() else plan


def window_name(name: str, locale: str) -> str:
    """A quota window in words; one with a name of its own keeps it."""
    if name in {window.value for window in Window}:
        return wording.sentence(f"window.{name}", {}, locale)
    return name.replace("_", " ")


def accounts(number: int, locale: str) -> str:
    """``38 accounts``."""
    text = wording.plural("%(count)s account", "%(count)s accounts", number, locale)
    return text % {"count": wording.count(number, locale)}


def queue_rows(number: int, locale: str) -> str:
    """``38 rows``."""
    text = wording.plural("%(count)s row", "%(count)s rows", number, locale)
    return text % {"count": wording.count(number, locale)}


def identifier(text: str | None, prefs: Preferences) -> str:
    return "" if not text else (masked_id(masked(text)) if prefs.masked else text)


def _window_short(entry: Entry, now: datetime, prefs: Preferences) -> str | None:
    """Where a window makes the state: how much of it is left, and until when."""
    state = health.state(entry.account, entry.holds, now, entry.windows)
    if state.window is None:
        return None
    left, ends = quota_lines.left_of(state.window, now), state.window.resets_at
    said = {
        "window": quota_lines.short_name(state.window, prefs.locale),
        "left": "?" if left is None else left,
        "end": wording.soon(ends, now, prefs.zone, prefs.locale)
        if ends
        else wording.sentence("reset_unknown", {}, prefs.locale),
    }
    return wording.sentence("short.window_full" if left == 0 else "short.window_low", said, prefs.locale)


def _short(account: Account, reasons: Sequence[ShownReason], now: datetime, prefs: Preferences) -> str:
    """The first reason; with none, the last proof that it works, or that there is none yet."""
    if reasons:
        first = reasons[0]
        end = first.reason.until
        if end is None:
            return first.text
        return wording.sentence(
            "until",
            {"text": first.text.rstrip(".。"), "end": wording.until(end, now, prefs.zone, prefs.locale)},
            prefs.locale,
        )
    if account.last_success_at is not None:
        return wording.sentence(
            "answered", {"ago": wording.ago(account.last_success_at, now, prefs.locale)}, prefs.locale
        )
    return wording.sentence("no_evidence" if account.last_request_at is None else "no_success", {}, prefs.locale)


def provider_named(text: str) -> Provider | None:
    try:
        return Provider(text)
    except ValueError:
        return None
