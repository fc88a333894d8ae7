"""A release of tomorrow: the steps of this one, and one more."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from authdeck.storage.migrations import Branch, folders, known, newest, steps

LATER = "2199_01_01_later"


@pytest.fixture
def later_step(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], None]]:
    """Add a step to the control database's line; what it does is given as Python with ``op`` and ``sa``."""

    def add(upgrade: str) -> None:
        folder = tmp_path_factory.mktemp("later")
        Path(folder, f"{LATER}.py").write_text(
            f"import sqlalchemy as sa\nfrom alembic import op\nrevision = {LATER!r}\n"
            f"down_revision = {newest(Branch.CONTROL)!r}\n\ndef upgrade():\n    {upgrade}\n"
        )
        folders(Branch.CONTROL).append(str(folder))
        forget()

    def forget() -> None:
        for kept in (steps, known):
            kept.cache_clear()

    yield add
    folders.cache_clear()
    forget()
