"""Options that choose accounts, the same wherever a list of accounts is meant."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, Final

import typer

Search = Annotated[
    str | None,
    typer.Option(help="Part of anything it is known by: names, note, ids, state, reason. With * a pattern."),
]
Provider = Annotated[str | None, typer.Option(help="codex, claude, …")]
Kind = Annotated[str | None, typer.Option(help="oauth, api_key or service_account.")]
State = Annotated[list[str] | None, typer.Option(help="available, cooling, … May be given several times.")]
PROBLEM: Final = (
    "A problem is a current reason that needs a person (a sign-in, a review, a refused refresh, an open candidate, an"
    " unreadable auth file), or that blocks serving though the operator wants the account served (a cooldown, a used-up"
    " quota, an incident). A limit that is only shown as full counts as used up, though the account is asked until the"
    " provider refuses."
)
"""The sentence ``problem.definition``, which a test compares: to read it there would take as long as a whole start."""

Problem = Annotated[bool, typer.Option("--problem", help=f"Problems only. {PROBLEM}")]
Healthy = Annotated[bool, typer.Option("--healthy", help="Only those known to work.")]
Disabled = Annotated[bool, typer.Option("--disabled", help="Only those switched off.")]
CodexStatus = Annotated[
    str | None,
    typer.Option(
        help="reauth, quota_limited, five_hour_limited, weekly_limited, monthly_limited or disabled_with_reset."
    ),
]
Plan = Annotated[str | None, typer.Option(help="free, plus, team, prolite, pro, … or unknown.")]
Prefix = Annotated[str | None, typer.Option(help="The routing name, exactly.")]
Project = Annotated[str | None, typer.Option(help="The project id, exactly.")]
Locked = Annotated[bool | None, typer.Option("--locked/--unlocked", help="Whether automation leaves them alone.")]
Sort = Annotated[
    str,
    typer.Option(
        help="risk, name, note, plan, priority, recent, created or reset; - before it turns it round (--sort=-recent)."
    ),
]
Limit = Annotated[int, typer.Option(min=1, help="At most so many.")]


ALL: Final[dict[str, Any]] = {
    "search": Search, "provider": Provider, "kind": Kind, "state": State, "problem": Problem, "healthy": Healthy,
    "disabled": Disabled, "codex_status": CodexStatus, "plan": Plan, "prefix": Prefix, "project": Project,
    "locked": Locked,
}  # fmt: skip
_FLAGS: Final = frozenset({"problem", "healthy", "disabled"})


def with_filters(without: tuple[str, ...] = ()) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command every filter of the list; it gets what was given as ``asked``, as the API takes it."""
    names = [name for name in ALL if name not in without]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def with_all(**given: Any) -> None:
            refuse_empty(**{name: given[name] for name in names if name != "search"})
            locked, everything = given.get("locked"), given.get("search") == ""
            asked = with_locked(chosen(**{name: given.pop(name) for name in names}), locked)
            command(**given, asked={"search": "", **asked} if everything else asked)

        own = inspect.signature(command).parameters.values()
        filters = [
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, annotation=ALL[name], default=False if name in _FLAGS else None
            )
            for name in names
        ]
        kept = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own if each.name != "asked"]
        with_all.__signature__ = inspect.Signature([*kept, *filters])  # type: ignore[attr-defined]
        with_all.__annotations__ = {each.name: each.annotation for each in (*kept, *filters)}
        return with_all

    return decorate


def chosen(**given: Any) -> dict[str, Any]:
    """What was given, as the API takes it in an address or a body; flags that were not given ask nothing."""
    return {name: value for name, value in given.items() if value not in (None, "", []) and value is not False}


def refuse_empty(**given: Any) -> None:
    """Of a filter given as "" nothing is left: where a variable is empty, more would be meant than anybody wants."""
    for name, value in given.items():
        values = value if isinstance(value, list) else [value]
        if any(isinstance(each, str) and not each.strip() for each in values):
            raise typer.BadParameter(f"--{name.replace('_', '-')} is empty.")


def with_locked(asked: dict[str, Any], locked: bool | None) -> dict[str, Any]:
    """``--unlocked`` asks something, too."""
    return asked if locked is None else {**asked, "locked": locked}
