"""Every sentence of the product in English, by code. One file an area; each file is written by those who raise its codes."""

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType


def _merged() -> Mapping[str, str]:
    """All areas' sentences in one table. A code worded in two areas is a mistake, found when the program starts."""
    merged: dict[str, str] = {}
    for module in sorted(iter_modules(__path__), key=lambda found: found.name):
        words: Mapping[str, str] = import_module(f"{__name__}.{module.name}").SENTENCES
        if twice := {code for code in words if merged.get(code, words[code]) != words[code]}:
            msg = f"worded differently in two areas: {sorted(twice)}"
            raise LookupError(msg)
        merged.update(words)
    return MappingProxyType(merged)


SENTENCES = _merged()
