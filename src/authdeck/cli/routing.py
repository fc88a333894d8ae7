"""``authdeck routing``: which accounts a request would use, and why not the others."""

from typing import Annotated, Any

import typer

from authdeck.cli import account_filters as filters
from authdeck.cli import show
from authdeck.cli.management import management
from authdeck.cli.show import AsJson

app = typer.Typer(name="routing", help="Which accounts requests use.", no_args_is_help=True)

_COLUMNS = (("File", "file_name"), ("Used", "used"), ("Tier", "tier"), ("Turn", "turn"), ("Why not", "why"))


@app.callback()
def routing() -> None:
    """Which accounts requests use."""


@app.command()
@filters.with_filters(without=("prefix",))  # --prefix is the request's
def explain(
    *,
    asked: dict[str, Any],
    name: Annotated[
        str | None, typer.Argument(help="Only this account: auth_index, file name or alias.", show_default=False)
    ] = None,
    route: Annotated[str | None, typer.Option(help="responses, chat, messages, generate, …")] = None,
    path: Annotated[str | None, typer.Option(help="The path a client would call, such as /v1/messages.")] = None,
    model: Annotated[str | None, typer.Option(help="As a client would name it.")] = None,
    prefix: Annotated[str | None, typer.Option(help="The prefix that the request names.")] = None,
    client_key: Annotated[str | None, typer.Option(help="A client key's id or name.")] = None,
    sort: filters.Sort = "-priority",
    limit: filters.Limit = 50,
    json: AsJson = False,
) -> None:
    """Say which accounts a request would use, in which order, and every reason why not the others.

    Nothing is sent and nobody's turn is used up. Without --route and --path a request to /v1/responses is meant.
    """
    question = filters.chosen(
        route=route or (None if path else "responses"), path=path, model=model, prefix=prefix, client_key=client_key,
        auth_index=name,
    )  # fmt: skip
    accounts = {**asked, "sort": sort, "page_size": min(limit, 200)}
    with management() as api:
        found = api.post("/routing/explanation", json={**question, "accounts": accounts})
        while found["next"] and len(found["items"]) < limit:
            page = {**accounts, "cursor": found["next"]}
            more = api.post("/routing/explanation", json={**question, "accounts": page})
            found = {**more, "items": found["items"] + more["items"]}
    found["items"] = found["items"][:limit]
    if json:
        show.as_json(found)
    else:
        _tell(found)


def _tell(found: dict[str, Any]) -> None:
    about = [("Route", found["route"]), ("Model", found["model"]), ("Prefix", found["prefix"])]
    show.fields([*about, ("Refused", found["refused"] and found["refused"]["sentence"])])
    rows = ({**item, "why": " ".join(each["sentence"] for each in item["reasons"])} for item in found["items"])
    show.table(_COLUMNS, rows, empty="No account matches.")
    if len(found["items"]) < found["total"]:
        typer.echo(f"{len(found['items'])} of {found['total']} accounts.")
