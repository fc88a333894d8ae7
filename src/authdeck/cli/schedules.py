"""``authdeck schedules``: inspections that begin by themselves."""

from typing import Annotated, Any, Final

import typer

from authdeck.cli import show
from authdeck.cli.account_filters import Problem, Provider, Search
from authdeck.cli.management import management, segment
from authdeck.cli.show import AsJson

app = typer.Typer(name="schedules", help="Inspections that begin by themselves.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="SCHEDULE", help="Its id.", show_default=False)]
_COLUMNS: Final = (
    ("id", "id"),
    ("Name", "name"),
    ("When", "when"),
    ("May", "may"),
    ("Next", "next"),
)


@app.command("list")
def list_(json: AsJson = False) -> None:
    """List them."""
    with management() as api:
        found = api.get("/schedules", {"page_size": 200})
    if json:
        show.as_json(found)
    else:
        show.table(_COLUMNS, map(_row, found["items"]), empty="There is no schedule yet.")


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="What people call it.", show_default=False)],
    every: Annotated[int | None, typer.Option(help="Minutes between two runs.")] = None,
    at: Annotated[list[str] | None, typer.Option(metavar="HH:MM", help="A time of day; may be given again.")] = None,
    zone: Annotated[str | None, typer.Option(help="The time zone of --at, such as Europe/Berlin; else UTC.")] = None,
    provider: Provider = None,
    search: Search = None,
    problem: Problem = False,
    sample: Annotated[int | None, typer.Option(min=1, help="So many of them, drawn by chance.")] = None,
    enable: Annotated[bool, typer.Option("--enable", help="Enable by itself what an inspection disabled.")] = False,
    disable: Annotated[bool, typer.Option("--disable", help="Disable by itself what can't serve for long.")] = False,
    threshold: Annotated[float | None, typer.Option(min=1, max=100)] = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="Tokens that ran out may be refreshed.")] = False,
    json: AsJson = False,
) -> None:
    """Add one. It records only, unless --enable or --disable is given."""
    timing = {"every": every} if every is not None else {"times": at or [], **({"zone": zone} if zone else {})}
    about = {"provider": provider, "search": search, "sample": sample, "problem": problem or None}
    policy = {"may": [name for name, given in (("enable", enable), ("disable", disable)) if given], "refresh": refresh}
    policy |= {} if threshold is None else {"threshold": threshold}
    selection = {name: value for name, value in about.items() if value is not None}
    with management() as api:
        found = api.post("/schedules", json={"name": name, "timing": timing, "policy": policy, "selection": selection})
    _tell(found, json=json)


@app.command()
def on(schedule: Id, json: AsJson = False) -> None:
    """Switch one on."""
    _switch(schedule, enabled=True, json=json)


@app.command()
def off(schedule: Id, json: AsJson = False) -> None:
    """Switch one off; it stays."""
    _switch(schedule, enabled=False, json=json)


@app.command()
def delete(schedule: Id) -> None:
    """Delete one. Its runs stay."""
    with management() as api:
        api.delete(f"/schedules/{segment(schedule)}")
    typer.echo("Deleted.")


def _switch(schedule: str, *, enabled: bool, json: bool) -> None:
    with management() as api:
        found = api.patch(f"/schedules/{segment(schedule)}", json={"enabled": enabled})
    _tell(found, json=json)


def _tell(found: dict[str, Any], *, json: bool) -> None:
    if json:
        show.as_json(found)
    else:
        show.table(_COLUMNS, [_row(found)], empty="")


def _row(one: dict[str, Any]) -> dict[str, Any]:
    told = one["timing"]
    when = f"every {told['every']} min" if "every" in told else f"{', '.join(told['times'])} {told['zone']}"
    following = show.moment(one["next_at"]) if one["next_at"] else "off"
    return {**one, "when": when, "may": ", ".join(one["policy"]["may"]) or "record only", "next": following}
