"""How the shapes are made from what we keep."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from authdeck import health, wording
from authdeck.account import Account
from authdeck.api.shapes import (
    AccountShape,
    Because,
    DependentsShape,
    ErrorRuleShape,
    ImportRowShape,
    ImportShape,
    MadeShape,
    MergedShape,
    ModelAliasShape,
    NearShape,
    ReasonShape,
    RevisionShape,
    TrashedShape,
)
from authdeck.directory import Directory
from authdeck.entry import Entry
from authdeck.hold import Reason
from authdeck.import_plan import Outcome
from authdeck.operations.import_files import ImportReport, ImportRow
from authdeck.operations.kin import Dependents, Near
from authdeck.operations.merge import Merged
from authdeck.operations.new_revision import Made
from authdeck.storage.reading.revisions import StoredRevision


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
