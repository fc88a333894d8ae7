"""Providers that people sign in at: the simulated ones as settings, and the browser that their pages lead back."""

from typing import Any

import httpx2

from authdeck.simulator import Simulator


def providers(simulator: Simulator) -> dict[str, Any]:
    """The setting ``providers`` that points at the simulator."""
    parts: dict[str, Any] = {}
    for name, value in simulator.settings().items():
        provider, setting = name.removeprefix("AUTHDECK_PROVIDERS__").lower().split("__")
        parts.setdefault(provider, {})[setting] = value
    return parts


async def came_back(url: str) -> str:
    """Where the provider's page leads the browser."""
    async with httpx2.AsyncClient(trust_env=False) as browser:
        answer = await browser.get(url)
    assert answer.status_code == 302, answer.text
    return answer.headers["location"]
