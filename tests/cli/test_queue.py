"""The queue and notifications on the command line, beside a server and without one."""

import asyncio
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from authdeck.clock import SystemClock
from authdeck.storage.database import Database
from cli.conftest import Shell
from fakes.desks import desk_on
from fakes.questions import ask
from fakes.shops import new_vault


@pytest.fixture
def inbox() -> Iterator[tuple[str, list[bytes]]]:
    """An address on loopback that takes webhooks, and what came."""
    got: list[bytes] = []

    class Taking(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_said: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Taking)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/FAKE_hook", got
    server.shutdown()
    server.server_close()
    thread.join(10)


def test_notifications_work(shell: Shell, inbox: tuple[str, list[bytes]], tmp_path: Path) -> None:
    url, got = inbox
    (tmp_path / "url").write_text(f"{url}\n")
    said = shell.ok("notifications", "add-channel", "On call", "--url-from", tmp_path / "url", "--private")
    assert "adw_" in said.out
    assert "FAKE_hook" not in said.out
    shell.ok(
        "notifications", "add-rule", "nights", "--channel", "On call", "--kind", "incident_opened",
        "--quiet-from", "22:00", "--quiet-until", "07:00", "--zone", "Asia/Shanghai",
    )  # fmt: skip
    assert "incident_opened" in shell.ok("notifications", "rules").out
    said = ("notifications", "change-rule", "nights", "--kind", "quota_low", "--below", "15", "--clear", "quiet_from")
    changed = shell.ok(*said, "--clear", "quiet_until", "--json").json
    assert (changed["kinds"], changed["quiet_from"]) == (["quota_low"], None)
    assert shell.ok("notifications", "undo-rule", "nights").out == "As before: nights tells of incident_opened.\n"
    assert "Delivered" in shell.ok("notifications", "test", "On call").out
    assert len(got) == 1
    assert "delivered" in shell.ok("notifications", "log").out
    assert shell.ok("notifications", "pause", "nights").out == "Paused.\n"
    assert shell.ok("notifications", "resume", "nights").out == "Resumed.\n"
    for kind, name in (("rule", "nights"), ("channel", "On call")):
        said = shell.ok("notifications", f"remove-{kind}", name).out
        told = re.search(rf"`authdeck notifications (restore-{kind} [0-9a-f]{{32}})`", said)
        assert told, said
        assert shell.ok("notifications", *told[1].split()).out == f"{name} is back.\n"
    assert "nights" in shell.ok("notifications", "rules").out
    shell.ok("notifications", "remove-channel", "On call")
    assert shell.ok("notifications", "channels", "--json").json["items"] == []


def test_an_empty_queue_says_so_and_refuses_plainly(alone: Shell, folder: Path) -> None:
    alone.run("import", folder)
    assert "Nothing needs you." in alone.ok("queue", "list").out
    assert "No incident." in alone.ok("queue", "incidents").out
    refused = alone.run("queue", "resolve", "404")
    assert (refused.code, "queue_selection_empty" in refused.err) == (1, True)
    for words in ((), ("7", "--all"), ("7", "--reason", "x"), ("--provider", ""), ("--all", "--provider", "")):
        assert alone.run("queue", "ignore", *words).code == 2
    assert "incident_not_found" in alone.run("queue", "close-incident", "7").err
    assert "queue_selection_empty" in alone.run("queue", "act", "disable", "--all").err


def test_what_is_not_right_is_said_in_a_sentence(alone: Shell, tmp_path: Path) -> None:
    (tmp_path / "url").write_text("http://hooks.example.com/FAKE")
    refused = alone.run("notifications", "add-channel", "x", "--url-from", tmp_path / "url")
    assert (refused.code, "is plain http" in refused.err) == (1, True)
    assert "FAKE" not in refused.err


async def asked(home: Path, **why: Any) -> list[int]:
    """Rows of the queue, one for each account of a home that nobody has open."""
    database = Database(f"sqlite:///{home / 'authdeck.db'}")
    try:
        desk = await desk_on(database, new_vault(), SystemClock(), home)
        names = sorted((entry.account.file_name, entry.account.auth_index) for entry in desk.directory.entries())
        return [await ask(desk, auth_index, **why) for _, auth_index in names]
    finally:
        database.close()


def test_rows_are_answered_shown_and_the_answer_is_undone(alone: Shell, folder: Path) -> None:
    alone.run("import", folder)
    ann, bob = asyncio.run(asked(alone.home))
    assert "token_revoked" in alone.ok("queue", "list").out
    shown = alone.ok("queue", "show", str(ann)).out
    assert "Sign in again: authdeck login codex --account" in shown
    assert "/monitoring/" in shown
    assert "1 done" in alone.ok("queue", "ignore", str(ann), "--until", "2099-01-01T00:00:00Z").out
    live = ("--status", "pending", "--status", "ignored")
    preview = alone.run("queue", "resolve", "--all", *live, "--preview", "--json")
    assert (preview.code, preview.json["status"], preview.json["counts"]["done"]) == (0, "previewed", 2)
    done = alone.ok("queue", "resolve", str(bob), "--json").json
    assert alone.run("queue", "ignore", str(bob)).code == 1  # it is closed already
    assert alone.ok("batch", "undo", done["id"], "--json").json["counts"]["done"] == 1
    rows = alone.ok("queue", "list", "--json", *live).json["items"]
    assert {row["id"]: row["status"] for row in rows} == {ann: "ignored", bob: "pending"}
    assert "queue_selection_empty" in alone.run("queue", "reopen", "--search", "bob").err  # it is pending
    assert alone.ok("queue", "reopen", "--search", "ann", "--preview", "--json").json["counts"]["done"] == 1
    assert alone.ok("queue", "reopen", str(ann), "--json").json["counts"]["done"] == 1
    acted = alone.ok("queue", "act", "disable", "--all", "--yes", "--note", "seen to", "--json").json
    assert acted["counts"]["done"] == 2
    assert "Nothing needs you." in alone.ok("queue", "list").out
