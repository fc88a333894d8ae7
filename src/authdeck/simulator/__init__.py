"""Every provider that authdeck knows, simulated on loopback: for tests, and for ``authdeck demo``.

Fictional accounts, rotating tokens, streams in each protocol, quota headers, and failures to order.
It imports nothing of authdeck but the ground, so that what it proves is not its own doing.
"""

from authdeck.simulator.accounts import Account, Quota
from authdeck.simulator.faults import Fault
from authdeck.simulator.server import Seen, Simulator

__all__ = ["Account", "Fault", "Quota", "Seen", "Simulator"]
