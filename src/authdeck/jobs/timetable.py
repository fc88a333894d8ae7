"""The timetable: everything that authdeck does by itself, how often, and why so often."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from authdeck.jobs.runner import Job

Work = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Chores:
    """What the timetable calls, handed in by whoever wires the server. ``None`` where it does not apply.

    ``poll_changes`` reads what other processes changed, ``take_over_logins`` goes on where one of them ended; only
    PostgreSQL has other processes.
    """

    prune_changes: Work
    flush_key_use: Work
    flush_account_use: Work
    expire_sessions: Work
    reseal: Work
    thin_revisions: Work
    purge_trash: Work
    keep_warm: Work
    give_up_forgotten: Work
    flush_observations: Work
    reconcile: Work
    prune_evidence: Work
    resume_batches: Work
    begin_inspections: Work
    resume_inspections: Work
    forget_inspections: Work
    expire_logins: Work
    forget_previews: Work
    settle_requests: Work
    prune_requests: Work
    query_quota: Work
    deliver_notifications: Work
    prune_notifications: Work
    forget_removed: Work
    take_over_logins: Work | None = None
    poll_changes: Work | None = None


def timetable(chores: Chores) -> list[Job]:
    """Seconds between two runs of each."""
    jobs = [
        Job("flush-account-use", 5, chores.flush_account_use, at_close=True),  # what lists show lags at most this far
        Job("flush-observations", 5, chores.flush_observations, at_close=True),  # what may act is written at once
        Job("reconcile", 5, chores.reconcile),  # a hold that ends by itself serves at its end; this tidies and tells
        Job("prune-evidence", 6 * 3600, chores.prune_evidence),  # what is kept is counted in days
        Job("flush-key-use", 30, chores.flush_key_use, at_close=True),
        Job("keep-warm", 30, chores.keep_warm),  # well within every provider's lead
        Job("give-up-forgotten", 60, chores.give_up_forgotten),  # a call may last 90 s; only a crash leaves one open
        Job("prune-changes", 600, chores.prune_changes),  # rows are kept for an hour
        Job("expire-sessions", 900, chores.expire_sessions),  # an ended session is refused anyway; this only tidies
        Job("reseal", 900, chores.reseal),  # what a crash interrupted goes on at start; this retires and forgets terms
        Job("thin-revisions", 6 * 3600, chores.thin_revisions),  # what is kept is counted in days
        Job("purge-trash", 3600, chores.purge_trash),  # likewise
        Job("resume-batches", 3, chores.resume_batches),  # those of a process that died, when their lease has run out
        Job("begin-inspections", 5, chores.begin_inspections),  # schedules tell minutes
        Job("resume-inspections", 3, chores.resume_inspections),  # like batches
        Job("forget-inspections", 6 * 3600, chores.forget_inspections),  # what is kept is counted in days
        Job("expire-logins", 2, chores.expire_logins),  # one that ran out is refused anyway; its page says so
        Job("forget-previews", 300, chores.forget_previews),
        Job("settle-requests", 300, chores.settle_requests),  # until an hour has settled, its finer sums are read
        Job("prune-requests", 3600, chores.prune_requests),  # what is kept is counted in days
        Job("query-quota", 60, chores.query_quota),  # the shortest interval is five minutes; mostly there is none
        Job("deliver-notifications", 2, chores.deliver_notifications),  # at once, for people; a look costs one query
        Job("prune-notifications", 6 * 3600, chores.prune_notifications),  # what is kept is counted in days
        Job("forget-removed", 3600, chores.forget_removed),  # what is kept is a day; nobody can see it meanwhile
    ]
    if chores.take_over_logins is not None:
        jobs.append(Job("take-over-logins", 5, chores.take_over_logins))  # a device login lasts minutes
    if chores.poll_changes is not None:
        jobs.append(Job("poll-changes", 0.5, chores.poll_changes))  # elsewhere in force within 1 s
    return jobs
