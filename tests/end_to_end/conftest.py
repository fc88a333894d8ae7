"""A server of its own for each test, against simulated providers. Only loopback is used."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from authdeck.simulator import Simulator
from fakes.deck import Deck
from fakes.laid import lay


@pytest.fixture(autouse=True)
def _no_settings_of_the_sdks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDKs read keys and addresses from the environment."""
    for name in ("API_KEY", "AUTH_TOKEN", "BASE_URL", "CUSTOM_HEADERS"):
        monkeypatch.delenv(f"ANTHROPIC_{name}", raising=False)
    for name in ("GOOGLE_API_KEY", "GEMINI_API_KEY", "GOOGLE_GEMINI_BASE_URL", "GOOGLE_GENAI_USE_VERTEXAI"):
        monkeypatch.delenv(name, raising=False)
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """With the real time, like the server beside it."""
    with Simulator().running() as running:
        yield running


@pytest.fixture
def deck(tmp_path: Path, simulator: Simulator) -> Iterator[Deck]:
    """Running, empty, no terms acknowledged."""
    started = Deck(lay(tmp_path / "home"), simulator)
    try:
        yield started.start()
    finally:
        started.close()


@pytest.fixture
def open_deck(deck: Deck) -> Deck:
    """Running, and every provider's terms acknowledged."""
    deck.acknowledge()
    return deck
