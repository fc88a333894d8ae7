"""``authdeck quota``: what is left, as last seen, and asking the providers when that is wanted."""

from typing import Annotated, Any

import typer

from authdeck.cli import show
from authdeck.cli.account_filters import with_filters
from authdeck.cli.batch import finished
from authdeck.cli.management import Management, management, segment
from authdeck.cli.show import AsJson

app = typer.Typer(name="quota", help="What is left of accounts' limits, as last seen.", invoke_without_command=True)

_COLUMNS = (
    ("Account", "account"),
    ("Window", "window"),
    ("Left", "left"),
    ("Resets", "resets"),
    ("Seen", "seen"),
    ("Source", "source"),
)
_FORECAST = (*_COLUMNS[1:], ("Forecast", "forecast"))


@app.callback()
@with_filters()
def list_(
    *,
    context: typer.Context,
    asked: dict[str, Any],
    limit: Annotated[int, typer.Option(min=1, help="At most so many windows.")] = 50,
    refresh: Annotated[bool, typer.Option("--refresh", help="First ask the provider of all that match.")] = False,
    renew: Annotated[
        bool, typer.Option("--renew-tokens", help="With --refresh: tokens that ran out are renewed first.")
    ] = False,
    json: AsJson = False,
) -> None:
    """List windows of the accounts that match, soonest reset first. Without --refresh nobody is asked."""
    if context.invoked_subcommand is not None:
        return
    with management() as api:
        told = _ask(api, asked or {"search": ""}, renew=renew, quiet=json) if refresh else None
        windows = api.pages("/quota", {**asked, "sort": "reset"}, limit)["items"]
    if json:
        show.as_json({"items": windows, "asked": told})
        return
    show.table(
        _COLUMNS, map(_row, windows), empty="No limit seen yet: unknown, not unlimited. --refresh asks the providers."
    )
    if told is not None:
        typer.echo(f"Asked: {', '.join(f'{count} {name}' for name, count in told.items() if count) or 'nobody'}.")


def _ask(api: Management, selection: dict[str, Any], *, renew: bool, quiet: bool) -> dict[str, int]:
    """Ask for all of them, and wait; how many rows ended how, and how many are left where somebody stopped it."""
    batch = api.post("/quota/queries", json={"selection": selection, "refresh": renew})
    counts = finished(api, batch, quiet=quiet, what="Asking")["counts"]
    return {name: count for name, count in counts.items() if name != "total" and count}


@app.command("show")
def show_(account: Annotated[str, typer.Argument(show_default=False)], json: AsJson = False) -> None:
    """Show one account's windows with their forecasts, how the last query went, and what else was told."""
    with management() as api:
        found = api.get(f"/accounts/{segment(account)}/quota")
    if json:
        show.as_json(found)
    else:
        _tell(found)


@app.command("query")
def query(
    account: Annotated[str, typer.Argument(show_default=False)],
    renew: Annotated[bool, typer.Option("--renew-token", help="A token that ran out is renewed first.")] = False,
    json: AsJson = False,
) -> None:
    """Ask one account's provider what is left. Ends with 1 when it did not tell."""
    with management() as api:
        found = api.post(f"/accounts/{segment(account)}/quota/queries", json={"refresh": renew})
    if json:
        show.as_json(found)
    else:
        _tell(found)
    if found["answer"]["outcome"] != "told":
        raise typer.Exit(1)


@app.command("use-reset-credit")
def use_reset_credit(
    account: Annotated[str, typer.Argument(show_default=False)],
    confirm: Annotated[str, typer.Option(help="The account's file name or auth_index, typed: this spends something.")],
    json: AsJson = False,
) -> None:
    """Spend one Codex reset credit: the account's windows begin anew. It can't be taken back."""
    with management() as api:
        found = api.post(f"/accounts/{segment(account)}/quota/reset-credit-uses", json={"confirmation": confirm})
    if json:
        show.as_json(found)
    else:
        _tell(found)


def _tell(report: dict[str, Any]) -> None:
    show.table(_FORECAST, map(_row, report["windows"]), empty="No limit seen yet.")
    if (last := report["last"]) is not None:
        because = last["because"]["sentence"] if last["because"] else ""
        typer.echo(f"Last asked {show.moment(last['at'])}: {last['outcome']}. {because}".rstrip())
    extras = report["extras"]
    if (credit := extras["credits"]) is not None:
        typer.echo(f"Credits: {_credits(credit)}{_age(extras, 'credits')}.")
    resets = extras["reset_credits"]
    if resets is not None and resets["count"]:
        typer.echo(f"Reset credits: {resets['count']}{_age(extras, 'reset_credits')}.")
    for said in extras["said"]:
        typer.echo(f"{said['label']}: {_said(said)}, seen {show.moment(said['observed_at'])}.")
    for note in report["extras"]["noted"]:
        typer.echo(f"{show.moment(note['observed_at'])}: {note['sentence']}")


def _credits(credit: dict[str, Any]) -> str:
    if credit["unlimited"]:
        return "unlimited"
    if not credit["granted"]:
        return "none"
    return "some, how many is not told" if credit["balance"] is None else f"{credit['balance']:g}"


def _age(extras: dict[str, Any], name: str) -> str:
    """Where an answer to a request told it: a query's age stands above."""
    age = extras["ages"].get(name)
    return f", seen in headers {show.moment(age['observed_at'])}" if age and age["source"] == "header" else ""


def _said(said: dict[str, Any]) -> str:
    if said["moment"]:
        return show.moment(said["moment"])
    if said["left"] is None:
        return str(said["text"])
    return f"{said['left']:g} left" if said["limit"] is None else f"{said['left']:g} of {said['limit']:g} left"


def _row(window: dict[str, Any]) -> dict[str, Any]:
    left = window["remaining_percent"] if window["is_current"] else None
    made = window.get("forecast")
    return {
        "account": window["file_name"],
        "window": " ".join(part for part in (window["name"] or window["window"], window["scope"]) if part),
        "left": "unknown" if left is None else f"{left:g} %",
        "resets": show.moment(window["resets_at"]) if window["resets_at"] else "unknown",
        "seen": show.moment(window["observed_at"]),
        "source": f"{window['source']}, {window['accuracy']}",
        "forecast": _forecast(made) if made else "",
    }


def _forecast(made: dict[str, Any]) -> str:
    ends = f"used up {show.moment(made['used_up_at'])}" if made["used_up_at"] else "lasts until the reset"
    return f"{ends} (by {made['basis']})"
