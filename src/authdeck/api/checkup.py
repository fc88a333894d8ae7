"""``/checkup``: what ``authdeck doctor`` shows."""

from fastapi import APIRouter

from authdeck import wording
from authdeck.access import Role
from authdeck.api.limits import Limited
from authdeck.api.parts import DeskHere, EyesHere
from authdeck.api.shapes import Listing, Shape
from authdeck.gate.routes import needs
from authdeck.operations.checkup import checkup

router = APIRouter(prefix="/checkup", tags=["operators"], route_class=Limited)


class FindingShape(Shape):
    """``fine`` is false where somebody should act; ``sentence`` says on what."""

    check: str
    fine: bool
    code: str
    sentence: str


@router.get("")
@needs(Role.ADMIN)
async def findings(desk: DeskHere, eyes: EyesHere) -> Listing[FindingShape]:
    """Check the home, the auth files and the audit. It opens every auth file once, and mends nothing."""
    items = [
        FindingShape(
            check=finding.check,
            fine=finding.fine,
            code=finding.code,
            sentence=wording.sentence(finding.code, finding.params, eyes.locale),
        )
        for finding in await checkup(desk)
    ]
    return Listing(items=items, total=len(items))
