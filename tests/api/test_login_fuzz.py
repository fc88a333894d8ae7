"""Whatever is posted as a call-back is refused in words, changes nothing, and the true one is still taken."""

import asyncio
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
from hypothesis import given, settings
from hypothesis import strategies as st

from authdeck import server
from authdeck.access import Role
from authdeck.operations.call_backs import LONGEST
from authdeck.settings import load
from authdeck.simulator import Simulator
from fakes.clock import SetClock
from fakes.laid import lay
from fakes.sign_ins import came_back, providers
from gate.conftest import HERE, bearer, key_for

PARTS = st.sampled_from(
    ["code", "state", "error", "=", "&", "#", "?", "/", "%", "%00", "http://localhost:1455", " ", "é"]
)
PASTED = st.text(max_size=200) | st.lists(PARTS | st.text(max_size=8), max_size=20).map("".join)
BODIES = st.fixed_dictionaries(
    {"url": PASTED | st.just("a" * (LONGEST + 1)) | st.none() | st.integers() | st.lists(PASTED)}
)


def test_anything_is_refused_in_words(tmp_path: Path, clock: SetClock) -> None:
    with Simulator().running() as simulator, asyncio.Runner() as runner:
        built = runner.run(server.build(load({}, home=lay(tmp_path), providers=providers(simulator)), clock))
        runner.run(built.start())
        headers = bearer(runner.run(key_for(built.desk, "bob", Role.OPERATOR)))
        client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=built.app), base_url=f"{HERE}/api/v1", headers=headers
        )
        simulator.approve(simulator.account("codex", "ann@example.com"))
        begun = runner.run(client.post("/logins", json={"provider": "codex"})).json()
        back = runner.run(came_back(begun["url"]))
        state = parse_qs(urlsplit(back).query)["state"][0]
        at = f"/logins/{begun['id']}/callback"

        @settings(max_examples=150, deadline=None)
        @given(BODIES)
        def one(body: object) -> None:
            answer = runner.run(client.post(at, json=body))
            assert answer.status_code in (409, 422), answer.text
            code = answer.json()["error"]["code"]
            assert code.startswith("call_back_") or code == "request_invalid"
            assert state not in answer.text

        one()
        runner.run(client.get(f"/logins/{begun['id']}"))
        done = runner.run(client.post(at, json={"url": back})).json()
        runner.run(client.aclose())
        runner.run(built.stop())
    assert done["status"] == "done"
