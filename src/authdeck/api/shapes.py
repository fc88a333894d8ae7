"""The shapes that the outside relies on (DESIGN §6), and how each is made from what we keep.

More fields may come; those named here stay.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, PlainSerializer

from authdeck import health, wording
from authdeck.account import Account
from authdeck.clock import rfc3339
from authdeck.directory import Directory
from authdeck.entry import Entry
from authdeck.hold import Reason
from authdeck.import_plan import Outcome
from authdeck.operations.import_files import ImportReport, ImportRow
from authdeck.operations.kin import Dependents, Near
from authdeck.operations.merge import Merged
from authdeck.operations.new_revision import Made
from authdeck.storage.reading.revisions import StoredRevision

T = TypeVar("T")

Time = Annotated[datetime, PlainSerializer(rfc3339, return_type=str)]
"""RFC 3339, UTC."""


class Shape(BaseModel):
    model_config = ConfigDict(frozen=True)


class Listing(Shape, Generic[T]):
    """A list: ``total`` is ``null`` where counting would cost too much; ``next`` is the cursor of the next page."""

    items: list[T]
    next: str | None = None
    total: int | None = None
    facets: dict[str, dict[str, int]] = {}


class Failure(Shape):
    """``code`` stays; ``message`` is for people, in their language; ``details`` name what is at fault."""

    code: str
    message: str
    details: dict[str, Any]


class ErrorShape(Shape):
    """Every failure of the API."""

    error: Failure


class ReasonShape(Shape):
    """Why an account is not used. ``clear`` is the code of what ends it, ``clear_sentence`` says so in words.

    Where ``stops`` is false the reason speaks against the account, which is asked all the same.

    ``evidence`` is the id of what was observed, where something was; ``source`` who observed it, ``window`` the full
    quota window, ``try_at`` from when on one request is let through to see.
    """

    owner: str
    code: str
    sentence: str
    since: Time | None
    until: Time | None
    scope: str | None
    evidence: int | None
    source: str | None
    window: str | None
    try_at: Time | None
    clear: str
    clear_sentence: str
    stops: bool


class ModelAliasShape(Shape):
    model: str
    alias: str
    keep_original: bool


class ErrorRuleShape(Shape):
    """Failures with this status whose body holds a phrase or fits a pattern (RE2); without either, all of them."""

    status: int
    match: list[str] = []
    match_regexr: list[str] = []
    action: Literal["stop", "stop-and-cooldown", "continue", "continue-and-cooldown"]


class AccountShape(Shape):
    """``proxy`` is scheme, host and port; ``headers`` says whether there are any. ``revision`` is the auth file's."""

    auth_index: str
    aliases: list[str]
    file_name: str
    provider: str
    kind: str
    label: str
    email: str | None
    plan: str | None
    project_id: str | None
    note: str
    priority: int
    weight: int
    prefix: str | None
    enabled: bool
    locked: bool
    health: str
    reasons: list[ReasonShape]
    last_request_at: Time | None
    last_success_at: Time | None
    created_at: Time | None
    updated_at: Time | None
    version: int
    organization: str | None
    subject: str | None
    identity_strength: str
    base_url: str | None
    models: list[str]
    excluded_models: list[str]
    model_aliases: list[ModelAliasShape]
    request_scoped_errors: list[ErrorRuleShape]
    disable_cooling: bool | None
    request_retry: int | None
    websockets: bool | None
    using_api: bool | None
    proxy: str | None
    headers: bool
    refresh_by: str
    revision: int
    generation: int
    expires_at: Time | None


class DependentsShape(Shape):
    """What names or uses an account. ``sharing_prefix``: other live accounts that serve its prefix.

    ``requests`` is null while the request log does not answer.
    """

    model_config = ConfigDict(frozen=True, from_attributes=True)

    aliases: list[str]
    requests: int | None
    last_request_at: Time | None
    prefix: str | None
    sharing_prefix: int
    client_keys: list[str]


