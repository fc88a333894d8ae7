"""Inspections as a server has them: runs, who carries them out, and the schedules that begin them."""

from typing import Final

from authdeck.operations.batches import Batches
from authdeck.operations.desk import Desk
from authdeck.operations.inspect_account import Inspector
from authdeck.operations.inspection_runner import InspectionRunner
from authdeck.operations.inspections import Inspections
from authdeck.operations.query_quota import QuotaQueries
from authdeck.operations.schedules import Schedules


class Inspecting:
    """``runner`` is started and closed with the server; ``runs`` and ``schedules`` are what can be asked for."""

    def __init__(self, desk: Desk, queries: QuotaQueries, batches: Batches) -> None:
        self.runner: Final = InspectionRunner(desk, Inspector(desk, queries))
        self.runs: Final = Inspections(desk, self.runner, batches)
        self.schedules: Final = Schedules(desk, self.runs, self.runner)
