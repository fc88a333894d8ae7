"""``/checkup``: what ``authdeck doctor`` shows."""

from dataclasses import asdict

from fastapi import APIRouter

from authdeck import wording
from authdeck.access import Role
from authdeck.api.limits import Limited
from authdeck.api.parts import DeskHere, EyesHere, PartsHere
from authdeck.api.shapes import Listing, Shape
from authdeck.gate.routes import needs
from authdeck.operations.checkup import checkup
from authdeck.operations.reconcile import rebuild_state

router = APIRouter(prefix="/checkup", tags=["operators"], route_class=Limited)


class FindingShape(Shape):
    """``level`` is ``ok``, ``note`` (worth knowing) or ``bad``; ``fine`` is false where somebody should act."""

    check: str
    fine: bool
    level: str
    code: str
    sentence: str


class DifferentShape(Shape):
    """An account whose stored state was not what the facts say; ``stored`` is null where there was none."""

    auth_index: str
    stored: str | None
    computed: str


@router.post("/state")
@needs(Role.ADMIN)
async def rebuild(desk: DeskHere) -> Listing[DifferentShape]:
    """Compute the derived state of every account anew. Those for which it was different."""
    items = [DifferentShape(**asdict(found)) for found in await rebuild_state(desk)]
    return Listing(items=items, total=len(items))


@router.get("")
@needs(Role.ADMIN)
async def findings(parts: PartsHere, eyes: EyesHere) -> Listing[FindingShape]:
    """Check home, keys, databases, auth files and audit. It opens every sealed secret once, and mends nothing."""
    items = [
        FindingShape(
            check=finding.check,
            fine=finding.fine,
            level=finding.level,
            code=finding.code,
            sentence=wording.sentence(finding.code, finding.params, eyes.locale),
        )
        for finding in await checkup(parts.desk, parts.monitoring)
    ]
    return Listing(items=items, total=len(items))
