"""Provider terms: an admin reads what the provider says and decides. Until then the gateway serves no sign-in of it."""

from typing import Final

from authdeck.access import Actor
from authdeck.account import SUBSCRIPTIONS, Provider
from authdeck.acts import Act
from authdeck.errors import DeckError
from authdeck.operations.desk import Desk
from authdeck.operations.records import changed, record
from authdeck.storage.database import WriteConnection
from authdeck.storage.writing import terms as writing

TEXT_VERSIONS: Final = dict.fromkeys(sorted(SUBSCRIPTIONS), "2026-11")
"""Which wording of ours (``terms.<provider>`` in the sentences) was shown when it was acknowledged."""


async def acknowledge(desk: Desk, provider: str, actor: Actor) -> None:
    """Record who acknowledged which text. In force before this returns. Raises ``DeckError('terms_not_needed')``."""
    await _decide(desk, provider, actor, withdrawn=False)


async def withdraw(desk: Desk, provider: str, actor: Actor) -> None:
    await _decide(desk, provider, actor, withdrawn=True)


async def _decide(desk: Desk, provider: str, actor: Actor, *, withdrawn: bool) -> None:
    named = _subscription(provider)
    version = TEXT_VERSIONS[named]

    def work(connection: WriteConnection) -> None:
        writing.decide(
            connection,
            provider=named.value,
            text_version=version,
            operator=actor.name,
            at=desk.now(),
            withdrawn=withdrawn,
        )
        act = Act.TERMS_WITHDRAWN if withdrawn else Act.TERMS_ACKNOWLEDGED
        record(desk, connection, actor, act, named.value, after={"text_version": version})
        changed(desk, connection, "terms", named.value)

    await desk.write(work)


def _subscription(provider: str) -> Provider:
    known = {named.value: named for named in SUBSCRIPTIONS}
    if provider not in known:
        raise DeckError("terms_not_needed", provider=provider, known=sorted(known))
    return known[provider]
