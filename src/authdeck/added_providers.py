"""Providers that are not ours: a file in ``providers/added``, or what an installed package names as its entry point.

Their names are read without importing anything, since ``account.Provider`` has them as members; their files are
imported when settings are loaded or ``providers.PROVIDERS`` is.
"""

import re
from collections.abc import Iterable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Final

GROUP: Final = "authdeck.providers"
"""The group of entry points: ``example = "authdeck_example"`` names the module of provider ``example``."""

_FOLDER: Final = Path(__file__).parent / "providers" / "added"
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
"""What auth files call it in ``type``, and the database in a column of 32."""


def names() -> tuple[str, ...]:
    """In the order of the alphabet."""
    return tuple(_found())


def loaded(name: str) -> ModuleType:
    """Its file, imported. Raises what importing it raises."""
    module: Any = _found()[name].load()
    if not isinstance(module, ModuleType):
        raise TypeError(f"the entry point {name} of {GROUP} names {module!r}, which is no module")
    return module


@cache
def _found() -> dict[str, EntryPoint]:
    """Of two with one name the file counts. A name that can't be one of a provider is no provider."""
    points = {point.name: point for point in (*entry_points(group=GROUP), *_files())}
    return {name: points[name] for name in sorted(points) if _NAME.fullmatch(name)}


def _files() -> Iterable[EntryPoint]:
    for file in _FOLDER.glob("*.py"):
        yield EntryPoint(file.stem, f"{GROUP}.added.{file.stem}", GROUP)
