from collections.abc import Iterator
from typing import Any

import pytest

from authdeck.simulator import Simulator
from fakes.wire import Client


@pytest.fixture
def simulator(clock: Any) -> Iterator[Simulator]:
    with Simulator(clock).running() as running:
        yield running


@pytest.fixture
def client(simulator: Simulator) -> Client:
    return Client(simulator)
