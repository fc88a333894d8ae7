"""What API and console reach the deck through: one object, made once where everything is wired."""

from dataclasses import dataclass
from typing import Protocol

from authdeck.access import Actor
from authdeck.exchange import Refreshed
from authdeck.operations.batches import Batches
from authdeck.operations.deliver import Deliverer
from authdeck.operations.desk import Desk
from authdeck.operations.inspecting import Inspecting
from authdeck.operations.log_in import Logins
from authdeck.operations.query_quota import QuotaQueries
from authdeck.operations.resealing import Resealer
from authdeck.operations.send_one import Send
from authdeck.pool import Pool
from authdeck.storage.database import Database


class Refresh(Protocol):
    """Exchanges an account's refresh token now."""

    async def __call__(self, auth_index: str, actor: Actor) -> Refreshed: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """``refresh`` and ``send`` go out because a person asked: an account's refresh, a request through our gateway."""

    desk: Desk
    monitoring: Database
    pool: Pool
    batches: Batches
    logins: Logins
    quota: QuotaQueries
    inspecting: Inspecting
    deliverer: Deliverer
    resealer: Resealer
    refresh: Refresh
    send: Send