class TrashedShape(AccountShape):
    trashed_at: Time | None
    trashed_by: str
    purge_at: Time | None
    dependents: DependentsShape


class Because(Shape):
    """A code with its sentence and the parameters that fill it."""

    code: str
    sentence: str
    details: dict[str, Any]


class ImportRowShape(Shape):
    """``source`` is the detected format, ``stored_as`` the file name where it differs from the one given."""

    source: str | None
    file_name: str
    outcome: str
    auth_index: str | None
    reason: Because | None
    stored_as: str | None
    notes: list[Because]


class ImportShape(Shape):
    items: list[ImportRowShape]
    preview: bool
    batch: str | None
    counts: dict[str, int]


class RevisionShape(Shape):
    """``current`` marks the one in force; ``why`` is imported, logged_in, refreshed, edited or restored."""

    number: int
    parent: int | None
    generation: int
    current: bool
    why: str
    source: str
    actor: str
    at: Time
    changed_fields: list[str]
    expires_at: Time | None


class RevisionContentShape(RevisionShape):
    """One revision with its auth file, secrets as ``***``."""

    auth_index: str
    document: dict[str, Any]


class DifferenceShape(Shape):
    """``change`` is added, removed or changed; a secret may also be same. Secrets are never shown."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    field: str
    change: str
    secret: bool
    before: Any
    after: Any


class MadeShape(Shape):
    """``outcome`` is updated or unchanged; ``revision`` and ``generation`` are those in force now."""

    auth_index: str
    outcome: str
    revision: int
    generation: int
    changed_fields: list[str]
    notes: list[Because]


class NearShape(AccountShape):
    """An account that may be the same. ``merge_proposed`` where identity or credential say so."""

    why: list[str]
    merge_proposed: bool
    can_merge: bool


class MergedShape(Shape):
    """``revisions`` are the numbers that the merged account's have now."""

    auth_index: str
    batch: str
    revisions: list[int]
    notes: list[Because]
    account: AccountShape


class SplitShape(Shape):
    """``restored``: the revision that the former account went back to, where the split took the one in force."""

    auth_index: str
    restored: int | None
    account: AccountShape


