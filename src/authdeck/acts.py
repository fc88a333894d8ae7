"""What can be done, as machine names ``thing:part:action`` for the audit. A name is never given a second meaning."""

from enum import StrEnum


class Act(StrEnum):
    ACCOUNT_ADDED = "account:file:added"
    ACCOUNT_UPDATED = "account:file:updated"
    ACCOUNT_EDITED = "account:settings:edited"
    ACCOUNT_DISABLED = "account:disablement:placed"
    ACCOUNT_ENABLED = "account:disablement:released"
    ACCOUNT_LOCKED = "account:lock:placed"
    ACCOUNT_UNLOCKED = "account:lock:released"
    ACCOUNT_TRASHED = "account:trash:moved"
    ACCOUNT_RESTORED = "account:trash:restored"
    DOCUMENT_REVEALED = "account:document:revealed"
    FILES_IMPORTED = "accounts:files:imported"
    TERMS_ACKNOWLEDGED = "terms:acknowledgement:given"
    TERMS_WITHDRAWN = "terms:acknowledgement:withdrawn"
    UPSTREAM_APPROVED = "upstream:approval:given"
    UPSTREAM_WITHDRAWN = "upstream:approval:withdrawn"
    CLIENT_KEY_CREATED = "client_key:key:created"
    CLIENT_KEY_REVOKED = "client_key:key:revoked"
    OPERATOR_CREATED = "operator:operator:created"
    OPERATOR_DISABLED = "operator:operator:disabled"
    ADMIN_KEY_CREATED = "operator:key:created"
    ADMIN_KEY_REVOKED = "operator:key:revoked"
    SIGNED_IN = "operator:session:begun"
    SIGNED_OUT = "operator:session:ended"
