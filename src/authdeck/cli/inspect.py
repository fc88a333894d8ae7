"""``authdeck inspect``: ask providers about accounts, and see what to do with each."""

import json as json_
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Any, Final

import typer

from authdeck.cli import show
from authdeck.cli.account_filters import with_filters
from authdeck.cli.management import Management, management, segment
from authdeck.cli.progress import progress
from authdeck.cli.show import AsJson

SHOWN: Final = 50
"""Rows of a table; the rest is counted. ``--json`` has all."""

PAUSE: Final = 0.3
ACTIONS: Final = ("reauth", "delete", "review", "disable", "enable", "keep")
_OPEN: Final = ("queued", "running")
_COLUMNS: Final = (
    ("File", "file_name"),
    ("auth_index", "auth_index"),
    ("Suggested", "action"),
    ("Why", "why"),
    ("Done", "done"),
)
_RUNS: Final = (
    ("id", "id"),
    ("When", "at"),
    ("Status", "status"),
    ("By", "by"),
    ("Asked", "asked"),
    ("Results", "results"),
)


@with_filters()
def inspect(
    *,
    asked: dict[str, Any],
    names: Annotated[
        list[str] | None, typer.Argument(help="auth_index, file name, or another alias.", show_default=False)
    ] = None,
    sample: Annotated[int | None, typer.Option(min=1, help="So many of them, drawn by chance.")] = None,
    enable: Annotated[bool, typer.Option("--enable", help="Enable by itself what an inspection disabled.")] = False,
    disable: Annotated[bool, typer.Option("--disable", help="Disable by itself what can't serve for long.")] = False,
    threshold: Annotated[
        float | None, typer.Option(min=1, max=100, help="Percent from which a long window is used up.")
    ] = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="Tokens that ran out may be refreshed.")] = False,
    workers: Annotated[int | None, typer.Option(min=1, max=32, help="Accounts under way at once.")] = None,
    timeout: Annotated[float | None, typer.Option(min=5, max=300, help="Seconds for one account.")] = None,
    retries: Annotated[int | None, typer.Option(min=0, max=3, help="Asked again when no answer came.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would do by itself; do nothing.")] = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="End with 3 when anything but keep is suggested.")
    ] = False,
    list_runs: Annotated[bool, typer.Option("--list", help="List runs instead, newest first.")] = False,
    run: Annotated[str | None, typer.Option(metavar="ID", help="Show this run instead of beginning one.")] = None,
    cancel: Annotated[str | None, typer.Option(metavar="ID", help="Stop this run.")] = None,
    json: AsJson = False,
) -> None:
    """Ask about accounts named, or all that match; record what was seen, and do nothing unless told.

    Ends with 0 when the run was completed, else with 1; see --exit-code.
    """
    with management() as api:
        if list_runs:
            _list(api, json=json)
            return
        if cancel is not None:
            found = api.post(f"/inspections/{segment(cancel)}/cancel")
            show.as_json(found) if json else typer.echo(f"{found['status'].capitalize()}: {_counted(found)}.")
            return
        if run is not None:
            found = api.get(f"/inspections/{segment(run)}")
        else:
            may = [name for name, given in (("enable", enable), ("disable", disable)) if given]
            numbers = {"threshold": threshold, "workers": workers, "timeout": timeout, "retries": retries}
            policy = {"may": may, "refresh": refresh, **_given(numbers)}
            about = {**_given({"auth_indexes": names, "sample": sample}), **asked}
            found = api.post("/inspections", json={**about, "policy": policy, "dry_run": dry_run})
        found = _ended(api, found, quiet=json)
        rows = list(_results(api, found["id"]))
    _tell(found, rows, json=json)
    if found["status"] != "completed":
        raise typer.Exit(1)
    if exit_code and any(row["action"] != "keep" for row in rows):
        raise typer.Exit(3)


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}


def _ended(api: Management, found: dict[str, Any], *, quiet: bool) -> dict[str, Any]:
    """The run when it is over; a bar on the way while a person watches."""
    with progress("Inspecting", found["total"], quiet=quiet) as advance:
        advance(found["done"])
        while found["status"] in _OPEN:
            api.pause(PAUSE)
            before, found = found, api.get(f"/inspections/{found['id']}")
            advance(found["done"] - before["done"])
    return found


def _results(api: Management, run: str) -> Iterator[dict[str, Any]]:
    cursor = None
    while True:
        page = api.get(f"/inspections/{segment(run)}/results", {"page_size": 1000, "cursor": cursor})
        yield from page["items"]
        cursor = page["next"]
        if cursor is None:
            return


def _tell(found: dict[str, Any], rows: list[dict[str, Any]], *, json: bool) -> None:
    if json:
        json_.dump({**found, "items": rows}, sys.stdout, ensure_ascii=False, indent=2)
        sys.stdout.write("\n")
    else:
        asking = sorted((row for row in rows if row["action"] != "keep"), key=_order)
        show.table(_COLUMNS, map(_row, asking[:SHOWN]), empty="Nothing is suggested.")
        if len(asking) > SHOWN:
            typer.echo(f"… and {len(asking) - SHOWN} more: --json has all.")
        for why, count in _kept(rows):
            typer.echo(f"Kept, {count}: {why}")
        what = "Dry run, nothing was done" if found["dry_run"] else found["status"].capitalize()
        typer.echo(f"{what}: {_counted(found)}.")
        if found["batch"]:
            typer.echo(f"What it did by itself: `authdeck batch show {found['batch']}`; `batch undo` takes it back.")


def _kept(rows: list[dict[str, Any]]) -> list[tuple[str, int]]:
    """Why accounts stay as they are: that nothing stands against one is not the same as that nobody answered."""
    reasons = [row["reason"] for row in rows if row["action"] == "keep"]
    said = {reason["code"]: reason["sentence"] for reason in reasons}
    return [(said[code], count) for code, count in Counter(reason["code"] for reason in reasons).most_common()]


def _order(row: dict[str, Any]) -> tuple[int, str]:
    return ACTIONS.index(row["action"]), row["file_name"]


def _row(row: dict[str, Any]) -> dict[str, Any]:
    done = {"done": "yes", "would": "would be", "skipped": "no"}.get(row["outcome"] or "", "")
    if row["outcome_reason"]:
        done = f"{done}: {row['outcome_reason']['sentence']}"
    return {**row, "why": row["reason"]["sentence"], "done": done}


def _counted(found: dict[str, Any]) -> str:
    told = [f"{found['counts'][action]} {action}" for action in ACTIONS if found["counts"].get(action)]
    return ", ".join(told) or "nobody was asked"


def _list(api: Management, *, json: bool) -> None:
    found = api.pages("/inspections", {}, SHOWN)
    if json:
        show.as_json(found)
        return
    rows = (
        {
            **one,
            "at": show.moment(one["created_at"]),
            "by": one["schedule_name"] or one["actor"],
            "asked": f"{one['done']}/{one['total']}",
            "results": _counted(one),
        }
        for one in found["items"]
    )
    show.table(_RUNS, rows, empty="There was no inspection yet.")
