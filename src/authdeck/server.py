"""Everything is wired here, in plain code: one process with console, management API and gateway on one origin."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import Final, Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from authdeck import ids, metrics, tasks
from authdeck.access import Actor
from authdeck.account import Account
from authdeck.acts import Act
from authdeck.api.status import STATUS_PATHS, Check, status_routes
from authdeck.clock import Clock
from authdeck.directory import Directory
from authdeck.event import RequestEvent
from authdeck.exchange import Refreshed, RefreshOutcome
from authdeck.gate.authenticate import Gate
from authdeck.gate.later import Later
from authdeck.gate.loopback import LoopbackPorts
from authdeck.gate.routes import guard
from authdeck.gateway import sockets
from authdeck.gateway.app import Gateway
from authdeck.gateway.errand import Errands
from authdeck.home import Home
from authdeck.jobs import Chores, Runner, timetable
from authdeck.operations import adjust, catalogues, keyring, operators, putting_back, sign_in, trash, unreadable
from authdeck.operations.admin_keys import AdminKeys
from authdeck.operations.batch_runner import BatchRunner
from authdeck.operations.batches import Batches
from authdeck.operations.changes import ChangeFeed
from authdeck.operations.client_keys import ClientKeys
from authdeck.operations.deliver import Deliverer
from authdeck.operations.desk import Desk
from authdeck.operations.entries import Mirror
from authdeck.operations.find_accounts import take_in
from authdeck.operations.follow import Follower
from authdeck.operations.inspecting import Inspecting
from authdeck.operations.keep_requests import Keeper
from authdeck.operations.keyring import open_vault
from authdeck.operations.lend import Lender
from authdeck.operations.log_in import Logins
from authdeck.operations.observe import Observer
from authdeck.operations.parts import Parts
from authdeck.operations.query_quota import QuotaQueries
from authdeck.operations.reconcile import Reconciler
from authdeck.operations.record import Recorder
from authdeck.operations.records import record
from authdeck.operations.refresh import Refresher
from authdeck.operations.resealing import Resealer
from authdeck.operations.scheduled_quota import ScheduledQuota
from authdeck.operations.thin_revisions import thin_revisions
from authdeck.operations.uses import Uses
from authdeck.pool import Pool
from authdeck.protocols.routes import is_gateway
from authdeck.providers import PROVIDERS
from authdeck.routing import Policy, Route, Strategy
from authdeck.secret import Secret
from authdeck.settings import Settings
from authdeck.storage import opening
from authdeck.storage.reading import changes, requests
from authdeck.storage.reading.request_search import RequestSearch
from authdeck.storage.reading.upstreams import approved
from authdeck.upstream.calls import Calls
from authdeck.upstream.origins import Approval, Origins
from authdeck.upstream.sessions import Sessions
from authdeck.upstream.sockets import Sockets
from authdeck.upstream.streams import Streams
from authdeck.wording import notifying


class SampleRequest(Protocol):
    """A request that the console's button sends through the gateway. The demo gives one."""

    @property
    def path(self) -> str: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def body(self) -> bytes: ...


