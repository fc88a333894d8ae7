"""``/vault``: the key ring, how far re-sealing is, a new key term, a new master key."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, SecretStr

from authdeck.access import Role
from authdeck.api.limits import Limited
from authdeck.api.parts import ActorHere, DeskHere, PartsHere
from authdeck.api.shapes import Shape, Time
from authdeck.gate.routes import needs
from authdeck.operations import keyring
from authdeck.operations.resealing import Resealer

router = APIRouter(prefix="/vault", tags=["vault"], route_class=Limited)

LONGEST_WAIT = 10.0


class TermShape(Shape):
    """``rows`` are secrets sealed under it. ``retired_at``: none is any more; ``forgotten``: its key is gone."""

    number: int
    rows: int
    newest: bool
    readable: bool
    created_at: Time
    retired_at: Time | None
    forgotten: bool


class ProgressShape(Shape):
    """``done`` of ``total`` secrets are under the newest term; ``stuck`` ones do not open and stay as they are."""

    running: bool
    done: int
    total: int
    stuck: int


class MasterKeyShape(Shape):
    """``kept_in`` is ``home`` or ``settings``; ``exported_at`` is when a person took a copy of it."""

    kept_in: str
    exported_at: str | None


class VaultShape(Shape):
    installation: str
    terms: list[TermShape]
    resealing: ProgressShape
    master_key: MasterKeyShape


class NewMasterKey(BaseModel):
    """``key`` is needed where the settings give the master key; else one is made and kept in the home."""

    model_config = ConfigDict(extra="forbid")

    key: SecretStr | None = None


class RotatedShape(Shape):
    """``former_file`` holds the former key, which opens backups made before."""

    former_file: str | None


@router.get("")
@needs(Role.ADMIN)
async def show(
    parts: PartsHere, wait: Annotated[float, Query(ge=0, le=LONGEST_WAIT, description="Seconds.")] = 0
) -> VaultShape:
    """The key ring. ``wait`` answers when re-sealing has ended, or after so many seconds."""
    await parts.resealer.wait(wait)
    return await _shape(parts.resealer, parts.desk)


@router.post("/terms", status_code=202)
@needs(Role.ADMIN)
async def add_term(parts: PartsHere, actor: ActorHere) -> VaultShape:
    """A new key term for everything sealed from now on; what is there is sealed again in the background."""
    await keyring.add_term(parts.desk, actor)
    parts.resealer.start()
    return await _shape(parts.resealer, parts.desk)


@router.post("/master-key")
@needs(Role.ADMIN)
async def rotate(desk: DeskHere, actor: ActorHere, new: NewMasterKey | None = None) -> RotatedShape:
    """A new master key: every term's key is wrapped under it, in one step. Nothing sealed changes."""
    given = keyring.parse(new.key.get_secret_value()) if new and new.key else None
    former = await keyring.rotate(desk, actor, given)
    return RotatedShape(former_file=str(former) if former else None)


@router.post("/exports", status_code=204)
@needs(Role.ADMIN)
async def note_export(desk: DeskHere, actor: ActorHere) -> None:
    """Somebody took a copy of the master key: the check-up need not remind any more. The key itself is not told."""
    await keyring.note_export(desk, actor)


async def _shape(resealer: Resealer, desk: DeskHere) -> VaultShape:
    ring = await resealer.ring()
    terms = [
        TermShape(
            number=use.term.number,
            rows=use.rows,
            newest=use.term.number == ring.newest,
            readable=use.readable,
            created_at=use.term.created_at,
            retired_at=use.term.retired_at,
            forgotten=use.term.forgotten,
        )
        for use in ring.uses
    ]
    return VaultShape(
        installation=desk.vault.installation_id,
        terms=terms,
        resealing=ProgressShape(running=ring.running, done=ring.done, total=ring.total, stuck=ring.stuck),
        master_key=MasterKeyShape(
            kept_in="home" if desk.settings.master_key is None else "settings", exported_at=await keyring.exported(desk)
        ),
    )
