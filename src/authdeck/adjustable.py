"""Settings that an admin may change while authdeck runs. Pure.

Type, bounds and default are those of the field in ``settings``; what it means is the sentence ``setting.<name>``.
What was set where authdeck started (a flag, the environment, ``authdeck.toml``) is locked: it wins over what is kept.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, TypeVar, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from authdeck.errors import DeckError, NotFound
from authdeck.settings import Settings

Model = TypeVar("Model", bound=BaseModel)
Value = bool | int | float | str


class Kind(StrEnum):
    """How a setting is entered."""

    SWITCH = "switch"
    WHOLE = "whole"
    NUMBER = "number"
    CHOICE = "choice"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Adjustable:
    """``name`` is the setting's, dotted; ``section`` the page of the console where it stands."""

    name: str
    section: str

    @property
    def variable(self) -> str:
        """The variable that sets it where authdeck starts."""
        return "AUTHDECK_" + self.name.upper().replace(".", "__")

    @property
    def kind(self) -> Kind:
        annotation = self._field.annotation
        if get_origin(annotation) is Literal:
            return Kind.CHOICE
        return _KINDS[annotation]

    @property
    def choices(self) -> tuple[str, ...]:
        return get_args(self._field.annotation) if self.kind is Kind.CHOICE else ()

    @property
    def least(self) -> float | None:
        return _bound(rule.ge for rule in self._field.metadata if isinstance(rule, Ge))

    @property
    def most(self) -> float | None:
        return _bound(rule.le for rule in self._field.metadata if isinstance(rule, Le))

    def of(self, settings: Settings) -> Value:
        """Its value there."""
        found: Any = settings
        for step in self.name.split("."):
            found = getattr(found, step)
        value: Value = found
        return value

    def read(self, given: object) -> Value:
        """``given``, checked: a value of JSON, or what was typed. Raises ``DeckError('setting_refused')``."""
        field, is_switch = self._field, self.kind is Kind.SWITCH
        asked = _SWITCHED.get(given.lower(), given) if is_switch and isinstance(given, str) else given
        if isinstance(asked, bool) is not is_switch:
            raise self._refused()
        rules: Any = Annotated[field.annotation, field]
        try:
            value: Value = TypeAdapter(rules).validate_python(asked)
        except ValidationError:
            raise self._refused() from None
        return value

    def _refused(self) -> DeckError:
        return DeckError(
            "setting_refused",
            status=422,
            setting=self.name,
            problem=self.kind.value,
            least=shown(self.least),
            most=shown(self.most),
            choices=self.choices,
        )

    @property
    def _field(self) -> FieldInfo:
        model: type[BaseModel] = Settings
        *path, last = self.name.split(".")
        for step in path:
            model = model.model_fields[step].annotation  # type: ignore[assignment]
        return model.model_fields[last]


_SWITCHED: Final = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}
_KINDS: Final[Mapping[Any, Kind]] = {bool: Kind.SWITCH, int: Kind.WHOLE, float: Kind.NUMBER, str: Kind.TEXT}

ADJUSTABLE: Final = (
    Adjustable("trash_days", "retention"),
    Adjustable("refresh.keep_revisions_days", "retention"),
    Adjustable("evidence_days", "retention"),
    Adjustable("monitoring.keep_days", "retention"),
    Adjustable("monitoring.disk_limit_mib", "retention"),
    Adjustable("inspection.keep_days", "retention"),
    Adjustable("session_idle_hours", "retention"),
    Adjustable("automation.cooldown", "automation"),
    Adjustable("automation.credential_holds", "automation"),
    Adjustable("automation.disable", "automation"),
    Adjustable("automation.accounts_per_hour", "automation"),
    Adjustable("automation.percent_per_hour", "automation"),
    Adjustable("refresh.keep_warm_days", "automation"),
    Adjustable("refresh.retry_unknown", "automation"),
)
"""In the order of their pages. One more is one line here, its field in ``settings`` and its sentence."""

SECTIONS: Final = tuple(dict.fromkeys(setting.section for setting in ADJUSTABLE))

_NAMED: Final = {setting.name: setting for setting in ADJUSTABLE}


def named(name: str) -> Adjustable:
    """Raises ``NotFound('setting_unknown')``."""
    if name not in _NAMED:
        raise NotFound("setting_unknown", setting=name, known=sorted(_NAMED))
    return _NAMED[name]


def in_force(started: Settings, kept: Mapping[str, object]) -> Settings:
    """The settings authdeck started with, changed by what is kept where nothing was given at the start.

    A name that is not known (any more) and a value that is not allowed (any more) change nothing.
    """
    settings = started
    for setting in ADJUSTABLE:
        if setting.name in kept and setting.name not in started.given:
            with suppress(DeckError):
                settings = _with(settings, setting.name.split("."), setting.read(kept[setting.name]))
    return settings


def _with(model: Model, path: list[str], value: Value) -> Model:
    first, *rest = path
    inner = _with(getattr(model, first), rest, value) if rest else value
    return model.model_copy(update={first: inner})


def shown(value: Value | None) -> str:
    """As it is typed: ``true``, ``30``, ``0.5``."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def _bound(found: Iterable[Any]) -> float | None:
    return next(iter(found), None)
