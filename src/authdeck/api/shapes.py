"""The shapes that the outside relies on (DESIGN §6). ``eyes`` makes them.

More fields may come; those named here stay.
"""

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, PlainSerializer

from authdeck.clock import rfc3339

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
