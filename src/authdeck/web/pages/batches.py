"""Changes of many accounts: ordered from the list, previewed, made, watched, and taken back."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from authdeck import wording
from authdeck.access import Role
from authdeck.change import ANSWERS
from authdeck.errors import DeckError
from authdeck.gate.handing_out import handed_out
from authdeck.gate.routes import needs
from authdeck.gate.visits import actor_of
from authdeck.operations import consequences
from authdeck.operations.batches import FINAL, Asked
from authdeck.operations.consequences import Consequences
from authdeck.search import AccountSearch, to_query
from authdeck.storage.reading import batches as reading
from authdeck.storage.reading.batches import StoredBatch
from authdeck.web import batch_forms, batch_rows, proof, toasts
from authdeck.web.addresses import address, inside
from authdeck.web.batch_forms import BatchAct
from authdeck.web.list_state import PATH as LIST
from authdeck.web.list_state import ListState
from authdeck.web.room import Room, room_of
from authdeck.web.toasts import Undo

PATH: Final = "/batches"
_ROWS: Final = 100
_LISTED: Final = 30
_NO_WAY_BACK: Final = FINAL | {"export"}
_TAKES_OUT: Final = frozenset({"disable", "delete"})
_OWN_WORDS: Final = frozenset({"enable", "disable", "refresh", "query_quota", "delete", "restore", "purge", *ANSWERS})
"""Acts whose outcome has words of its own; the others "changed" accounts."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The accounts meant: those ticked, or all that the list's search finds."""

    names: tuple[str, ...] = ()
    search: AccountSearch | None = None

    @staticmethod
    def of(request: Request, said: FormData, back: str) -> "Selection":
        if only := request.query_params.get("only"):
            return Selection((only,))
        if said.get("all") == "yes":
            return Selection(search=replace(ListState.at(back).search, cursor=None))
        return Selection(tuple(str(name) for name in said.getlist("account")))

    @property
    def told(self) -> Mapping[str, Any]:
        return {"auth_indexes": len(self.names)} if self.search is None else to_query(self.search)


@needs(Role.OPERATOR)
async def order(request: Request) -> Response:
    """From the list: what is to be done with which accounts. Leads to the preview; nothing is changed yet."""
    room, said = room_of(request), await request.form()
    back = inside(str(said.get("next", "")), LIST)
    texts = {name: str(value) for name, value in said.items()}
    act, selection = batch_forms.act_named(texts.get("act", ""), texts), Selection.of(request, said, back)
    if not batch_forms.is_filled(act, texts):
        return await _form(request, act, selection, back, texts)
    try:
        change = batch_forms.change_of(act, texts, room.desk.now())
        asked = Asked(change, selection.names, selection.search, selection.told)
        preview = await room.parts.batches.begin(asked, actor_of(request), preview=True)
    except DeckError as error:
        if error.code == "selection_empty" or not act.fields:
            raise
        return await _form(request, act, selection, back, texts, error)
    return RedirectResponse(address(f"{PATH}/{preview.id}", {"next": back}), 303)


async def _form(
    request: Request,
    act: BatchAct,
    selection: Selection,
    back: str,
    said: Mapping[str, str],
    error: DeckError | None = None,
) -> Response:
    """The act's fields, with what is wrong beside them."""
    room = room_of(request)
    locale = room.pages.preferences(request).locale
    search = selection.search
    matching = None if search is None else room.desk.directory.find(search, room.desk.now()).total
    return room.pages.answer(
        request,
        "batches/order.html",
        section="auth-files",
        status=200 if error is None else error.status,
        act=act,
        names=selection.names,
        whole=search is not None,
        total=len(selection.names) if matching is None else matching,
        said=said,
        error="" if error is None else wording.sentence(error.code, error.params, locale),
        next=back,
    )


@needs(Role.OPERATOR)
async def show(request: Request) -> Response:
    """A preview, a batch under way, or what became of one; rows by outcome, a page at a time."""
    return await _show(request)


async def _show(request: Request, error: DeckError | None = None) -> Response:
    room, id_ = room_of(request), request.path_params["id"]
    batch = await room.parts.batches.one(id_)
    outcome = request.query_params.get("outcome", "")
    outcome = outcome if outcome in batch_rows.OUTCOMES else _first_outcome(batch)
    after = int(text) if (text := request.query_params.get("after", "")).isdigit() and len(text) < 9 else -1  # noqa: PLR2004
    items = await room.desk.read(
        lambda connection: reading.items(connection, id_, after=after, limit=_ROWS + 1, outcome=outcome)
    )
    now, prefs = room.desk.now(), room.pages.preferences(request)
    back = inside(request.query_params.get("next"), LIST)
    return room.pages.answer(
        request,
        "batches/preview.html" if batch.status in ("previewed", "previewing") else "batches/batch.html",
        section=_section(batch, back),
        status=200 if error is None else error.status,
        error=None if error is None else wording.sentence(error.code, error.params, prefs.locale),
        proven=proof.is_recent(request),
        batch=batch,
        act=batch_forms.act_of(batch.change),
        counts=batch.counts,
        total=batch.total or sum(batch.counts.values()),
        outcome=outcome,
        tabs=[(name, batch.counts.get(name, 0)) for name in batch_rows.OUTCOMES if batch.counts.get(name)],
        rows=[batch_rows.row(item, now, prefs) for item in items[:_ROWS]],
        more=items[_ROWS - 1].row if len(items) > _ROWS else None,
        lost=await _lost(room, batch),
        expired=batch.expires_at is not None and batch.expires_at <= now,
        may_undo=_may_undo(batch),
        next=back,
        here=lambda **to: address(f"{PATH}/{id_}", {"next": back, "outcome": outcome, **to}),
    )


