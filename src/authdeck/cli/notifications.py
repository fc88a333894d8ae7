"""``authdeck notifications``: where people are told, of what, and what became of each message."""

from typing import Annotated, Any

import typer

from authdeck.cli import account_filters as filters
from authdeck.cli import show
from authdeck.cli.management import Management, management, segment
from authdeck.cli.reading import text_of
from authdeck.cli.show import AsJson

app = typer.Typer(name="notifications", help="Telling people what happens.", no_args_is_help=True)

_CHANNELS = (("Name", "name"), ("Kind", "kind"), ("Where to", "display"), ("Id", "id"))
_RULES = (("Name", "name"), ("Kinds", "kinds"), ("Channel", "channel"), ("Paused", "paused"), ("Id", "id"))
_LOG = (("At", "at"), ("Channel", "channel"), ("Things", "count"), ("Outcome", "status"), ("Why", "why"), ("Id", "id"))

Name = Annotated[str, typer.Argument(help="A channel or rule, by name or id.", show_default=False)]
Id = Annotated[str, typer.Argument(metavar="ID", help="Its id; removing it said it.", show_default=False)]


@app.command()
def channels(json: AsJson = False) -> None:
    """List channels."""
    with management() as api:
        found = api.get("/notifications/channels")
    if json:
        show.as_json(found)
    else:
        show.table(_CHANNELS, found["items"], empty="No channel yet.")


@app.command("add-channel")
def add_channel(
    name: Annotated[str, typer.Argument(help="What it is called.", show_default=False)],
    url_from: Annotated[
        str | None, typer.Option(metavar="FILE", help="The URL from a file; - for stdin. Asked for when left out.")
    ] = None,
    kind: Annotated[str, typer.Option(help="webhook or apprise.")] = "webhook",
    private: Annotated[bool, typer.Option("--private", help="In one's own network; may be plain http.")] = False,
    json: AsJson = False,
) -> None:
    """Add a place where messages go. The secret that signs a webhook is shown once.

    The URL never stands on the command line: it may hold a token.
    """
    url = text_of(url_from).strip() if url_from else typer.prompt("URL", hide_input=True, err=True)
    with management() as api:
        made = api.post("/notifications/channels", json={"name": name, "kind": kind, "url": url, "private": private})
    if json:
        show.as_json(made)
        return
    typer.echo(f"Added {made['name']} ({made['display']}).")
    if made["secret"]:
        typer.echo(f"It signs with this secret, which is shown this once: {made['secret']}")


@app.command("remove-channel")
def remove_channel(name: Name) -> None:
    """Remove a channel, with its rules and its log."""
    _remove("channels", "restore-channel", name)


@app.command("restore-channel")
def restore_channel(id_: Id) -> None:
    """Put a channel back that was removed within a day, with its rules and its log."""
    _put_back("channels", id_)


@app.command("test")
def send_test(name: Name, json: AsJson = False) -> None:
    """Send a test message. Ends with 1 when it was not delivered."""
    with management() as api:
        _tell(api.post(f"/notifications/channels/{_id(api, 'channels', name)}/test"), json=json)


@app.command()
def rules(json: AsJson = False) -> None:
    """List rules."""
    with management() as api:
        found = api.get("/notifications/rules")
    if json:
        show.as_json(found)
    else:
        rows = ({**row, "kinds": ", ".join(row["kinds"])} for row in found["items"])
        show.table(_RULES, rows, empty="No rule yet: nobody is told of anything.")


@app.command("add-rule")
def add_rule(
    name: Annotated[str, typer.Argument(help="What it is called.", show_default=False)],
    channel: Annotated[str, typer.Option(help="A channel, by name or id.", show_default=False)],
    kind: Annotated[
        list[str],
        typer.Option(
            help="state_changed, quota_low, refresh_refused, incident_opened, incident_closed.", show_default=False
        ),
    ],
    provider: Annotated[list[str] | None, typer.Option(help="Only of these providers.")] = None,
    state: Annotated[list[str] | None, typer.Option(help="Only changes to these states.")] = None,
    below: Annotated[int | None, typer.Option(help="Percent left, for quota_low.")] = None,
    digest: Annotated[int, typer.Option(help="Minutes that happenings are gathered for one message.")] = 0,
    quiet_from: Annotated[str | None, typer.Option(help="Such as 22:00.")] = None,
    quiet_until: Annotated[str | None, typer.Option(help="Such as 07:00.")] = None,
    zone: Annotated[str, typer.Option(help="Time zone of the quiet hours.")] = "UTC",
    locale: Annotated[str, typer.Option(help="en or zh-CN.")] = "en",
    json: AsJson = False,
) -> None:
    """Say who is to hear of what."""
    with management() as api:
        wish = {
            "name": name, "channel": _id(api, "channels", channel), "kinds": kind, "providers": provider or [],
            "states": state or [], "below": below, "digest_minutes": digest, "quiet_from": quiet_from,
            "quiet_until": quiet_until, "zone": zone, "locale": locale,
        }  # fmt: skip
        _tell_rule(api.post("/notifications/rules", json=wish), "Added", json=json)


