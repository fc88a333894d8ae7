"""A provider in one file: named by an installed package, or put into the folder, it is there like our own."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

import authdeck
from authdeck.settings import Kimi
from authdeck.simulator import Simulator
from fakes.deck import ADMIN_KEY, COMMAND, Deck

FILE = Path(__file__).parents[1] / "fakes" / "example_provider.py"


class WithExample(Deck):
    """A server and commands that find the installed package; forked ones would not."""

    def start(self) -> "WithExample":
        with self.log.open("ab") as log:
            self._process = subprocess.Popen([*COMMAND, "serve"], env=self.environment, stdout=log, stderr=log)
        self.wait_until(self._is_healthy)
        return self

    def run(self, *arguments: str, ok: bool = True) -> "subprocess.CompletedProcess[str]":
        command = [*COMMAND, *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60, check=False)
        assert not ok or done.returncode == 0, done.stdout + done.stderr
        return done


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator().running() as running:
        yield running


@pytest.fixture(scope="module")
def deck(tmp_path_factory: pytest.TempPathFactory, simulator: Simulator) -> Iterator[WithExample]:
    tmp_path = tmp_path_factory.mktemp("added")
    site = tmp_path / "site"
    about = site / "authdeck_example-1.0.dist-info"
    about.mkdir(parents=True)
    shutil.copy(FILE, site / "authdeck_example.py")
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: authdeck-example\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[authdeck.providers]\nexample = authdeck_example\n")
    started = WithExample(
        tmp_path / "home",
        simulator,
        PYTHONPATH=str(site),
        AUTHDECK_PROVIDERS__EXAMPLE__API_URL=f"{simulator.url}/kimi",
        AUTHDECK_PROVIDERS__EXAMPLE__AUTH_URL=f"{simulator.url}/kimi-auth",
        AUTHDECK_PROVIDERS__EXAMPLE__CLIENT_ID=Kimi().client_id,
    )
    try:
        yield started.start()
    finally:
        started.close()


def test_it_signs_in_lists_serves_refreshes_and_takes_files(deck: WithExample, simulator: Simulator) -> None:
    ann = simulator.account("kimi", "ann@example.com")
    simulator.approve(ann)
    now = deck.ask("POST", "/logins", status=201, json={"provider": "example"})
    assert (now["way"], now["user_code"]) == ("device", "FAKE-CODE")
    deck.wait_until(lambda: deck.ask("GET", f"/logins/{now['id']}")["status"] != "pending")
    done = deck.ask("GET", f"/logins/{now['id']}")
    assert (done["status"], done["outcome"]) == ("done", "new")

    listed = deck.ask("GET", "/accounts", params={"provider": "example"})
    assert [each["auth_index"] for each in listed["items"]] == [done["auth_index"]]
    assert listed["items"][0]["file_name"].startswith("example-")
    assert listed["facets"]["provider"] == {"example": 1}

    chat = {"model": "kimi-k3", "messages": [{"role": "user", "content": "hi"}]}
    with deck.client(deck.new_key()) as client:
        refused = client.post("/v1/chat/completions", json=chat)
        terms = deck.ask("PUT", "/terms/example/acknowledgement", json={})
        served = client.post("/v1/chat/completions", json=chat)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "terms_not_acknowledged")
    assert "Example Cloud" in terms["text"]
    assert "It has none, for it is a fake." in terms["text"]
    assert (served.status_code, served.headers["x-authdeck-account"]) == (200, done["auth_index"])
    assert simulator.seen("/kimi/v1/chat/completions")[-1].account is ann

    assert deck.ask("POST", f"/accounts/{done['auth_index']}/refresh")["outcome"] == "ok"
    _, content = simulator.auth_file(ann, type="example", note="from a file")
    (row,) = deck.upload(("ann.json", content))
    assert (row["outcome"], row["auth_index"]) in {("unchanged", done["auth_index"]), ("updated", done["auth_index"])}


def test_the_console_and_the_command_line_know_it(deck: WithExample) -> None:
    with httpx2.Client(base_url=deck.url, trust_env=False, follow_redirects=True) as browser:
        page = browser.get("/sign-in").text
        token = re.search(r'name="csrf" value="([^"]+)"', page)
        assert token is not None
        browser.post("/sign-in", data={"admin_key": ADMIN_KEY, "csrf": token.group(1)})
        cards, terms = browser.get("/oauth-login").text, browser.get("/settings/terms").text
    assert "<h3>Example Cloud</h3>" in cards
    assert re.search(r'class="mark mark--example"[^>]*>Ex</span>', cards)
    assert "Example Cloud" in terms
    refused = deck.run("login", "nobody", ok=False)
    assert "example" in refused.stderr


def test_a_setting_of_it_that_is_not_there_is_refused(deck: WithExample) -> None:
    wrong = {**deck.environment, "AUTHDECK_PROVIDERS__EXAMPLE__NO_URL": "https://example.com"}
    done = subprocess.run([*COMMAND, "serve"], env=wrong, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode != 0
    assert "AUTHDECK_PROVIDERS" in done.stderr


def test_accounts_of_one_that_is_gone_are_not_left_out_in_silence(deck: WithExample) -> None:
    deck.stop()
    left = {
        name: value for name, value in deck.environment.items() if "PYTHONPATH" not in name and "EXAMPLE" not in name
    }
    done = subprocess.run([*COMMAND, "serve"], env=left, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode != 0
    assert "accounts of the provider example" in done.stderr


def test_a_file_in_the_folder_is_enough(tmp_path: Path) -> None:
    """In a copy of the package: what a contribution of one file is."""
    shutil.copytree(Path(authdeck.__file__).parent, tmp_path / "authdeck", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(FILE, tmp_path / "authdeck/providers/added/example.py")
    asked = (
        "import authdeck; from authdeck.providers import PROVIDERS; from authdeck.account import Provider;"
        "print(authdeck.__file__, PROVIDERS[Provider('example')].ABOUT.title)"
    )
    done = subprocess.run(
        [sys.executable, "-c", asked], env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=True
    )
    assert done.stdout.split(maxsplit=1) == [str(tmp_path / "authdeck/__init__.py"), "Example Cloud\n"]