@dataclass(frozen=True, slots=True)
class Eyes:
    """What a shape depends on besides the thing shown: the moment, the terms in force, and the reader's language."""

    directory: Directory
    now: datetime
    locale: str

    def because(self, code: str, params: Mapping[str, Any]) -> Because:
        return Because(code=code, sentence=wording.sentence(code, params, self.locale), details=dict(params))

    def reason(self, reason: Reason) -> ReasonShape:
        return ReasonShape(
            owner=reason.owner,
            code=reason.code,
            sentence=wording.sentence(reason.code, reason.params, self.locale),
            since=reason.since,
            until=reason.until,
            scope=reason.scope,
            evidence=reason.evidence,
            source=reason.params.get("source"),
            window=reason.params.get("window"),
            try_at=reason.try_at,
            clear=reason.clear,
            clear_sentence=wording.sentence(f"clear.{reason.clear}", reason.params, self.locale),
            stops=reason.stops,
        )

    def reasons(self, entry: Entry) -> list[ReasonShape]:
        return [self.reason(reason) for reason in self.directory.reasons(entry, self.now)]

    def account(self, entry: Entry) -> AccountShape:
        return AccountShape(**self._account(entry))

    def trashed(self, account: Account, by: str, purge_at: datetime | None, uses: Dependents) -> TrashedShape:
        fields = self._account(Entry(account))
        depends = DependentsShape.model_validate(uses)
        return TrashedShape(
            **fields, trashed_at=account.trashed_at, trashed_by=by, purge_at=purge_at, dependents=depends
        )

    def near(self, found: Near) -> NearShape:
        entry = self.directory.get(found.account.auth_index) or Entry(found.account)
        return NearShape(
            **self._account(entry),
            why=list(found.why),
            merge_proposed=found.merge_proposed,
            can_merge=found.can_merge,
        )

    def made(self, auth_index: str, made: Made) -> MadeShape:
        return MadeShape(
            auth_index=auth_index,
            outcome=made.outcome,
            revision=made.revision,
            generation=made.generation,
            changed_fields=list(made.changed_fields),
            notes=[self.because(code, params) for code, params in made.notes],
        )

    def merged(self, done: Merged, entry: Entry) -> MergedShape:
        return MergedShape(
            auth_index=done.auth_index,
            batch=done.batch,
            revisions=list(done.revisions),
            notes=[self.because(code, params) for code, params in done.notes],
            account=self.account(entry),
        )

    def import_report(self, report: ImportReport) -> ImportShape:
        return ImportShape(
            items=[self._import_row(row) for row in report.items],
            preview=report.preview,
            batch=report.batch,
            counts={outcome.value: report.count(outcome) for outcome in Outcome},
        )

    def _import_row(self, row: ImportRow) -> ImportRowShape:
        return ImportRowShape(
            source=row.source,
            file_name=row.file_name,
            outcome=row.outcome.value,
            auth_index=row.auth_index,
            reason=None if row.reason is None else self._of_file(row, *row.reason),
            stored_as=row.stored_as,
            notes=[self._of_file(row, code, params) for code, params in row.notes],
        )

    def _of_file(self, row: ImportRow, code: str, params: Mapping[str, Any]) -> Because:
        return self.because(code, {"file_name": row.file_name, **params})

    def _account(self, entry: Entry) -> dict[str, Any]:
        account, settings = entry.account, entry.account.settings
        return {
            "auth_index": account.auth_index,
            "aliases": list(account.aliases),
            "file_name": account.file_name,
            "provider": account.provider.value,
            "kind": account.kind.value,
            "label": account.label,
            "email": account.email,
            "plan": account.plan,
            "project_id": settings.project_id,
            "note": settings.note,
            "priority": settings.priority,
            "weight": settings.weight,
            "prefix": settings.prefix,
            "enabled": health.is_enabled(entry.holds, self.now),
            "locked": account.locked,
            "health": self.directory.health(entry, self.now).value,
            "reasons": self.reasons(entry),
            "last_request_at": account.last_request_at,
            "last_success_at": account.last_success_at,
            "created_at": account.created_at,
            "updated_at": account.updated_at,
            "version": account.version,
            "organization": account.organization,
            "subject": account.subject,
            "identity_strength": account.identity_strength,
            "base_url": account.base_url,
            "models": list(account.models),
            "excluded_models": list(settings.excluded_models),
            "model_aliases": [
                ModelAliasShape(model=alias.model, alias=alias.alias, keep_original=alias.keep_original)
                for alias in settings.model_aliases
            ],
            "request_scoped_errors": [
                ErrorRuleShape(
                    status=rule.status,
                    match=list(rule.match),
                    match_regexr=list(rule.match_regexr),
                    action=rule.action.value,
                )
                for rule in settings.request_scoped_errors
            ],
            "disable_cooling": settings.disable_cooling,
            "request_retry": settings.request_retry,
            "websockets": settings.websockets,
            "using_api": settings.using_api,
            "proxy": account.proxy_display,
            "headers": account.has_headers,
            "refresh_by": account.refresh_by.value,
            "revision": account.revision,
            "generation": account.generation,
            "expires_at": account.expires_at,
        }


def revision_shapes(revisions: Iterable[StoredRevision], current: int) -> list[RevisionShape]:
    return [
        RevisionShape(
            number=revision.number,
            parent=revision.parent,
            generation=revision.generation,
            current=revision.number == current,
            why=revision.why,
            source=revision.source,
            actor=revision.actor,
            at=revision.at,
            changed_fields=list(revision.changed_fields),
            expires_at=revision.expires_at,
        )
        for revision in revisions
    ]
