"""All tables of the control database, and those of the monitoring database.

Keys are integers inside; everything outside, the monitoring database included, names accounts by ``auth_index``.
Moments are integers: microseconds since 1970 UTC in the control database, milliseconds in monitoring.
``sealed`` columns hold bytes of the form that ``docs/vault-format.md`` describes. The invariants beside each table are
DECISIONS §6; the migrations are what creates them, and a test compares the two.
"""

from authdeck.storage.tables.access import (
    admin_keys,
    audit,
    client_keys,
    operators,
    saved_views,
    server_settings,
    sessions,
    sign_in_links,
    terms,
)
from authdeck.storage.tables.accounts import accounts, aliases, fingerprints, proxies, revisions, upstreams
from authdeck.storage.tables.columns import Moment, control, monitoring
from authdeck.storage.tables.inspections import inspection_results, inspections, schedules
from authdeck.storage.tables.installation import installation, key_terms
from authdeck.storage.tables.notices import deliveries, notices, notification_channels, notification_rules
from authdeck.storage.tables.quota import quota_answers, quota_notes, seen_headers
from authdeck.storage.tables.requests import (
    ALL,
    FAILED,
    RUNNING,
    TOGETHER,
    day_account,
    day_model_times,
    gaps,
    hour_caller,
    hour_model,
    hour_model_times,
    hour_times,
    latency_buckets,
    names,
    requests,
    settled,
    tallies,
)
from authdeck.storage.tables.states import (
    account_state,
    candidates,
    evidence,
    holds,
    incidents,
    quota_history,
    quota_windows,
    watermarks,
)
from authdeck.storage.tables.work import (
    batch_items,
    batches,
    changes,
    leases,
    logins,
    processes,
    refresh_journal,
)

__all__ = (
    "ALL",
    "FAILED",
    "RUNNING",
    "TOGETHER",
    "Moment",
    "account_state",
    "accounts",
    "admin_keys",
    "aliases",
    "audit",
    "batch_items",
    "batches",
    "candidates",
    "changes",
    "client_keys",
    "control",
    "day_account",
    "day_model_times",
    "deliveries",
    "evidence",
    "fingerprints",
    "gaps",
    "holds",
    "hour_caller",
    "hour_model",
    "hour_model_times",
    "hour_times",
    "incidents",
    "inspection_results",
    "inspections",
    "installation",
    "key_terms",
    "latency_buckets",
    "leases",
    "logins",
    "monitoring",
    "names",
    "notices",
    "notification_channels",
    "notification_rules",
    "operators",
    "processes",
    "proxies",
    "quota_answers",
    "quota_history",
    "quota_notes",
    "quota_windows",
    "refresh_journal",
    "requests",
    "revisions",
    "saved_views",
    "schedules",
    "seen_headers",
    "server_settings",
    "sessions",
    "settled",
    "sign_in_links",
    "tallies",
    "terms",
    "upstreams",
    "watermarks",
)
