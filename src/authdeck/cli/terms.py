"""``authdeck terms``: read and acknowledge what providers say about serving with a subscription sign-in."""

from typing import Annotated

import typer

from authdeck.cli import show
from authdeck.cli.management import management, segment
from authdeck.cli.show import AsJson

app = typer.Typer(
    name="terms", help="Provider terms: subscription sign-ins serve once they are acknowledged.", no_args_is_help=True
)

Provider = Annotated[str, typer.Argument(help="Whose, such as codex.", show_default=False)]

_COLUMNS = (
    ("Provider", "provider"),
    ("Acknowledged", "acknowledged"),
    ("By", "acknowledged_by"),
    ("At", "at"),
    ("Text", "text_version"),
)


@app.command("list")
def list_(json: AsJson = False) -> None:
    """Say which providers' terms are acknowledged, by whom and when."""
    with management() as api:
        found = api.get("/terms")
    if json:
        show.as_json(found)
        return
    rows = ({**row, "at": show.moment(row["acknowledged_at"])} for row in found["items"])
    show.table(_COLUMNS, rows, empty="No provider needs it.")


@app.command()
def acknowledge(provider: Provider, json: AsJson = False) -> None:
    """Acknowledge a provider's terms. Its text is shown; who, when and which text are recorded."""
    with management() as api:
        done = api.put(f"/terms/{segment(provider)}/acknowledgement", json={})
    if json:
        show.as_json(done)
        return
    typer.echo(done["text"])
    typer.echo(f"Acknowledged by {done['acknowledged_by']}. The gateway serves with {provider} sign-ins now.")


@app.command()
def withdraw(provider: Provider, json: AsJson = False) -> None:
    """Take an acknowledgement back. The gateway refuses the provider's sign-ins from now on."""
    with management() as api:
        done = api.delete(f"/terms/{segment(provider)}/acknowledgement")
    if json:
        show.as_json(done)
    else:
        typer.echo(f"Withdrawn. The gateway does not serve with {provider} sign-ins any more.")