class Built:
    """One wired authdeck. ``start`` before ``app`` is served and ``stop`` afterwards, each once, on one event loop."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        *,
        boot: str,
        home: Home,
        local_token: Secret | None = None,
        sample: SampleRequest | None = None,
    ) -> None:
        """Open databases and vault. Raises ``DeckError`` where one of them refuses."""
        self._home: Final = home
        self._database: Final = opening.control(settings, clock)
        self._monitoring: Final = opening.monitoring(settings, clock)
        vault = open_vault(self._database, settings, clock)
        self._origins: Final = Origins(settings.providers, own_host=settings.host, own_port=settings.port)
        self._sessions: Final = Sessions(self._origins, connect_timeout=settings.gateway.connect_timeout)
        self.desk: Final = Desk(
            settings,
            clock,
            boot,
            self._database,
            vault,
            ChangeFeed(),
            Directory(by_weight=_policy(settings).strategy is Strategy.WEIGHTED),
            Calls(self._sessions),
            catalogues.of_home(settings),
        )
        self.pool: Final = Pool(partial(_routes, settings.gateway.websockets), self.desk.catalogue, _policy(settings))
        self._client_keys: Final = ClientKeys(self.desk)
        self._admin_keys: Final = AdminKeys(self.desk)
        self._mirror: Final = Mirror(self.desk, self.pool)
        self._follower: Final = Follower(self.desk, self._load)
        self._uses: Final = Uses(self.desk)
        self._recorder: Final = Recorder(self._monitoring, clock)
        self._keeper: Final = Keeper(self._monitoring, clock, lambda: self.desk.settings.monitoring)
        self._lender: Final = Lender(self.desk)
        self._refresher: Final = Refresher(self.desk, self._lender)
        self._observer: Final = Observer(self.desk)
        self._quota: Final = QuotaQueries(self.desk, self._lender, self._refresher, self._observer)
        self._scheduled_quota: Final = ScheduledQuota(self.desk, self._quota)
        self._reconciler: Final = Reconciler(self.desk)
        self._resealer: Final = Resealer(self.desk)
        self._batch_runner: Final = BatchRunner(self.desk, self._refresher.refresh, self._quota.query_quota)
        self._batches: Final = Batches(self.desk, self._batch_runner)
        self._inspecting: Final = Inspecting(self.desk, self._quota, self._batches)
        ports = LoopbackPorts()
        self._logins: Final = Logins(self.desk, ports)
        ports.lead_to(self._logins.arrived)
        self._telling: Final = Sessions(Origins(None, own_host=settings.host, own_port=settings.port))
        self._deliverer: Final = Deliverer(self.desk, self._telling.origins, Calls(self._telling), notifying.told)
        self._runner: Final = Runner(timetable(self._chores()))
        self._sample: Final = sample
        self.gateway: Final = Gateway(
            pool=self.pool,
            lender=self._lender,
            refresher=self._refresher,
            streams=Streams(
                self._sessions,
                first_byte_timeout=settings.gateway.first_byte_timeout,
                idle_timeout=settings.gateway.idle_timeout,
            ),
            sockets=Sockets(self._sessions),
            recorder=self._recorder,
            observer=self._observer,
            client_keys=self._client_keys,
            settings=settings,
            clock=clock,
            saw=self._saw,
        )
        self._errands: Final = Errands(self.gateway)
        self.parts: Final = Parts(
            desk=self.desk,
            monitoring=self._monitoring,
            pool=self.pool,
            batches=self._batches,
            logins=self._logins,
            quota=self._quota,
            inspecting=self._inspecting,
            deliverer=self._deliverer,
            resealer=self._resealer,
            refresh=self._refresh,
            send=self._errands.send,
        )
        self.gate: Final = Gate(self.desk, admin_keys=self._admin_keys, local_token=local_token, error_page=_error_page)
        self.console: Final = Later(self._console)
        self.api: Final = Later(self._api)
        self.app: Final = _OneOrigin(self.gateway, self._status(), self.console, self.api)

    async def start(self) -> None:
        """Load what is kept in memory and begin what happens by itself; then the port may open."""
        await operators.ensure_first(self.desk)
        # Beside the loading: a slow hash on another thread.
        preset = tasks.start(self._admin_keys.install_preset(), name="install the preset admin key")
        await self._follower.start()
        self.desk.feed.subscribe_many(adjust.CHANGE, lambda _names: adjust.take_in(self.desk))
        self.desk.feed.subscribe("upstream", self._load_origins)
        self.desk.feed.subscribe(keyring.CHANGE, partial(keyring.take_in_terms, self.desk))
        await self._client_keys.start()
        await self._load()
        await preset
        if self._database.is_sqlite:
            await self._refresher.give_up_others()
        await self._batch_runner.start()
        await self._inspecting.runner.start()
        await self._logins.start()
        self._recorder.start()
        self._observer.start()
        self._reconciler.begin()
        self._runner.start()
        self._resealer.start()
        self.settled = tasks.start(take_in(self.desk), name="take in all accounts")
        self.settled.add_done_callback(self._look_through)

    def _look_through(self, settled: asyncio.Task[None]) -> None:
        """Every auth file is tried when lists are ready, not before: that takes seconds of a thread."""
        if not settled.cancelled():
            tasks.start(unreadable.mark_all(self.desk), name="find unreadable auth files")

    async def stop(self) -> None:
        """When no request is under way any more: end refreshes, write down what is in memory, close everything."""
        await self._logins.close()
        await self._inspecting.runner.close()
        await self._batch_runner.close()
        await self._refresher.close()  # early: the job that keeps tokens fresh ends with it
        await self._observer.close()
        self._keeper.close()
        await self._runner.close()
        await tasks.finish()
        await self._recorder.close()
        await self._sessions.close()
        await self._telling.close()
        self._database.close()
        self._monitoring.close()
        self._home.release()

    def _status(self) -> ASGIApp:
        routes = status_routes(self.desk, self._checks(), self._events)
        return guard(Starlette(routes=routes), self.gate)

    def _console(self) -> ASGIApp:
        """The console behind the gate."""
        from authdeck.web import console  # noqa: PLC0415 - a third of a second that no request waits for

        app = console(self.parts, self.gate, self._send_sample if self._sample else None)
        return guard(app, self.gate)

    def _api(self) -> ASGIApp:
        """The management API behind the gate."""
        from authdeck.api.management import management  # noqa: PLC0415 - 19 MB that gateway and console do without

        return guard(Starlette(routes=[Mount("/api/v1", management(self.parts))]), self.gate)

    async def _refresh(self, auth_index: str, actor: Actor) -> Refreshed:
        """A person asked: written down first, then done."""
        desk = self.desk
        await desk.write(lambda connection: record(desk, connection, actor, Act.REFRESH_ASKED, auth_index))
        await self._refresher.refresh(auth_index)
        return Refreshed(RefreshOutcome.OK)

    async def _load(self) -> None:
        await adjust.take_in(self.desk)
        await self._load_origins("")
        await keyring.take_in_terms(self.desk)
        await self._mirror.load()
        await self._deliverer.load()

    async def _load_origins(self, _origin: str) -> None:
        rows = await self.desk.read(approved)
        self._origins.replace((row.origin, Approval(row.private, row.plain_http)) for row in rows)

    def _chores(self) -> Chores:
        return Chores(
            prune_changes=self._follower.prune,
            flush_key_use=self._flush_keys,
            flush_account_use=self._uses.flush,
            expire_sessions=partial(sign_in.forget_ended, self.desk),
            reseal=self._reseal,
            thin_revisions=partial(thin_revisions, self.desk),
            purge_trash=partial(trash.purge_due, self.desk),
            keep_warm=self._refresher.keep_warm,
            give_up_forgotten=self._refresher.give_up_forgotten,
            flush_observations=self._observer.flush,
            reconcile=self._reconciler.run,
            prune_evidence=self._reconciler.prune,
            resume_batches=self._batch_runner.resume,
            begin_inspections=self._inspecting.schedules.begin_due,
            resume_inspections=self._inspecting.runner.resume,
            forget_inspections=self._inspecting.runs.forget_old,
            expire_logins=self._logins.expire,
            forget_previews=self._batches.forget_previews,
            settle_requests=self._keeper.settle,
            prune_requests=self._keeper.prune,
            query_quota=self._scheduled_quota.run,
            deliver_notifications=self._deliverer.run,
            prune_notifications=self._deliverer.prune,
            forget_removed=partial(putting_back.forget, self.desk),
            take_over_logins=None if self._database.is_sqlite else self._logins.take_over,
            poll_changes=None if self._database.is_sqlite else self._follower.poll,
        )

    async def _reseal(self) -> None:
        self._resealer.start()

    async def _flush_keys(self) -> None:
        await self._client_keys.flush()
        await self._admin_keys.flush()

    def _checks(self) -> dict[str, Check]:
        return {
            "database": partial(self._database.read, changes.newest),
            "monitoring": partial(self._monitoring.read, partial(requests.page, search=RequestSearch(page_size=1))),
        }

    def _saw(self, event: RequestEvent) -> None:
        self._uses.saw(event)
        tokens, first_byte = event.tokens, event.ttfb_ms
        metrics.request_ended(
            event.provider,
            event.status,
            event.latency_ms / 1000,
            None if first_byte is None else first_byte / 1000,
            (tokens.input, tokens.output, tokens.cached, tokens.reasoning),
        )

    def _events(self) -> Mapping[str, int]:
        return asdict(self._recorder.counts)

    async def _send_sample(self) -> str:
        """The demo's request through the gateway. Returns its request id."""
        assert self._sample is not None
        return await self._errands.send(self._sample.path, self._sample.headers, self._sample.body)