@app.command("change-rule")
def change_rule(
    rule: Name,
    name: Annotated[str | None, typer.Option(help="Another name.")] = None,
    channel: Annotated[str | None, typer.Option(help="Another channel, by name or id.")] = None,
    kind: Annotated[list[str] | None, typer.Option(help="All that it is to tell of, from now on.")] = None,
    provider: Annotated[list[str] | None, typer.Option(help="Only of these providers.")] = None,
    state: Annotated[list[str] | None, typer.Option(help="Only changes to these states.")] = None,
    below: Annotated[int | None, typer.Option(help="Percent left, for quota_low.")] = None,
    digest: Annotated[int | None, typer.Option(help="Minutes that happenings are gathered for one message.")] = None,
    quiet_from: Annotated[str | None, typer.Option(help="Such as 22:00.")] = None,
    quiet_until: Annotated[str | None, typer.Option(help="Such as 07:00.")] = None,
    zone: Annotated[str | None, typer.Option(help="Time zone of the quiet hours.")] = None,
    locale: Annotated[str | None, typer.Option(help="en or zh-CN.")] = None,
    clear: Annotated[
        list[str] | None, typer.Option(help="providers, states, below, quiet_from, quiet_until: no more of it.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Have a rule say something else; what is not named stays. authdeck notifications undo-rule takes it back."""
    said = {
        "name": name, "kinds": kind, "providers": provider, "states": state, "below": below, "digest_minutes": digest,
        "quiet_from": quiet_from, "quiet_until": quiet_until, "zone": zone, "locale": locale,
    }  # fmt: skip
    wish: dict[str, Any] = {**{key: value for key, value in said.items() if value is not None}}
    wish |= dict.fromkeys(clear or ())
    with management() as api:
        wish |= {"channel": _id(api, "channels", channel)} if channel else {}
        _tell_rule(api.patch(f"/notifications/rules/{_id(api, 'rules', rule)}", json=wish), "Changed", json=json)


@app.command("undo-rule")
def undo_rule(rule: Name, json: AsJson = False) -> None:
    """Have a rule say what it said before its last change; done again, what it said after it."""
    with management() as api:
        _tell_rule(api.post(f"/notifications/rules/{_id(api, 'rules', rule)}/undo"), "As before", json=json)


@app.command()
def pause(name: Name, json: AsJson = False) -> None:
    """Pause a rule: nobody is told, and what waits is forgotten."""
    with management() as api:
        _say(api.put(f"/notifications/rules/{_id(api, 'rules', name)}/pause"), "Paused.", json=json)


@app.command()
def resume(name: Name, json: AsJson = False) -> None:
    """Let a paused rule tell again."""
    with management() as api:
        _say(api.delete(f"/notifications/rules/{_id(api, 'rules', name)}/pause"), "Resumed.", json=json)


@app.command("remove-rule")
def remove_rule(name: Name) -> None:
    """Remove a rule. What was sent stays in the log."""
    _remove("rules", "restore-rule", name)


@app.command("restore-rule")
def restore_rule(id_: Id) -> None:
    """Put a rule back that was removed within a day."""
    _put_back("rules", id_)


@app.command()
def log(limit: filters.Limit = 50, json: AsJson = False) -> None:
    """List messages and how they went, newest first."""
    with management() as api:
        found = api.pages("/notifications/deliveries", {}, limit)
        names = {each["id"]: each["name"] for each in api.get("/notifications/channels")["items"]}
    if json:
        show.as_json(found)
        return
    rows = (
        {
            **row,
            "at": show.moment(row["created_at"]),
            "channel": names.get(row["channel"], row["channel"]),
            "count": row["message"]["count"],
            "why": row["error"]["sentence"] if row["error"] else "",
        }
        for row in found["items"]
    )
    show.table(_LOG, rows, empty="Nothing was sent yet.")


@app.command()
def retry(
    id_: Annotated[str, typer.Argument(metavar="ID", help="A message of the log.", show_default=False)],
    json: AsJson = False,
) -> None:
    """Send a message once more. Ends with 1 when it was not delivered."""
    with management() as api:
        _tell(api.post(f"/notifications/deliveries/{segment(id_)}/retry"), json=json)


def _remove(kind: str, back: str, name: str) -> None:
    with management() as api:
        id_ = _id(api, kind, name)
        api.delete(f"/notifications/{kind}/{id_}")
    typer.echo(f"Removed {name}. For a day `authdeck notifications {back} {id_}` puts it back.")


def _put_back(kind: str, id_: str) -> None:
    with management() as api:
        found = api.post(f"/notifications/{kind}/{segment(id_)}/restoration")
    typer.echo(f"{found['name']} is back.")


def _tell(delivery: dict[str, Any], *, json: bool) -> None:
    why = f": {delivery['error']['sentence']}" if delivery["error"] else "."
    _say(delivery, f"{delivery['status'].capitalize()}{why}", json=json)
    if delivery["status"] != "delivered":
        raise typer.Exit(1)


def _tell_rule(rule: dict[str, Any], did: str, *, json: bool) -> None:
    _say(rule, f"{did}: {rule['name']} tells of {', '.join(rule['kinds'])}.", json=json)


def _say(answer: Any, text: str, *, json: bool) -> None:
    if json:
        show.as_json(answer)
    else:
        typer.echo(text)


def _id(api: Management, kind: str, name: str) -> str:
    """The id of a channel or rule; what has no such name is taken as an id."""
    found = api.get(f"/notifications/{kind}")["items"]
    return segment(next((each["id"] for each in found if each["name"] == name), name))
