"""``/checkup``: what ``authdeck doctor`` shows."""

from fastapi import APIRouter

from authdeck import wording
from authdeck.access import Role
from authdeck.api.limits import Limited
from authdeck.api.parts import EyesHere, PartsHere
from authdeck.api.shapes import Listing, Shape
from authdeck.gate.routes import needs
from authdeck.operations.checkup import checkup

router = APIRouter(prefix="/checkup", tags=["operators"], route_class=Limited)


class FindingShape(Shape):
    """``level`` is ``ok``, ``note`` (worth knowing) or ``bad``; ``fine`` is false where somebody should act."""

    check: str
    fine: bool
    level: str
    code: str
    sentence: str


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
