"""Every sentence of the product in English, by code. One file an area; each file is written by those who raise its codes."""

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType


def _areas() -> Mapping[str, Mapping[str, str]]:
    found = sorted(module.name for module in iter_modules(__path__))
    return {name: import_module(f"{__name__}.{name}").SENTENCES for name in found}


def worded_twice() -> dict[str, list[str]]:
    """Codes that two areas word differently, with the areas: a mistake, which a test looks for."""
    areas = _areas()
    by_code = {code: [name for name in areas if code in areas[name]] for words in areas.values() for code in words}
    return {code: names for code, names in by_code.items() if len({areas[name][code] for name in names}) > 1}


SENTENCES: Mapping[str, str] = MappingProxyType(
    {code: text for words in _areas().values() for code, text in words.items()}
)
