"""What a caller asks of an inspection: about whom, how to ask, and what it may do by itself. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from authdeck.errors import DeckError
from authdeck.search import AccountSearch, to_query
from authdeck.selection import NOT_FILTERS, chosen

MOST_NAMES: Final = 50_000
LONGEST_NAME: Final = 512


class May(StrEnum):
    """What a run may do by itself. Neither of them: it records only."""

    ENABLE = "enable"
    DISABLE = "disable"


@dataclass(frozen=True, slots=True)
class Policy:
    """How a run asks and what it may do.

    ``threshold`` is percent used (1-100) from which a long window counts as full. ``refresh``: tokens that ran out may
    be exchanged. ``workers`` accounts are under way at once; ``timeout`` is seconds for one, waiting for its turn
    included; ``retries`` is how often it is asked again when no answer came.
    """

    may: frozenset[May] = frozenset()
    threshold: float = 100
    refresh: bool = False
    workers: int = 4
    timeout: float = 60
    retries: int = 0


@dataclass(frozen=True, slots=True)
class Selection:
    """The accounts named, or those that ``search`` finds when the run begins; a random ``sample`` of them, if given."""

    names: tuple[str, ...] = ()
    search: AccountSearch | None = None
    sample: int | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """Every account, recorded only, where nothing else is said."""

    selection: Selection = Selection(search=AccountSearch())
    policy: Policy = Policy()


def read_policy(given: Mapping[str, Any]) -> Policy:
    """What is left out is as ``Policy`` has it. Raises ``inspection_invalid``."""
    if unknown := set(given) - _BOUNDS.keys() - {"may", "refresh"}:
        raise _wrong(min(unknown))
    values: dict[str, Any] = {"may": _may(given.get("may") or ())}
    if not isinstance(refresh := given.get("refresh", False), bool):
        raise _wrong("refresh")
    for name, (least, most) in _BOUNDS.items():
        if (value := given.get(name)) is not None:
            values[name] = _number(name, value, least, most)
    return Policy(refresh=refresh, **values)


def write_policy(policy: Policy) -> dict[str, Any]:
    """As ``read_policy`` takes it."""
    numbers = {name: getattr(policy, name) for name in _BOUNDS}
    return {"may": sorted(policy.may), "refresh": policy.refresh, **numbers}


_BOUNDS: Final = {"threshold": (1, 100), "workers": (1, 32), "timeout": (5, 300), "retries": (0, 3)}
_WHOLE: Final = frozenset({"workers", "retries"})


def read_selection(given: Mapping[str, Any]) -> Selection:
    """``{auth_indexes}``, or the filters of the list; ``{}`` is every account. ``sample`` beside either of them.

    Raises ``inspection_invalid`` and what ``selection.chosen`` raises.
    """
    filters = {name: value for name, value in given.items() if name not in {"auth_indexes", "sample"}}
    names, sample = given.get("auth_indexes"), given.get("sample")
    if sample is not None:
        sample = int(_number("sample", sample, 1, MOST_NAMES))
    if names is None:
        return Selection(search=chosen(filters) if filters else AccountSearch(), sample=sample)
    if any(value is not None for value in filters.values()):
        raise DeckError("selection_unclear", status=422)
    if not isinstance(names, Sequence) or isinstance(names, str) or not 0 < len(names) <= MOST_NAMES:
        raise _wrong("auth_indexes")
    if not all(isinstance(name, str) and len(name) <= LONGEST_NAME for name in names):
        raise _wrong("auth_indexes")
    return Selection(tuple(dict.fromkeys(names)), sample=sample)


def write_selection(selection: Selection) -> dict[str, Any]:
    """As ``read_selection`` takes it."""
    sample = {} if selection.sample is None else {"sample": selection.sample}
    if selection.search is None:
        return {"auth_indexes": list(selection.names), **sample}
    return {**to_query(selection.search), **sample}


def stored_selection(stored: Mapping[str, Any]) -> dict[str, Any]:
    """What was written, without the order of a list: it was taken once, and chose nobody."""
    return {name: value for name, value in stored.items() if name not in NOT_FILTERS}


def _may(given: Any) -> frozenset[May]:
    if not isinstance(given, Iterable) or isinstance(given, str):
        raise _wrong("may")
    try:
        return frozenset(May(each) for each in given)
    except ValueError:
        raise _wrong("may") from None


def _number(name: str, value: Any, least: float, most: float) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not least <= value <= most or (name in _WHOLE | {"sample"} and value != int(value)):
        raise _wrong(name, least=least, most=most)
    return int(value) if name in _WHOLE else float(value)


def _wrong(field_: str, **params: Any) -> DeckError:
    problem = "bounds" if params else field_
    return DeckError("inspection_invalid", status=422, field=field_, problem=problem, **params)
