"""What holds for the whole tree: import contracts, what no file may name, what the docs must name."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import typer.main
from pydantic import BaseModel

from authdeck import metrics
from authdeck.cli import app
from authdeck.settings import Settings

ROOT = Path(__file__).resolve().parent.parent

# Written in two parts, so that this file does not name them either.
REGISTRIES = [
    "pypi" + ".org",
    "python" + "hosted.org",
    "registry." + "npmjs",
    "registry." + "yarnpkg",
    "deb." + "debian",
]
MACHINE_PATH = re.compile(r"(?<![\w.~}-])/(?:work|root|opt/wheels|(?:home|Users)/(?!ann|bob|eve))\b")
SECRET_SHAPES = [
    re.compile(r"sk-(?:ant|proj)-(?!FAKE)[A-Za-z0-9_-]{24,}"),
    re.compile(r"AIza(?!FAKE)[A-Za-z0-9_-]{35}"),
    re.compile(r"GOC" + r"SPX-(?!FAKE)[A-Za-z0-9_-]{20,}"),
    re.compile(r"gh[pousr]_(?!FAKE)[A-Za-z0-9]{36}"),
    re.compile(r"-----BEGIN (?:RSA |EC )?PRIVATE KEY-----\s+[A-Za-z0-9+/]{64}"),
]


@cache
def _tracked() -> dict[str, str]:
    """Text files of the tree by name: those git knows or would add, or all where there is no git (an sdist)."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git working tree")
    return {name: text for name in listed.stdout.splitlines() if (text := _text(ROOT / name)) is not None}


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
        return None


def _naming(pattern: re.Pattern[str]) -> list[str]:
    return [f"{name}: {match[0]}" for name, text in _tracked().items() for match in pattern.finditer(text)]


def test_imports_go_downwards_only() -> None:
    lint = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    assert lint is not None
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("wanted", "unwanted"),
    [
        ("authdeck.serving, authdeck.web", ["fastapi", "alembic", "psycopg", "pyrage", "segno", "authdeck.cli"]),
        ("authdeck.cli", ["authdeck.cli.accounts", "authdeck.formats", "httpx2", "pydantic", "rich", "sqlalchemy"]),
    ],
)
def test_a_process_holds_only_what_it_needs(wanted: str, unwanted: list[str]) -> None:
    """Gateway and console do without the API's libraries, and a command without those of the others."""
    asked = f"import sys, {wanted}; print(*(name for name in {unwanted} if name in sys.modules))"
    found = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


@pytest.mark.parametrize("host", REGISTRIES)
def test_no_file_names_a_registry(host: str) -> None:
    assert _naming(re.compile(re.escape(host))) == []


def test_no_file_names_a_place_on_a_machine() -> None:
    assert _naming(MACHINE_PATH) == []


@pytest.mark.parametrize("shape", SECRET_SHAPES, ids=lambda shape: shape.pattern[:12])
def test_no_file_holds_what_looks_like_a_real_secret(shape: re.Pattern[str]) -> None:
    assert _naming(shape) == []


def test_locks_have_a_hash_for_every_package() -> None:
    for lock in ROOT.glob("requirements*.lock"):
        entries = re.split(r"\n(?=[a-z0-9])", lock.read_text(encoding="utf-8"))
        assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("decision", sorted((ROOT / "docs/decisions").glob("*.md")), ids=lambda path: path.stem)
def test_a_decision_says_context_decision_and_consequences(decision: Path) -> None:
    assert re.match(r"\d{4}-[a-z0-9-]+$", decision.stem)
    parts = re.findall(
        r"^(?:## |\*\*)(Context|Decision|Consequences)\b", decision.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert parts == ["Context", "Decision", "Consequences"]


def _settings(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        part = field.annotation
        if isinstance(part, type) and issubclass(part, BaseModel):
            yield from _settings(part, f"{prefix}{name.upper()}__")
        else:
            yield prefix + name.upper()


def _commands(command: object) -> Iterator[tuple[str, list[str]]]:
    """Every command as its first word and what may follow it."""
    for name, sub in getattr(command, "commands", {}).items():
        yield name, list(getattr(sub, "commands", {}))


@pytest.mark.parametrize("setting", list(_settings(Settings, "AUTHDECK_")))
def test_every_setting_is_in_the_reference(setting: str) -> None:
    assert f"`{setting}`" in (ROOT / "docs/reference.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("noun", "verbs"), list(_commands(typer.main.get_command(app))))
def test_every_command_is_in_the_reference(noun: str, verbs: list[str]) -> None:
    rows = (ROOT / "docs/reference.md").read_text(encoding="utf-8").splitlines()
    [row] = [row for row in rows if re.match(rf"\| `authdeck {re.escape(noun)}[ `]", row)]
    assert [verb for verb in verbs if not re.search(rf"[` ]{verb}`", row)] == []


def test_every_metric_is_in_the_reference() -> None:
    reference = (ROOT / "docs/reference.md").read_text(encoding="utf-8")
    names = {family.name for family in metrics.REGISTRY.collect() if family.name.startswith("authdeck_")}
    assert names
    assert {name for name in names if f"`{name}`" not in reference} == set()


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/clients.md", "docs/reference.md"])
def test_links_between_pages_lead_somewhere(page: str) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / page).read_text(encoding="utf-8"))
    assert [link for link in links if not (ROOT / page).parent.joinpath(link).exists()] == []


def test_ci_runs_the_test_command_of_the_readme() -> None:
    assert re.search(r"^make test\b", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    steps = [line for line in (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    assert steps[-1] == "exec make test"