class _OneOrigin:
    """Tells the audiences apart by path: clients go to the gateway, everything else stands behind the gate."""

    def __init__(self, gateway: ASGIApp, status: ASGIApp, console: ASGIApp, api: ASGIApp) -> None:
        self._gateway: Final = gateway
        self._status: Final = status
        self._console: Final = console
        self._api: Final = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            raise RuntimeError("start and stop are called by the server, not by lifespan")
        path = scope["path"]
        await self._app(path)(scope, receive, send)

    def _app(self, path: str) -> ASGIApp:
        if is_gateway(path):
            return self._gateway
        if path in STATUS_PATHS:
            return self._status
        return self._api if path.startswith("/api/v1") else self._console


def _error_page(request: Request, status: int, headers: dict[str, str], error: dict[str, object]) -> Response:
    from authdeck.web import error_page  # noqa: PLC0415 - see Built._console

    return error_page(request, status, headers, error)


def _policy(settings: Settings) -> Policy:
    routing = settings.routing
    return Policy(Strategy(routing.strategy), frozenset(routing.prefix_only), routing.session_ttl)


def _routes(websockets: bool, account: Account) -> frozenset[Route]:
    routes = PROVIDERS[account.provider].routes(account.kind)
    more = sockets.routes(account, enabled=websockets)
    return routes | more if more else routes


async def build(
    settings: Settings,
    clock: Clock,
    *,
    home: Home | None = None,
    boot: str | None = None,
    local_token: Secret | None = None,
    sample: SampleRequest | None = None,
) -> Built:
    """A wired authdeck, not started yet.

    It holds the home's lock from here to the end of ``stop``, unless ``home`` is one that the caller has taken.
    """
    taken = home or take_home(settings)
    try:
        return Built(settings, clock, boot=boot or ids.new_id(), home=taken, local_token=local_token, sample=sample)
    except BaseException:
        taken.release()
        raise


def take_home(settings: Settings) -> Home:
    """On PostgreSQL several processes may share the home: the database keeps them apart."""
    is_alone = settings.database_url is None or settings.database_url.get_secret_value().startswith("sqlite")
    return Home(settings.home).taken() if is_alone else Home(settings.home)
