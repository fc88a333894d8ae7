"""Provider terms: an admin reads what the provider says and decides. Until then the gateway serves no sign-in of it."""

from collections.abc import Mapping
from typing import Final

from authdeck.access import Actor
from authdeck.account import ADDED, Provider
from authdeck.acts import Act
from authdeck.errors import DeckError
from authdeck.operations.desk import Desk
from authdeck.operations.records import changed, record
from authdeck.providers import PROVIDERS
from authdeck.storage.database import WriteConnection
from authdeck.storage.writing import terms as writing

TEXT_VERSIONS: Final = {provider: "2026-11" for provider, module in PROVIDERS.items() if module.LOGIN is not None}
"""Which wording of ours (``text_of``) was shown when it was acknowledged, of every provider with sign-ins."""


def text_of(provider: Provider) -> tuple[str, Mapping[str, str]]:
    """Code and parameters of the sentence that is acknowledged."""
    if provider not in ADDED:
        return f"terms.{provider.value}", {}
    about = PROVIDERS[provider].ABOUT
    return "terms.added", {"provider": about.title, "said": about.terms or ""}


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
    known = {named.value: named for named in TEXT_VERSIONS}
    if provider not in known:
        raise DeckError("terms_not_needed", provider=provider, known=sorted(known))
    return known[provider]
