"""A monitoring file with millions of made-up requests and their sums, made by SQLite itself in minutes."""

import math
import random
import sqlite3
import time
from pathlib import Path

from authdeck.clock import SystemClock
from authdeck.storage import opening
from authdeck.storage.latency import bucket_of

DAYS = 30
FAILURES = ("quota:usage_limit_reached", "auth:token_invalid", "upstream:overloaded", "network:reset", "timeout:idle")
PREFIXES = tuple(f"team-{number}" for number in range(8))
_SUMS = """count(*), sum(failure IS NOT NULL OR status >= 400), coalesce(sum(tokens_input), 0),
    coalesce(sum(tokens_output), 0), coalesce(sum(tokens_cached), 0), coalesce(sum(tokens_reasoning), 0),
    sum(latency_us)"""
_INDEXES = ("ix_requests_at_ms", "ix_requests_account_at_ms", "ix_requests_failed_at_ms", "ix_requests_trace")


def fill(file: Path, number: int, *, accounts: int = 1_000, models: int = 40, keys: int = 20) -> None:
    """``number`` requests of the last ``DAYS`` days: busier by day than by night, every 25th failed."""
    opening.monitoring(f"sqlite:///{file}", SystemClock()).close()
    database = sqlite3.connect(file, isolation_level=None)
    for pragma in ("synchronous=OFF", "journal_mode=OFF", "cache_size=-400000", "temp_store=MEMORY"):
        database.execute(f"PRAGMA {pragma}")
    database.create_function("bucket_of", 1, bucket_of, deterministic=True)
    database.create_function("id_of", 1, lambda at: int(at).to_bytes(6, "big") + random.randbytes(10))
    _fill_names(database, accounts, models, keys)
    _fill_samples(database)
    made = dict(database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index'"))
    for name in _INDEXES:
        database.execute(f"DROP INDEX {name}")
    database.execute("BEGIN")
    numbers = accounts, models, keys, len(FAILURES), len(PREFIXES)
    database.execute(_REQUESTS, (number - 1, int(time.time() * 1000), DAYS * 86_400_000 / number, *numbers))
    _add_up(database)
    for name in _INDEXES:
        database.execute(made[name])
    database.execute("DROP TABLE samples")
    database.execute("COMMIT")
    database.execute("ANALYZE")
    database.close()


def _fill_names(database: sqlite3.Connection, accounts: int, models: int, keys: int) -> None:
    rows = [("account", f"{number:016x}") for number in range(accounts)]
    rows += [("file", f"codex-person{number}@example.com-plus.json") for number in range(accounts)]
    rows += [("model", f"model-{number}") for number in range(models)]
    rows += [("client_key", f"key-{number}") for number in range(keys)]
    rows += [("provider", "codex"), ("endpoint", "/v1/responses")]
    rows += [("failure", failure) for failure in FAILURES] + [("prefix", prefix) for prefix in PREFIXES]
    database.executemany("INSERT INTO names (kind, text) VALUES (?, ?)", rows)


def _fill_samples(database: sqlite3.Connection) -> None:
    """Durations and tokens to draw from: SQLite has no logarithm everywhere."""
    database.execute("CREATE TABLE samples (n INTEGER PRIMARY KEY, latency INTEGER, ttfb INTEGER, tokens INTEGER)")
    database.executemany(
        "INSERT INTO samples VALUES (?, ?, ?, ?)",
        [
            (
                place,
                int(math.exp(random.gauss(15, 1))),
                int(math.exp(random.gauss(13.5, 0.7))),
                int(math.exp(random.gauss(8, 1.5))),
            )
            for place in range(65_536)
        ],
    )


_REQUESTS = """
    WITH RECURSIVE counting(place) AS (SELECT 0 UNION ALL SELECT place + 1 FROM counting WHERE place < ?1),
    drawn AS (
        SELECT place, CAST(?2 - (?1 - place) * ?3 AS INTEGER) AS at,
            CAST(?4 * (((place * 2654435761) >> 11 & 65535) / 65536.0) * (((place * 40503) >> 5 & 65535) / 65536.0)
                AS INTEGER) AS who,
            CAST(?5 * (((place * 2246822519) >> 13 & 65535) / 65536.0) * (((place * 48271) >> 7 & 65535) / 65536.0)
                AS INTEGER) AS model,
            ((place * 3266489917) >> 9 & 65535) % ?6 AS key, ((place * 668265263) >> 8 & 65535) % 25 = 0 AS bad,
            (place * 374761393) >> 10 & 65535 AS sample
        FROM counting)
    INSERT INTO requests (id, at_ms, account, file, model, provider, client_key, endpoint, prefix, failure, status,
        streamed, latency_us, ttfb_us, tokens_input, tokens_output, tokens_cached, tokens_reasoning, failure_summary)
    SELECT id_of(at), at, 1 + who, 1 + ?4 + who, 1 + 2 * ?4 + model, 1 + 2 * ?4 + ?5 + ?6,
        1 + 2 * ?4 + ?5 + key, 2 + 2 * ?4 + ?5 + ?6,
        iif(key % 10 < ?8, 3 + ?7 + 2 * ?4 + ?5 + ?6 + key % 10, NULL),
        iif(bad, 3 + sample % ?7 + 2 * ?4 + ?5 + ?6, NULL), iif(bad, 429, 200), 1,
        latency, ttfb, tokens, tokens / 20, tokens / 2, tokens / 40, iif(bad, 'The usage limit has been reached', NULL)
    FROM drawn CROSS JOIN samples ON samples.n = drawn.sample"""
"""Drawn by multiplying a request's place: SQLite would ask ``random`` again for each use of a column."""


def _add_up(database: sqlite3.Connection) -> None:
    for table, keys in (
        ("hour_model", "at_ms / 3600000, model, provider"),
        ("day_account", "at_ms / 86400000, account"),
        ("hour_caller", "at_ms / 3600000, client_key"),
    ):
        named = keys.replace("at_ms / 3600000", "hour").replace("at_ms / 86400000", "day")
        database.execute(
            f"INSERT INTO {table} ({named}, requests, failures, tokens_input, tokens_output, tokens_cached,"
            f" tokens_reasoning, latency_us) SELECT {keys}, {_SUMS} FROM requests GROUP BY 1, 2"
            + (", 3" if keys.count(",") > 1 else "")
        )
    for kind in ("latency", "ttfb"):
        database.execute(
            "INSERT INTO latency_buckets (hour, model, kind, bucket, count)"
            f" SELECT at_ms / 3600000, model, '{kind}', bucket_of({kind}_us), count(*) FROM requests GROUP BY 1, 2, 4"
        )
