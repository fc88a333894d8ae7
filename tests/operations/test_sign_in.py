"""Sessions and one-time links: hashed, bounded in time, spent once."""

import pytest
import pytest_asyncio

from authdeck.access import Actor, Role
from authdeck.errors import DeckError, NotFound
from authdeck.operations import operators, sign_in
from authdeck.operations.desk import Desk
from authdeck.storage.reading import audit
from fakes.clock import SetClock
from fakes.people import ANN


@pytest_asyncio.fixture
async def eve(desk: Desk) -> Actor:
    await operators.ensure_first(desk)
    made = await operators.create(desk, "eve", Role.VIEWER, ANN)
    return Actor("eve", Role.VIEWER, made.key)


async def test_it_works(desk: Desk, eve: Actor) -> None:
    begun = await sign_in.begin(desk, eve)
    session = await sign_in.find(desk, begun.cookie.open())
    assert session is not None
    assert session.actor == eve
    assert len(session.csrf) == 64
    assert repr(begun.cookie) == "***"


async def test_a_strange_cookie_is_no_session(desk: Desk, eve: Actor) -> None:
    await sign_in.begin(desk, eve)
    assert await sign_in.find(desk, "f" * 64) is None


async def test_two_sessions_share_nothing(desk: Desk, eve: Actor) -> None:
    one, other = await sign_in.begin(desk, eve), await sign_in.begin(desk, eve)
    first, second = await sign_in.find(desk, one.cookie.open()), await sign_in.find(desk, other.cookie.open())
    assert first is not None
    assert second is not None
    assert (one.cookie, first.csrf) != (other.cookie, second.csrf)


async def test_signing_out_ends_this_session_alone(desk: Desk, eve: Actor) -> None:
    one, other = await sign_in.begin(desk, eve), await sign_in.begin(desk, eve)
    await sign_in.end(desk, one.cookie.open(), eve)
    await sign_in.end(desk, one.cookie.open(), eve)
    assert await sign_in.find(desk, one.cookie.open()) is None
    assert await sign_in.find(desk, other.cookie.open()) is not None


async def test_a_role_changes_under_a_running_session(desk: Desk, eve: Actor) -> None:
    begun = await sign_in.begin(desk, eve)
    await operators.change_role(desk, "eve", Role.OPERATOR, ANN)
    session = await sign_in.find(desk, begun.cookie.open())
    assert session is not None
    assert session.actor.role is Role.OPERATOR


async def test_who_is_no_operator_has_no_session(desk: Desk) -> None:
    with pytest.raises(DeckError, match="session_needs_operator"):
        await sign_in.begin(desk, Actor("local:1000", Role.ADMIN))


async def test_signing_in_is_in_the_audit(desk: Desk, eve: Actor) -> None:
    begun = await sign_in.begin(desk, eve)
    entry = await desk.read(lambda connection: audit.last_of(connection, desk.boot))
    assert entry is not None
    assert (entry.actor, entry.what) == ("eve", "operator:session:begun")
    assert begun.cookie.open() not in str(entry)


async def test_a_link_signs_its_operator_in(desk: Desk, eve: Actor) -> None:
    link = await sign_in.make_link(desk, "eve")
    begun = await sign_in.spend_link(desk, link.token.open())
    session = await sign_in.find(desk, begun.cookie.open())
    assert session is not None
    assert session.actor == eve


async def test_without_a_name_it_is_the_first_admins(desk: Desk) -> None:
    await operators.ensure_first(desk)
    assert (await sign_in.make_link(desk)).operator == "admin"


async def test_a_link_is_spent_once(desk: Desk, eve: Actor) -> None:
    token = (await sign_in.make_link(desk, eve.name)).token.open()
    await sign_in.spend_link(desk, token)
    with pytest.raises(DeckError, match="sign_in_link_unknown"):
        await sign_in.spend_link(desk, token)


async def test_a_link_lives_ten_minutes(desk: Desk, eve: Actor, clock: SetClock) -> None:
    token = (await sign_in.make_link(desk, eve.name)).token.open()
    clock.move(minutes=10)
    with pytest.raises(DeckError, match="sign_in_link_unknown"):
        await sign_in.spend_link(desk, token)


async def test_a_link_of_who_was_disabled_since_is_refused_and_stays_unspent(desk: Desk, eve: Actor) -> None:
    token = (await sign_in.make_link(desk, eve.name)).token.open()
    await operators.disable(desk, "eve", ANN)
    with pytest.raises(DeckError, match="sign_in_link_unknown"):
        await sign_in.spend_link(desk, token)


async def test_no_link_for_who_is_not_there(desk: Desk) -> None:
    with pytest.raises(NotFound, match="operator_not_found"):
        await sign_in.make_link(desk, "eve")


async def test_what_ended_is_forgotten(desk: Desk, eve: Actor, clock: SetClock) -> None:
    begun = await sign_in.begin(desk, eve)
    await sign_in.make_link(desk, "eve")
    clock.move(minutes=11)
    assert await sign_in.forget_ended(desk) == 1
    assert await sign_in.find(desk, begun.cookie.open()) is not None
    clock.move(hours=8)
    assert await sign_in.forget_ended(desk) == 1
