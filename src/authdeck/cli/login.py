"""``authdeck login``: sign in at a provider from a shell, over ssh too."""

import os
import sys
import webbrowser
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any, Final

import typer

from authdeck.cli import show
from authdeck.cli.failure import RefusedError
from authdeck.cli.management import Management, management, segment
from authdeck.cli.show import AsJson

_LOOK_AGAIN: Final = 1.0
"""Seconds between two looks at how it stands."""

_GLANCE: Final = 0.05
"""The same while a browser opens."""

_OUTCOMES: Final = {
    "new": "Signed in. A new account was added.",
    "updated": "Signed in. The account has new tokens; its settings and history stay.",
    "unchanged": "Signed in. The account had these tokens already.",
}


_MEANINGS: Final = {
    "new": "keep it as the account that it is",
    "expected": "it is the expected account, update it",
    "restore": "take it out of the trash and update it",
}

SIGN_IN: Final = "sign_in_again"
"""What clears a reason that a new sign-in ends."""


def hint_at_sign_in(account: Mapping[str, Any], reasons: Iterable[Mapping[str, Any]]) -> None:
    """Say how to sign in again where that ends one of the reasons."""
    is_sign_in = account["kind"] == "oauth" and any(reason["clear"] == SIGN_IN for reason in reasons)
    if is_sign_in:
        typer.echo(f"\nSign in again: authdeck login {account['provider']} --account {account['auth_index']}")


def login(
    provider: Annotated[str, typer.Argument(help="Where, such as codex.", show_default=False)],
    device: Annotated[bool, typer.Option("--device", help="By a code entered on any device.")] = False,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Print the address instead of opening it.")] = False,
    account: Annotated[str | None, typer.Option(help="The account that needs it: auth_index or file name.")] = None,
    json: AsJson = False,
) -> None:
    """Sign in at a provider. Over ssh, paste the address that the browser ends at."""
    asked = {"provider": provider, "auth_index": account, "way": "device" if device else None}
    with management() as api:
        now = api.post("/logins", json=asked)
        try:
            now = _ended(api, now, no_browser=no_browser)
        except (KeyboardInterrupt, EOFError, typer.Abort):  # the last is what a prompt makes of the others
            api.delete(f"/logins/{segment(now['id'])}")
            raise RefusedError("login_cancelled", "Cancelled. Nothing was saved.") from None
    _tell(now, json=json)


def _ended(api: Management, now: dict[str, Any], *, no_browser: bool) -> dict[str, Any]:
    """What became of it. What a person must do goes to stderr, the answer alone to stdout."""
    if now["user_code"]:
        typer.echo(f"Open {now['verification_url']} on any device and enter {now['user_code']}", err=True)
    else:
        now = _in_browser(api, now, no_browser=no_browser)
    while now["status"] == "pending":
        api.pause(_LOOK_AGAIN)
        now = api.get(f"/logins/{segment(now['id'])}")
    if now["status"] == "choosing":
        now = _chosen(api, now)
    return now


def _in_browser(api: Management, now: dict[str, Any], *, no_browser: bool) -> dict[str, Any]:
    """Without a browser here the way back ends elsewhere: its address is asked for."""
    is_opened = not (no_browser or "SSH_CONNECTION" in os.environ) and _opened(api, now["url"])
    typer.echo(f"{'If no browser opened, open' if is_opened else 'Open'} this address:\n\n{now['url']}\n", err=True)
    if is_opened and now["listening"]:
        return now
    typer.echo(
        "Paste the whole address that the browser ends at, even if it does not load (it is not shown).", err=True
    )
    typer.echo("If the browser says that you are signed in, just press Enter.", err=True)
    while now["status"] == "pending":
        pasted = typer.prompt("Address", err=True, hide_input=sys.stdin.isatty(), default="", show_default=False)
        try:
            if not pasted:
                now = api.get(f"/logins/{segment(now['id'])}")
                continue
            now = api.post(f"/logins/{segment(now['id'])}/callback", json={"url": pasted})
        except RefusedError as error:
            if not error.code.startswith("call_back"):
                raise
            typer.echo(error.message, err=True)
    return now


def _opened(api: Management, url: str) -> bool:
    """Whether a browser took it. One that runs in this terminal ends after it was led back here: that must go on."""
    with ThreadPoolExecutor(1) as beside:
        taken = beside.submit(webbrowser.open, url)
        while not taken.done():
            api.pause(_GLANCE)
    return taken.result()


def _chosen(api: Management, now: dict[str, Any]) -> dict[str, Any]:
    who = ", ".join(f"{name} {value}" for name, value in now["labels"].items())
    typer.echo(f"Another account came back than could be placed by itself ({now['reason']}): {who}", err=True)
    if not sys.stdin.isatty() or not now["choices"]:
        api.delete(f"/logins/{segment(now['id'])}")
        raise RefusedError(now["reason"], f"Nothing was saved: {now['reason']}. Choices: {', '.join(now['choices'])}.")
    for choice in now["choices"]:
        typer.echo(f"  {choice}: {_meaning(api, choice)}", err=True)
    choice = typer.prompt("Choose one of " + ", ".join(now["choices"]), err=True)
    done: dict[str, Any] = api.post(f"/logins/{segment(now['id'])}/choice", json={"choice": choice})
    return done


def _meaning(api: Management, choice: str) -> str:
    wish, _, index = choice.partition(":")
    if not index:
        return _MEANINGS[wish]
    return f"it is {api.get(f'/accounts/{segment(index)}')['file_name']}, update it"


def _tell(now: dict[str, Any], *, json: bool) -> None:
    if now["status"] != "done":
        error = now["error"] or {"code": f"login_{now['status']}", "message": f"The sign-in is {now['status']}."}
        raise RefusedError(error["code"], error["message"])
    if json:
        show.as_json(now)
    else:
        typer.echo(f"{_OUTCOMES[now['outcome']]} auth_index {now['auth_index']}")
