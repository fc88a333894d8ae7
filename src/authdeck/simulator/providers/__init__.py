"""The simulated providers, one file each, and the one list of all their endpoints."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from authdeck.simulator.accounts import Account
from authdeck.simulator.exchange import Answer, Asked, Refused, json_answer
from authdeck.simulator.failures import refusal
from authdeck.simulator.faults import NONE, Fault
from authdeck.simulator.providers import antigravity, claude, codex, gemini, kimi, openai, vertex, xai
from authdeck.simulator.world import Endpoint, World
from authdeck.simulator.writing import openai_responses

ENDPOINTS: Final[tuple[tuple[re.Pattern[str], Endpoint], ...]] = tuple(
    (re.compile(endpoint.pattern), endpoint)
    for provider in (codex, openai, claude, gemini, vertex, antigravity, kimi, xai)
    for endpoint in provider.ENDPOINTS
)


def play(world: World, asked: Asked) -> tuple[Answer, Fault, Account | None]:
    """The answer to a request, how its delivery is disturbed, and whose credential it carried."""
    found = next(_matching(asked), None)
    if found is None:
        return json_answer({"detail": "Not Found"}, 404), NONE, None
    endpoint, asked = found
    account, fault = None, NONE
    try:
        account = endpoint.who(world, asked)
        fault = world.faults.take(asked, account)
        return _played(world, endpoint, asked, account, fault), fault, account
    except Refused as refused:
        return refused.answer, fault, account


def _matching(asked: Asked) -> Iterator[tuple[Endpoint, Asked]]:
    for pattern, endpoint in ENDPOINTS:
        if endpoint.method == asked.method and (match := pattern.fullmatch(asked.path)):
            yield endpoint, replace(asked, named=match.groupdict())


def _played(world: World, endpoint: Endpoint, asked: Asked, account: Account | None, fault: Fault) -> Answer:
    if fault.status is None:
        answer = endpoint.play(world, asked, account)
        if fault.fails_inside and answer.events and answer.said:
            last = openai_responses.failed(answer.said, fault.fails_inside, len(answer.events) - 1)
            answer = replace(answer, events=(*answer.events[:-1], last))
        return answer
    plan = account.plan if account else ""
    usual = refusal(endpoint.dialect, fault.status, fault.kind, world.clock.now(), plan=plan)
    if fault.body is not None:  # in words of its own: the usual headers would tell of the usual body
        usual = replace(usual, headers={}, body=fault.body)
    return usual.with_headers(fault.headers)
