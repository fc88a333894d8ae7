"""``authdeck requests``: what went through the gateway, which account served it, what failed."""

from typing import Annotated, Any

import typer

from authdeck.cli import show
from authdeck.cli.management import management, segment
from authdeck.cli.show import AsJson

app = typer.Typer(name="requests", help="Requests through the gateway, newest first.", invoke_without_command=True)

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


@app.callback()
def list_(
    context: typer.Context,
    account: Annotated[str | None, typer.Option(help="auth_index, file name or alias.")] = None,
    provider: str | None = None,
    model: str | None = None,
    key: Annotated[str | None, typer.Option(help="Name of a client key.")] = None,
    status: Annotated[str | None, typer.Option(help="ok, failed, or a status such as 429.")] = None,
    search: Annotated[str, typer.Option(help="Part of a name, or a whole request id.")] = "",
    since: Annotated[str | None, typer.Option(help="A time such as 2026-12-01T08:00:00Z.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    json: AsJson = False,
) -> None:
    """List requests, newest first."""
    if context.invoked_subcommand is not None:
        return
    asked = {
        "account": account, "provider": provider, "model": model, "client_key": key, "status": status,
        "search": search, "since": since,
    }  # fmt: skip
    with management() as api:
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
    if event["failure"]:
        show.fields([("Summary", event["failure"]["summary"])])
    for number, tried in enumerate(event["attempts"], 1):
        typer.echo(f"Attempt {number}: {tried['auth_index']} {tried['status'] or tried['kind']} {tried['ms']:.0f} ms")


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
