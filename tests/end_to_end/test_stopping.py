"""A server that is told to stop lets open answers end, and loses nothing of them."""

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from authdeck.simulator import Simulator
from fakes.deck import Deck

CHAT = {"model": "m", "messages": [], "stream": True}


def test_an_answer_under_way_ends_whole(open_deck: Deck, simulator: Simulator) -> None:
    open_deck.add(simulator.account("openai_compatible", "ann@example.com"))
    key, begun = open_deck.new_key(), Event()
    simulator.pace = 0.2

    def asked() -> tuple[str, str]:
        body = ""
        with open_deck.client(key) as client, client.stream("POST", "/v1/chat/completions", json=CHAT) as answer:
            for piece in answer.iter_text():
                body += piece
                begun.set()
            return body, answer.headers["x-authdeck-request-id"]

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(asked)
        assert begun.wait(20)
        assert open_deck.stop() == 0
        body, request_id = asking.result(20)

    assert "[DONE]" in body
    simulator.pace = 0
    open_deck.start()
    assert open_deck.request(request_id)["status"] == 200


def test_a_turn_on_a_websocket_ends_whole(open_deck: Deck, simulator: Simulator) -> None:
    open_deck.add(simulator.account("codex", "ann@example.com"), websockets=True)
    headers = {"authorization": f"Bearer {open_deck.new_key()}"}
    simulator.fail(model="gpt-5.5", stall_after_events=2)
    question = json.dumps({"type": "response.create", "model": "gpt-5.5", "input": "hello"})

    with (
        ThreadPoolExecutor(1) as pool,
        connect(f"ws://{open_deck.address}/v1/responses", additional_headers=headers, proxy=None) as socket,
    ):
        socket.send(question)
        said = [json.loads(socket.recv(20)) for _ in range(2)]
        stopping = pool.submit(open_deck.stop)
        open_deck.wait_until(partial(_takes_nobody_in, open_deck))
        simulator.release()
        while said[-1]["type"] != "response.completed":
            said.append(json.loads(socket.recv(20)))
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(20)
        assert stopping.result(20) == 0

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012
    open_deck.start()
    [event] = open_deck.requests()
    assert (event["status"], event["failure"]) == (200, None)


def _takes_nobody_in(deck: Deck) -> bool:
    try:
        httpx2.get(f"{deck.url}/healthz", trust_env=False)
    except httpx2.TransportError:
        return True
    return False