def _section(batch: StoredBatch, back: str) -> str:
    """A preview belongs to the list it came from."""
    if not batch.is_preview:
        return "batches"
    return next((place for place in ("queue", "trash") if back.startswith(f"/{place}")), "auth-files")


def _first_outcome(batch: StoredBatch) -> str:
    return next((name for name in batch_rows.OUTCOMES if batch.counts.get(name)), batch_rows.OUTCOMES[0])


def _may_undo(batch: StoredBatch) -> bool:
    is_change = batch.kind in ("change", "undo", "inspection") and not batch.is_preview and not batch.is_running
    return is_change and bool(batch.counts.get("done")) and not _NO_WAY_BACK & set(batch.change)


async def _lost(room: Room, batch: StoredBatch) -> Consequences | None:
    """What a preview would take out of service."""
    if batch.status != "previewed" or not _TAKES_OUT & set(batch.change):
        return None
    indexes = await room.desk.read(lambda connection: reading.done_indexes(connection, batch.id))
    return await consequences.of(room.desk, indexes)


@needs(Role.OPERATOR)
async def run(request: Request) -> Response:
    """Do what was previewed. Small ones lead back to the list, long ones and those with failures to their page.

    What nothing brings back is confirmed by typing how many accounts it is.
    """
    room, said, id_ = room_of(request), await request.form(), request.path_params["id"]
    preview = await room.desk.read(lambda connection: reading.one(connection, id_))
    if "purge" in preview.change and str(said.get("count", "")).strip() != str(preview.counts.get("done", 0)):
        return await _show(request, DeckError("purge_count_differs", status=422))
    batch = await room.parts.batches.apply(id_, actor_of(request))
    return ended(batch, inside(str(said.get("next", "")), LIST))


@needs(Role.OPERATOR)
async def undo(request: Request) -> Response:
    """Take back what a batch did; what others changed since stays as they left it and is listed."""
    room, said = room_of(request), await request.form()
    batch = await room.parts.batches.undo(request.path_params["id"], actor_of(request))
    return ended(batch, inside(str(said.get("next", "")), LIST))


@needs(Role.OPERATOR)
async def cancel(request: Request) -> Response:
    room = room_of(request)
    batch = await room.parts.batches.cancel(request.path_params["id"], actor_of(request))
    return RedirectResponse(f"{PATH}/{batch.id}", 303)


@needs(Role.OPERATOR)
async def content(request: Request) -> Response:
    """The file of an export, made now; it carries credentials, so nobody may keep it on the way.

    As for any file with secrets, who signed in a while ago proves again who they are.
    """
    said = await request.form()
    try:
        await proof.require(request, str(said.get("admin_key", "")))
        making = room_of(request).parts.batches.content(request.path_params["id"], actor_of(request))
        return await handed_out(request, making)
    except DeckError as error:
        return await _show(request, error)


def ended(batch: StoredBatch, back: str) -> Response:
    """Back where it was asked for, saying what was done; to its own page where that is not the whole story."""
    counts = batch.counts
    is_plain = batch.status == "completed" and counts.get("done") and not counts.get("failed")
    if not is_plain or "export" in batch.change:
        return RedirectResponse(address(f"{PATH}/{batch.id}", {"next": back}), 303)
    response = RedirectResponse(back, 303)
    act = batch_forms.act_of(batch.change)
    did = "undone" if batch.undo_of else act if act in _OWN_WORDS else "changed"
    if batch.of_queue:
        did = f"queue.{did}"
    said = {"rows" if batch.of_queue else "count": counts["done"], "rest": sum(counts.values()) - counts["done"]}
    way_back = Undo(f"{PATH}/{batch.id}/undo", "undone", back) if _may_undo(batch) else None
    toasts.leave(response, f"did_batch.{did}" + (".rest" if said["rest"] else ""), said, way_back)
    return response


@needs(Role.OPERATOR)
async def index(request: Request) -> Response:
    """Changes of many accounts, the newest first."""
    room = room_of(request)
    cursor = request.query_params.get("cursor")
    try:
        found, following = await room.desk.read(
            lambda connection: reading.newest(connection, limit=_LISTED, cursor=cursor)
        )
    except DeckError:
        found, following = await room.desk.read(lambda connection: reading.newest(connection, limit=_LISTED))
    return room.pages.answer(
        request,
        "batches/index.html",
        section="batches",
        batches=[(batch, batch_forms.act_of(batch.change), _may_undo(batch)) for batch in found],
        following=following,
        running=any(batch.is_running for batch in found),
    )


ROUTES: Final = (
    Route(PATH, index),
    Route(PATH, order, methods=["POST"]),
    Route(f"{PATH}/{{id}}", show),
    Route(f"{PATH}/{{id}}/run", run, methods=["POST"]),
    Route(f"{PATH}/{{id}}/undo", undo, methods=["POST"]),
    Route(f"{PATH}/{{id}}/cancel", cancel, methods=["POST"]),
    Route(f"{PATH}/{{id}}/content", content, methods=["POST"]),
)
