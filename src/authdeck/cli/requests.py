"""``authdeck requests``: what went through the gateway, which account served it, what failed; as a file, and live."""

import os
import sys
from collections.abc import Iterator
from json import dumps as json_text
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final

import typer

from authdeck.cli import show
from authdeck.cli.management import Management, management, segment
from authdeck.cli.progress import progress
from authdeck.cli.show import AsJson

app = typer.Typer(name="requests", help="Requests through the gateway, newest first.", invoke_without_command=True)

PART: Final = 512 * 1024
"""Bytes of an import that are sent at once."""

_COLUMNS = (
    ("At", "at"),
    ("Status", "status"),
    ("Model", "model"),
    ("Account", "account"),
    ("Key", "client_key"),
    ("ms", "ms"),
    ("Tokens in/out", "tokens"),
    ("Failure", "failed"),
    ("id", "id"),
)

Account = Annotated[str | None, typer.Option(help="auth_index, file name or alias.")]
Provider = Annotated[str | None, typer.Option(help="codex, claude, …")]
Model = Annotated[str | None, typer.Option(help="The model that was asked for.")]
Key = Annotated[str | None, typer.Option(help="Name of a client key.")]
Status = Annotated[str | None, typer.Option(help="ok, failed, or a status such as 429.")]
Failure = Annotated[str | None, typer.Option(help="A kind such as quota, or kind:code.")]
Search = Annotated[str, typer.Option(help="Part of a name, or a whole request id or trace id.")]
Since = Annotated[str | None, typer.Option(help="A time such as 2026-12-01T08:00:00Z.")]
Until = Annotated[str | None, typer.Option(help="Likewise; not part of it.")]


@app.callback()
def list_(
    context: typer.Context,
    account: Account = None,
    provider: Provider = None,
    model: Model = None,
    key: Key = None,
    status: Status = None,
    failure: Failure = None,
    search: Search = "",
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    follow: Annotated[
        bool, typer.Option("--follow", help="Show those that come in from now on, until Ctrl-C.")
    ] = False,
    json: AsJson = False,
) -> None:
    """List requests, newest first; or follow them as they come in."""
    if context.invoked_subcommand is not None:
        return
    asked = {
        "account": account, "provider": provider, "model": model, "client_key": key, "status": status,
        "failure": failure, "search": search, "since": since, "until": until,
    }  # fmt: skip
    with management() as api:
        if follow:
            _follow(api, asked, json=json)
            return
        found = api.pages("/requests", asked, limit)
    if json:
        show.as_json(found)
    else:
        show.table(_COLUMNS, map(_row, found["items"]), empty="No request yet. Point a client at the gateway.")


@app.command("show")
def show_(id: Annotated[str, typer.Argument(show_default=False)], json: AsJson = False) -> None:  # noqa: A002
    """Show one request with every attempt."""
    with management() as api:
        event = api.get(f"/requests/{segment(id)}")
    if json:
        show.as_json(event)
        return
    row = _row(event)
    show.fields([(heading, row.get(key)) for heading, key in _COLUMNS] + [("Endpoint", event["endpoint"])])
    if event["trace"]:
        show.fields([("Trace id", event["trace"])])
    if event["failure"]:
        show.fields([("Summary", event["failure"]["summary"])])
    for number, tried in enumerate(event["attempts"], 1):
        typer.echo(f"Attempt {number}: {tried['auth_index']} {tried['status'] or tried['kind']} {tried['ms']:.0f} ms")


@app.command("export")
def export(
    file: Annotated[str, typer.Argument(help="The file to write; - for a pipe.", show_default=False)],
    account: Account = None,
    provider: Provider = None,
    model: Model = None,
    key: Key = None,
    status: Status = None,
    failure: Failure = None,
    search: Search = "",
    since: Since = None,
    until: Until = None,
) -> None:
    """Write requests as JSON lines, newest first, e-mail addresses masked. Never over another file."""
    asked = {
        "account": account, "provider": provider, "model": model, "client_key": key, "status": status,
        "failure": failure, "search": search, "since": since, "until": until,
    }  # fmt: skip
    with management() as api:
        if file == "-":
            api.download("/requests/export", sys.stdout.buffer, params=asked)
            return
        with _new_file(file) as target, progress("Exporting", None, quiet=False) as advance:
            counting = _Counting(target, advance)
            api.download("/requests/export", counting, params=asked)
    typer.echo(f"Wrote {counting.lines} requests to {file}.", err=True)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, show_default=False)], json: AsJson = False
) -> None:
    """Add the requests of an export, with their sums. Those that are there already stay as they are."""
    total = {"added": 0, "known": 0, "forgotten": 0, "refused": 0}
    problems: list[dict[str, Any]] = []
    before = 0
    with management() as api, progress("Importing", file.stat().st_size, quiet=json) as advance:
        for part in _parts(file):
            told = api.post("/requests/import", content=part, patient=True)
            for name in total:
                total[name] += told[name]
            problems += [{**problem, "line": problem["line"] + before} for problem in told["problems"]]
            before += part.count(b"\n")
            advance(len(part))
    if json:
        show.as_json({**total, "problems": problems})
    else:
        typer.echo(", ".join(f"{count} {name}" for name, count in total.items()))
        for problem in problems:
            typer.echo(f"Line {problem['line']}: {problem['problem']}", err=True)
    if total["refused"]:
        raise typer.Exit(1)


class _Counting:
    """A file that says how many lines went into it."""

    def __init__(self, target: BinaryIO, advance: Any) -> None:
        self._target, self._advance, self.lines = target, advance, 0

    def write(self, piece: bytes) -> int:
        count = piece.count(b"\n")
        self.lines += count
        self._advance(count)
        return self._target.write(piece)


def _new_file(name: str) -> BinaryIO:
    try:
        return os.fdopen(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    except FileExistsError:
        raise typer.BadParameter(f"{name} is there already. Choose another name.") from None


def _parts(file: Path) -> Iterator[bytes]:
    """Whole lines, some at a time."""
    with file.open("rb") as content:
        while part := content.read(PART):
            yield part + content.readline()


def _follow(api: Management, asked: dict[str, Any], *, json: bool) -> None:
    def took(events: list[dict[str, Any]]) -> None:
        for event in events:
            if json:
                typer.echo(json_text(event, ensure_ascii=False))
            else:
                row = _row(event)
                typer.echo("  ".join(str(row[key]) for _, key in _COLUMNS if row[key] not in (None, "")))

    last = ""
    try:
        while True:
            last = api.follow("/requests/events", {**asked, "after": last}, took)
    except KeyboardInterrupt:
        return


def _row(event: dict[str, Any]) -> dict[str, Any]:
    tokens, failure = event["tokens"], event["failure"]
    counts = [("?" if tokens[side] is None else str(tokens[side])) for side in ("input", "output")]
    return {
        **event,
        "at": show.moment(event["at"]),
        "account": event["file_name"] or event["auth_index"] or "none",
        "ms": f"{event['latency_ms']:.0f}",
        "tokens": "/".join(counts),
        "failed": f"{failure['kind']}: {failure['code']}" if failure else "",
    }
