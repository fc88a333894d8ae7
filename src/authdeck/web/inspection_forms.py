"""The forms of an inspection and of a schedule: what is typed, and what that asks for. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from starlette.datastructures import FormData, QueryParams

from authdeck.inspection_order import Policy
from authdeck.search import FILTERS

_TEXTS: Final = (
    "name",
    "search",
    "provider",
    "who",
    "sample",
    "threshold",
    "workers",
    "when",
    "every",
    "times",
    "zone",
)
_TICKS: Final = ("refresh", "dry_run", "enable", "disable")
_WHO: Final = ("problem", "disabled")
_LONGEST: Final = 500

FURTHER: Final = tuple(
    name for name in FILTERS if name not in {"search", "provider", *_WHO, "sort", "page_size", "cursor"}
)
"""Filters of the list that the form has no field of: it keeps those it was opened with, or as many as stay ticked."""


def typed_of(said: FormData | QueryParams) -> dict[str, Any]:
    """What the form holds; empty ones as usual."""
    typed: dict[str, Any] = {name: str(said.get(name) or "").strip()[:_LONGEST] for name in _TEXTS}
    typed |= {name: said.get(name) == "yes" for name in _TICKS}
    typed["account"] = [str(name) for name in said.getlist("account")]
    further = {name: ",".join(str(value) for value in said.getlist(name))[:_LONGEST] for name in FURTHER}
    typed["further"] = {name: value for name, value in further.items() if value}
    typed["who"] = typed["who"] or next((name for name in _WHO if said.get(name) == "true"), "")
    typed["threshold"] = typed["threshold"] or f"{Policy().threshold:g}"
    typed["workers"] = typed["workers"] or str(Policy().workers)
    typed["every"] = typed["every"] or "60"
    typed["times"] = typed["times"] or "03:00"
    typed["when"] = typed["when"] or "every"
    return typed


def typed_from(
    name: str, timing: Mapping[str, Any], policy: Mapping[str, Any], selection: Mapping[str, Any]
) -> dict[str, Any]:
    """What a schedule's form holds when it is opened again."""
    flags = [flag for flag in _WHO if selection.get(flag)]
    return {
        "name": name,
        "search": selection.get("search", ""),
        "further": {name: str(selection[name]) for name in FURTHER if name in selection},
        "provider": selection.get("provider", ""),
        "who": flags[0] if flags else "",
        "sample": str(selection.get("sample", "")),
        "threshold": f"{policy['threshold']:g}",
        "workers": str(policy["workers"]),
        "when": "every" if "every" in timing else "times",
        "every": str(timing.get("every", 60)),
        "times": " ".join(timing.get("times", ("03:00",))),
        "zone": timing.get("zone", "UTC"),
        "refresh": policy["refresh"],
        "dry_run": False,
        "enable": "enable" in policy["may"],
        "disable": "disable" in policy["may"],
        "account": list(selection.get("auth_indexes", ())),
    }


def order_of(typed: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Selection and policy as the API takes them. What is no number is handed on as it is, to be refused."""
    selection: dict[str, Any] = {"sample": _number(typed["sample"])}
    if typed["account"]:
        selection["auth_indexes"] = typed["account"]
    else:
        selection |= {"search": typed["search"] or None, "provider": typed["provider"] or None, **typed["further"]}
        selection |= {typed["who"]: True} if typed["who"] in _WHO else {}
    policy = {
        "may": [name for name in ("enable", "disable") if typed[name]],
        "threshold": _number(typed["threshold"]),
        "workers": _number(typed["workers"]),
        "refresh": typed["refresh"],
    }
    kept = {name: value for name, value in selection.items() if value is not None}
    return kept, {name: value for name, value in policy.items() if value is not None}


def timing_of(typed: Mapping[str, Any]) -> dict[str, Any]:
    """The timing as the API takes it."""
    if typed["when"] == "times":
        return {"times": typed["times"].replace(",", " ").split(), "zone": typed["zone"] or "UTC"}
    return {"every": _number(typed["every"])}


def _number(text: str) -> Any:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        return text
    return int(value) if value.is_integer() else value
