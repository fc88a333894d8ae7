"""A server that is told to stop lets open answers end, and loses nothing of them."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

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
