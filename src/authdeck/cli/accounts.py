"""``authdeck accounts``: find, show, change, switch off and on, lock, delete and bring back."""

from typing import Annotated, Any

import typer

from authdeck.cli import account_filters as filters
from authdeck.cli import seen_headers, show
from authdeck.cli.login import SIGN_IN, hint_at_sign_in
from authdeck.cli.management import management, segment
from authdeck.cli.reasons import tell_reasons
from authdeck.cli.show import AsJson

app = typer.Typer(name="accounts", help="Find and change accounts.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="auth_index, file name, or another alias.", show_default=False)]

Number = Annotated[int, typer.Argument(metavar="REVISION", min=1, show_default=False)]

_REVISIONS = (
    ("Revision", "number"),
    ("", "now"),
    ("Generation", "generation"),
    ("Why", "why"),
    ("From", "source"),
    ("By", "actor"),
    ("When", "at"),
    ("Changed", "changed_fields"),
)
_DIFFERENCES = (("Field", "field"), ("Change", "change"), ("Before", "before"), ("After", "after"))
_NEAR = (
    ("auth_index", "auth_index"),
    ("File", "file_name"),
    ("Identity", "identity_strength"),
    ("Why", "why"),
    ("Merge proposed", "merge_proposed"),
)
_MODEL_COLUMNS = (("Model", "id"), ("Served", "support"), ("Alias of", "alias_of"), ("Why", "why"))
_COLUMNS = (
    ("auth_index", "auth_index"),
    ("File", "file_name"),
    ("Provider", "provider"),
    ("Plan", "plan"),
    ("State", "health"),
    ("Priority", "priority"),
    ("Prefix", "prefix"),
    ("Why not used", "why"),
)
_NARROW = (("auth_index", "auth_index"), ("File", "file_name"), ("State", "health"), ("Why not used", "why"))


@app.command("list")
@filters.with_filters()
def list_(
    *, asked: dict[str, Any], sort: filters.Sort = "risk", limit: filters.Limit = 1000, json: AsJson = False
) -> None:
    """List accounts, those with problems first. All filters given have to apply."""
    with management() as api:
        found = api.pages("/accounts", {**asked, "sort": sort}, limit)
    if json:
        show.as_json(found)
        return
    columns = _COLUMNS if show.is_wide() else _NARROW
    rows = map(_row, found["items"])
    show.table(columns, rows, empty="No account matches. `authdeck import FOLDER` brings some in.")
    if len(found["items"]) < found["total"]:
        typer.echo(f"{len(found['items'])} of {found['total']} accounts.")


@app.command()
def why(
    name: Name,
    route: Annotated[str | None, typer.Option(help="For requests of this kind: responses, messages, …")] = None,
    model: Annotated[str | None, typer.Option(help="For this model; needs --route.")] = None,
    json: AsJson = False,
) -> None:
    """Say why an account is not used: every reason, and what ends each."""
    if model and not route:
        raise typer.BadParameter("Name the --route too, such as responses: who serves a model depends on it.")
    with management() as api:
        found = api.get(f"/accounts/{segment(name)}/reasons", {"route": route, "model": model})
        needs_one = any(reason["clear"] == SIGN_IN for reason in found["items"])
        account = api.get(f"/accounts/{segment(name)}") if needs_one else None
    if json:
        show.as_json(found)
    elif not found["items"]:
        typer.echo("Nothing stands in the way: it serves.")
    else:
        tell_reasons(found["items"])
        if account is not None:
            hint_at_sign_in(account, found["items"])


@app.command("show")
def show_(
    name: Name,
    headers: Annotated[bool, typer.Option("--headers", help="Also what headers of its answers said last.")] = False,
    json: AsJson = False,
) -> None:
    """Show one account, with every reason why it is not used."""
    with management() as api:
        account = api.get(f"/accounts/{segment(name)}")
        seen = api.get(f"/accounts/{segment(name)}/seen-headers") if headers else None
    if json:
        show.as_json(account if seen is None else {**account, "seen_headers": seen["items"]})
        return
    _describe(account)
    if seen is not None:
        seen_headers.tell(seen)


@app.command()
def edit(
    name: Name,
    file_name: Annotated[str | None, typer.Option(help="A new name; the old one stays as an alias.")] = None,
    label: str | None = None,
    note: str | None = None,
    priority: Annotated[int | None, typer.Option(help="Higher is served first.")] = None,
    weight: Annotated[int | None, typer.Option(help="Share within a priority.")] = None,
    project_id: str | None = None,
    prefix: Annotated[str | None, typer.Option(help="Routing name: /p/PREFIX/… reaches just these accounts.")] = None,
    refresh_by: Annotated[str | None, typer.Option(help="authdeck or other.")] = None,
    clear: Annotated[list[str] | None, typer.Option(metavar="FIELD", help="Empty this field.")] = None,
    json: AsJson = False,
) -> None:
    """Change settings of an account. What is not named stays."""
    given = {
        "file_name": file_name, "label": label, "note": note, "priority": priority, "weight": weight,
        "project_id": project_id, "prefix": prefix, "refresh_by": refresh_by,
    }  # fmt: skip
    changes: dict[str, Any] = {field: value for field, value in given.items() if value is not None}
    changes |= dict.fromkeys(clear or ())
    if not changes:
        raise typer.BadParameter("Name at least one field to change, such as --note or --priority.")
    with management() as api:
        read = api.get(f"/accounts/{segment(name)}")
        account = api.patch(f"/accounts/{read['auth_index']}", json=changes, version=read["version"])
    _done(account, f"Changed {', '.join(changes)} of {account['file_name']}.", json=json)


@app.command()
def disable(
    name: Name,
    reason: Annotated[str, typer.Option(help="Why, for whoever finds it switched off.")] = "",
    until: Annotated[str | None, typer.Option(help="A time such as 2026-12-01T08:00:00Z; else until enabled.")] = None,
    json: AsJson = False,
) -> None:
    """Stop serving with an account. No automation switches it on again."""
    with management() as api:
        body = {"reason": reason, "until": until}
        account = api.put(f"/accounts/{segment(name)}/disablement", json=body)
    _done(account, f"Disabled {account['file_name']}.", json=json)


@app.command()
def enable(name: Name, json: AsJson = False) -> None:
    """Serve with an account again."""
    with management() as api:
        account = api.delete(f"/accounts/{segment(name)}/disablement")
    _done(account, f"Enabled {account['file_name']}.", json=json)


@app.command()
def lock(name: Name, json: AsJson = False) -> None:
    """Keep automation's hands off an account."""
    with management() as api:
        account = api.put(f"/accounts/{segment(name)}/lock")
    _done(account, f"Locked {account['file_name']}.", json=json)


@app.command()
def unlock(name: Name, json: AsJson = False) -> None:
    """Let automation look after an account again."""
    with management() as api:
        account = api.delete(f"/accounts/{segment(name)}/lock")
    _done(account, f"Unlocked {account['file_name']}.", json=json)


@app.command()
def delete(
    name: Name,
    preview: Annotated[bool, typer.Option("--preview", help="Only say what depends on it.")] = False,
    json: AsJson = False,
) -> None:
    """Put an account into the trash, whole."""
    with management() as api:
        account = api.get(f"/accounts/{segment(name)}")
        uses = api.get(f"/accounts/{account['auth_index']}/dependents")
        if not preview:
            api.delete(f"/accounts/{account['auth_index']}", version=account["version"])
    if json:
        named = {name: account[name] for name in ("auth_index", "file_name")}
        show.as_json({**named, "trashed": not preview, "dependents": uses})
        return
    _tell_dependents(uses)
    if preview:
        return
    typer.echo(f"Moved {account['file_name']} to the trash.")
    typer.echo(f"`authdeck accounts restore {account['auth_index']}` brings it back.")


@app.command()
def revisions(name: Name, json: AsJson = False) -> None:
    """List every version of an account's auth file that was kept, newest first."""
    with management() as api:
        found = api.get(f"/accounts/{segment(name)}/revisions")
    if json:
        show.as_json(found)
        return
    rows = (
        {**row, "at": show.moment(row["at"]), "now": "in force" if row["current"] else ""} for row in found["items"]
    )
    show.table(_REVISIONS, rows, empty="No revision is kept.")


@app.command()
def difference(
    name: Name,
    number: Number,
    former: Annotated[
        int | None, typer.Option("--with", help="Another revision than the one it was made from.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Show what a revision has otherwise than the one before it. Secrets are never shown."""
    with management() as api:
        found = api.get(f"/accounts/{segment(name)}/revisions/{number}/difference", {"with": former})
    if json:
        show.as_json(found)
        return
    show.table(_DIFFERENCES, found["items"], empty="Nothing differs.")


@app.command("restore-revision")
def restore_revision(
    name: Name,
    number: Number,
    credential: Annotated[
        bool, typer.Option("--credential", help="Its old tokens too, not only other fields.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Bring back an earlier version of an auth file. Tokens stay the newest, unless told otherwise."""
    with management() as api:
        body = {"credential": credential}
        made = api.post(f"/accounts/{segment(name)}/revisions/{number}/restoration", json=body)
    _noted(made, f"Revision {made['revision']} is in force ({made['outcome']}).", json=json)


@app.command()
def near(name: Name, json: AsJson = False) -> None:
    """List accounts that may be the same one, and why."""
    with management() as api:
        found = api.get(f"/accounts/{segment(name)}/near")
    if json:
        show.as_json(found)
        return
    rows = ({**row, "why": ", ".join(row["why"])} for row in found["items"])
    show.table(_NEAR, rows, empty="No other account comes near.")


@app.command()
def merge(
    name: Name,
    into: Annotated[str, typer.Argument(help="The account that stays.", show_default=False)],
    json: AsJson = False,
) -> None:
    """Make an account a part of another, which keeps its auth_index and settings."""
    with management() as api:
        given = api.get(f"/accounts/{segment(name)}")
        done = api.post(f"/accounts/{given['auth_index']}/merge", json={"into": into})
    _noted(done, f"Merged {given['file_name']} into {done['account']['file_name']}.", json=json)
    if not json:
        typer.echo(f"`authdeck accounts unmerge {done['auth_index']} {given['auth_index']}` undoes it.")


@app.command()
def unmerge(
    name: Name,
    merged: Annotated[str, typer.Argument(help="auth_index of the account that was merged.", show_default=False)],
    json: AsJson = False,
) -> None:
    """Make a merged account one of its own again."""
    with management() as api:
        done = api.post(f"/accounts/{segment(name)}/unmerge", json={"merged": merged})
    _noted(done, f"{merged} is an account of its own again.", json=json)


@app.command()
def split(name: Name, number: Number, json: AsJson = False) -> None:
    """Make a revision that is another account's an account of its own."""
    with management() as api:
        done = api.post(f"/accounts/{segment(name)}/split", json={"revision": number})
    _done(done, f"Revision {number} is the account {done['account']['file_name']} now.", json=json)


@app.command()
def restore(auth_index: Annotated[str, typer.Argument(show_default=False)], json: AsJson = False) -> None:
    """Bring an account back from the trash, with its auth_index and history."""
    with management() as api:
        account = api.post(f"/trash/{segment(auth_index)}/restoration")
    _done(account, f"Restored {account['file_name']}.", json=json)


@app.command()
def confirm(name: Name, json: AsJson = False) -> None:
    """Say that an account restored from a backup has its newest tokens: it serves and is refreshed again."""
    with management() as api:
        account = api.put(f"/accounts/{segment(name)}/confirmation")
    _done(account, f"Confirmed {account['file_name']}.", json=json)


@app.command()
def refresh(name: Name, json: AsJson = False) -> None:
    """Get an account new tokens from its provider now."""
    with management() as api:
        done = api.post(f"/accounts/{segment(name)}/refresh")
    if json:
        show.as_json(done)
    else:
        why = f" ({done['code']})" if done["code"] else ""
        typer.echo(f"{done['account']['file_name']}: {done['outcome']}{why}")
    if done["outcome"] != "ok":
        raise typer.Exit(1)


@app.command("models")
def models_(
    name: Name,
    model: Annotated[str | None, typer.Option(help="One to explain beside those known.")] = None,
    json: AsJson = False,
) -> None:
    """Say which models an account serves, and why."""
    with management() as api:
        found = api.get(f"/accounts/{segment(name)}/models", {"model": model})
    if json:
        show.as_json(found)
        return
    rows = ({**row, "why": row["why"]["sentence"]} for row in found["items"])
    show.table(_MODEL_COLUMNS, rows, empty="No model is known of it. Whatever is asked for is tried.")


@app.command()
def endpoints(name: Name, json: AsJson = False) -> None:
    """Print the URLs and client settings that reach an account."""
    with management() as api:
        found = api.get(f"/accounts/{segment(name)}/endpoints")
    if json:
        show.as_json(found)
        return
    if found["note"]:
        typer.echo(f"{found['note']['sentence']}\n")
    show.fields([(endpoint["route"], f"{endpoint['method']} {endpoint['url']}") for endpoint in found["endpoints"]])
    for snippet in found["snippets"]:
        typer.echo(f"\n--- {snippet['client']} ---\n{snippet['text']}")


def _row(account: dict[str, Any]) -> dict[str, Any]:
    first, *more = [reason["sentence"] for reason in account["reasons"]] or [""]
    return {**account, "why": first + (f" (and {len(more)} more)" if more else "")}


def _done(account: dict[str, Any], sentence: str, *, json: bool) -> None:
    if json:
        show.as_json(account)
    else:
        typer.echo(sentence)


def _noted(done: dict[str, Any], sentence: str, *, json: bool) -> None:
    """The sentence, and what a person should know besides."""
    _done(done, sentence, json=json)
    if not json:
        for note in done["notes"]:
            typer.echo(note["sentence"])


def _tell_dependents(uses: dict[str, Any]) -> None:
    if uses["requests"] is None:
        typer.echo("How many requests it served is not known: the request log did not answer.")
    elif uses["requests"]:
        typer.echo(
            f"It served {uses['requests']} requests, the last {show.moment(uses['last_request_at']) or 'long ago'}."
        )
    if uses["prefix"] is not None:
        keys = f" Client keys bound to it: {', '.join(uses['client_keys'])}." if uses["client_keys"] else ""
        typer.echo(f"{uses['sharing_prefix']} other accounts serve its prefix {uses['prefix']}.{keys}")
    if uses["aliases"]:
        typer.echo(f"It is also known as {', '.join(uses['aliases'])}.")


def _describe(account: dict[str, Any]) -> None:
    show.fields(
        [
            ("File", account["file_name"]),
            ("auth_index", account["auth_index"]),
            ("Aliases", account["aliases"]),
            ("Provider", f"{account['provider']}, {account['kind']}"),
            ("E-mail", account["email"]),
            ("Label", account["label"]),
            ("Plan", account["plan"]),
            ("State", account["health"]),
            ("Enabled", account["enabled"]),
            ("Locked", account["locked"]),
            ("Priority", account["priority"]),
            ("Weight", account["weight"]),
            ("Prefix", account["prefix"]),
            ("Project", account["project_id"]),
            ("Note", account["note"]),
            ("Base URL", account["base_url"]),
            ("Proxy", account["proxy"]),
            ("Refreshed by", account["refresh_by"]),
            ("Token ends", show.moment(account["expires_at"])),
            ("Last request", show.moment(account["last_request_at"])),
            ("Added", show.moment(account["created_at"])),
            ("Version", account["version"]),
        ]
    )
    if account["reasons"]:
        typer.echo()
        tell_reasons(account["reasons"])
    hint_at_sign_in(account, account["reasons"])
