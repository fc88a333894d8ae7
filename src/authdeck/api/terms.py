"""``/terms``: what each provider says about serving with a subscription sign-in, and who acknowledged it."""

from fastapi import APIRouter

from authdeck import wording
from authdeck.access import Role
from authdeck.account import Provider
from authdeck.api.eyes import Eyes
from authdeck.api.limits import Limited
from authdeck.api.parts import ActorHere, DeskHere, EyesHere
from authdeck.api.shapes import Listing, Shape, Time
from authdeck.gate.routes import needs
from authdeck.operations import terms
from authdeck.operations.desk import Desk
from authdeck.storage.reading import terms as reading
from authdeck.storage.reading.terms import Acknowledgement

router = APIRouter(prefix="/terms", tags=["terms"], route_class=Limited)


class TermsShape(Shape):
    """``text`` is what is acknowledged; the two versions differ when the text is newer than the acknowledgement."""

    provider: str
    text: str
    text_version: str
    acknowledged: bool
    acknowledged_by: str | None
    acknowledged_at: Time | None
    acknowledged_version: str | None


@router.get("")
@needs(Role.VIEWER)
async def all_terms(desk: DeskHere, eyes: EyesHere) -> Listing[TermsShape]:
    """One entry a provider whose subscription sign-ins need it."""
    in_force = await desk.read(reading.acknowledged)
    items = [_shape(provider.value, in_force.get(provider.value), eyes) for provider in terms.TEXT_VERSIONS]
    return Listing(items=items, total=len(items))


@router.put("/{provider}/acknowledgement")
@needs(Role.ADMIN)
async def acknowledge(provider: str, desk: DeskHere, actor: ActorHere, eyes: EyesHere) -> TermsShape:
    """From now on the gateway serves with the provider's sign-ins. Who, when and which text are recorded."""
    await terms.acknowledge(desk, provider, actor)
    return await _now(desk, provider, eyes)


@router.delete("/{provider}/acknowledgement")
@needs(Role.ADMIN)
async def withdraw(provider: str, desk: DeskHere, actor: ActorHere, eyes: EyesHere) -> TermsShape:
    """From now on the gateway refuses the provider's sign-ins."""
    await terms.withdraw(desk, provider, actor)
    return await _now(desk, provider, eyes)


async def _now(desk: Desk, provider: str, eyes: Eyes) -> TermsShape:
    return _shape(provider, (await desk.read(reading.acknowledged)).get(provider), eyes)


def _shape(provider: str, given: Acknowledgement | None, eyes: Eyes) -> TermsShape:
    named = Provider(provider)
    return TermsShape(
        provider=provider,
        text=wording.sentence(*terms.text_of(named), eyes.locale),
        text_version=terms.TEXT_VERSIONS[named],
        acknowledged=given is not None,
        acknowledged_by=given and given.operator,
        acknowledged_at=given and given.at,
        acknowledged_version=given and given.text_version,
    )
