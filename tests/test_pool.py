from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authdeck.account import Account, AccountSettings, Kind, ModelAlias, Provider
from authdeck.entry import Entry
from authdeck.hold import Hold, Owner
from authdeck.pool import Pool
from authdeck.routing import Ask, Policy, Route, Strategy
from authdeck.standing import Shortage

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
NOW = NOON.timestamp()
ASK = Ask(Route.CHAT, "m")


def entry(index: str, *holds: Hold, provider: Provider = Provider.OPENAI_COMPATIBLE, **fields: object) -> Entry:
    own = {name: fields.pop(name) for name in ("models", "expires_at", "revision", "kind") if name in fields}
    kind = own.pop("kind", Kind.API_KEY)
    account = Account(1, index, provider, kind, f"{index}.json", AccountSettings(**fields), **own)  # type: ignore[arg-type]
    return Entry(account, holds)


def pool(*entries: Entry, **policy: object) -> Pool:
    made = Pool(lambda _: frozenset({Route.CHAT, Route.RESPONSES}), policy=Policy(**policy))  # type: ignore[arg-type]
    made.acknowledge(Provider)
    for each in entries:
        made.apply(each)
    return made


def picked(made: Pool, times: int, ask: Ask = ASK, now: float = NOW) -> list[str]:
    found = [made.pick(ask, now) for _ in range(times)]
    return [account.auth_index if isinstance(account, Account) else "-" for account in found]


def held(code: str = "x", **fields: object) -> Hold:
    return Hold(fields.pop("owner", Owner.OPERATOR), code, NOON, **fields)  # type: ignore[arg-type]


def test_it_takes_accounts_in_turn() -> None:
    assert picked(pool(entry("ann"), entry("bob")), 4) == ["ann", "bob", "ann", "bob"]


def test_a_higher_priority_comes_first() -> None:
    made = pool(entry("ann", priority=1), entry("bob", priority=2))
    assert picked(made, 2) == ["bob", "bob"]
    assert picked(made, 1, Ask(Route.CHAT, "m", tried=frozenset({"bob"}))) == ["ann"]


def test_a_held_account_is_passed_over_until_its_hold_is_gone() -> None:
    made = pool(entry("ann", held()), entry("bob"))
    assert picked(made, 2) == ["bob", "bob"]
    made.apply(entry("ann"))
    assert sorted(picked(made, 2)) == ["ann", "bob"]


def test_a_hold_with_an_end_wakes_by_itself() -> None:
    made = pool(entry("ann", held(until=NOON + timedelta(minutes=5))))
    assert picked(made, 1) == ["-"]
    assert picked(made, 1, now=NOW + 299) == ["-"]
    assert picked(made, 1, now=NOW + 300) == ["ann"]


def test_a_hold_of_one_model_leaves_the_others() -> None:
    made = pool(entry("ann", held(scope="m")), entry("bob"))
    assert picked(made, 2) == ["bob", "bob"]
    assert sorted(picked(made, 2, Ask(Route.CHAT, "other"))) == ["ann", "bob"]
    assert sorted(picked(made, 2, Ask(Route.CHAT))) == ["ann", "bob"]


def test_a_short_block_of_a_model_ends_at_a_minute_at_most() -> None:
    made = pool(entry("ann"), entry("bob"))
    made.block("ann", "m", NOW + 3600, "rate_limited", NOW, is_quota=True)
    assert picked(made, 3) == ["bob", "bob", "bob"]
    assert "ann" in picked(made, 2, Ask(Route.CHAT, "other"))
    assert "ann" in picked(made, 2, now=NOW + 60)


def test_a_success_ends_a_block_and_so_does_a_new_auth_file() -> None:
    made = pool(entry("ann"))
    made.block("ann", "m", NOW + 30, "x", NOW)
    made.apply(entry("ann"))
    assert picked(made, 1) == ["-"]
    made.unblock("ann", "m")
    assert picked(made, 1) == ["ann"]
    made.block("ann", None, NOW + 30, "x", NOW)
    made.apply(entry("ann", revision=2))
    assert picked(made, 1) == ["ann"]


def test_an_account_whose_token_ran_out_comes_last_in_its_tier_and_is_named() -> None:
    made = pool(entry("ann", expires_at=NOON), entry("bob"))
    assert picked(made, 2) == ["bob", "bob"]
    assert [account.auth_index for account in made.stale] == ["ann"]
    assert picked(made, 1, Ask(Route.CHAT, "m", tried=frozenset({"bob"}))) == ["ann"]


def test_terms() -> None:
    made = pool(entry("ann", provider=Provider.CODEX, kind=Kind.OAUTH))
    made.acknowledge(())
    short = made.pick(ASK, NOW)
    assert isinstance(short, Shortage)
    assert short.only_terms
    assert short.terms == {Provider.CODEX}
    made.acknowledge({Provider.CODEX})
    assert picked(made, 1) == ["ann"]


def test_limits_with_known_ends_are_told_apart() -> None:
    end = NOON + timedelta(hours=1)
    limit = held("usage_limit_reached", owner=Owner.COOLDOWN, until=end)
    made = pool(entry("ann", limit), entry("bob", limit))
    short = made.pick(ASK, NOW)
    assert isinstance(short, Shortage)
    assert short.only_quota
    assert short.quota_until == end.timestamp()
    made.apply(entry("eve", held()))
    mixed = made.pick(ASK, NOW)
    assert isinstance(mixed, Shortage)
    assert not mixed.only_quota


def test_a_removed_account_is_gone() -> None:
    made = pool(entry("ann"), entry("bob", prefix="team"))
    made.remove("ann")
    made.remove("bob")
    assert picked(made, 1) == ["-"]
    assert made.prefixes() == []
    assert len(made) == 0


def test_prefixes() -> None:
    made = pool(entry("ann"), entry("bob", prefix="team"), entry("eve", models=("team/own",)))
    assert made.split(Route.CHAT, "team/m") == ("team", "m")
    assert made.split(Route.CHAT, "team/own") == (None, "team/own")
    assert made.split(Route.CHAT, "other/m") == (None, "other/m")
    assert picked(made, 2, Ask(Route.CHAT, "m", "team")) == ["bob", "bob"]


@pytest.mark.parametrize(
    ("fields", "model", "serves"),
    [
        ({"models": ("a",)}, "a", True),
        ({"models": ("a",)}, "b", False),
        ({}, "b", True),
        ({"excluded_models": ("b*",)}, "B-large", False),
        ({"model_aliases": (ModelAlias("a", "fast"),), "models": ("a",)}, "fast", True),
        ({"model_aliases": (ModelAlias("a", "fast", keep_original=False),)}, "a", False),
    ],
)
def test_which_models_an_account_serves(fields: dict[str, object], model: str, *, serves: bool) -> None:
    assert picked(pool(entry("ann", **fields)), 1, Ask(Route.CHAT, model)) == (["ann"] if serves else ["-"])


def test_a_client_key_may_be_limited_to_providers() -> None:
    made = pool(entry("ann"), entry("bob", provider=Provider.KIMI))
    assert picked(made, 2, Ask(Route.CHAT, "m", providers=frozenset({"kimi"}))) == ["bob", "bob"]


ACTIONS = st.one_of(
    st.tuples(st.just("apply"), st.sampled_from("abcde"), st.sampled_from([0, 1]), st.booleans()),
    st.tuples(st.just("remove"), st.sampled_from("abcde")),
    st.tuples(st.just("block"), st.sampled_from("abcde"), st.sampled_from([None, "m", "n"]), st.integers(1, 100)),
    st.tuples(st.just("pick"), st.sampled_from([None, "m", "n"]), st.integers(0, 30)),
)


@given(st.sampled_from(Strategy), st.lists(ACTIONS, max_size=60))
def test_it_picks_exactly_when_something_is_ready(strategy: Strategy, actions: Iterable[tuple]) -> None:
    """Against the plainest possible model: a table of what is held and blocked until when."""
    made, now = pool(strategy=strategy), NOW
    known: dict[str, tuple[int, bool]] = {}
    blocks: dict[tuple[str, str | None], float] = {}
    for action, *rest in actions:
        if action == "apply":
            index, priority, is_held = rest
            known[index] = priority, is_held
            made.apply(entry(index, *([held()] if is_held else []), priority=priority))
        elif action == "remove":
            known.pop(rest[0], None)
            blocks = {key: end for key, end in blocks.items() if key[0] != rest[0]}
            made.remove(rest[0])
        elif action == "block" and rest[0] in known:
            index, model, seconds = rest
            blocks[index, model] = max(min(now + seconds, now + 59), blocks.get((index, model), 0))
            made.block(index, model, now + seconds, "x", now)
        elif action == "pick":
            model, seconds = rest
            now += seconds
            ready = {
                index: priority
                for index, (priority, is_held) in known.items()
                if not is_held and all(blocks.get((index, scope), 0) <= now for scope in {None, model})
            }
            is_more = made.has_more(Ask(Route.CHAT, model), now)
            found = made.pick(Ask(Route.CHAT, model), now)
            if isinstance(found, Shortage):
                assert not ready
                assert is_more == bool(found.resting)
            else:
                assert is_more
                assert ready[found.auth_index] == max(ready.values())


def test_who_knows_a_model_is_asked_before_who_may_know_it() -> None:
    kimi = entry("kim", provider=Provider.KIMI, kind=Kind.OAUTH)
    made = pool(entry("ann", priority=9), kimi)
    assert picked(made, 2, Ask(Route.CHAT, "kimi-k3")) == ["kim", "kim"]
    assert picked(made, 2, Ask(Route.CHAT, "m")) == ["ann", "ann"]


def test_who_may_know_a_model_does_not_hide_why_those_who_know_it_are_held() -> None:
    kimi = entry("kim", held("refresh_refused"), provider=Provider.KIMI, kind=Kind.OAUTH)
    found = pool(entry("ann"), kimi).pick(Ask(Route.CHAT, "kimi-k3"), NOW)
    assert isinstance(found, Shortage)
    assert dict(found.reasons) == {"refresh_refused": 1}


def test_weights_count_where_the_strategy_says_so() -> None:
    accounts = [entry("ann", weight=3), entry("bob", weight=1), entry("eve", weight=0)]
    taken = picked(pool(*accounts, strategy=Strategy.WEIGHTED), 8)
    assert (taken.count("ann"), taken.count("bob")) == (6, 2)
    assert picked(pool(*accounts), 3) == ["ann", "bob", "eve"]


def test_weight_zero_is_a_reason() -> None:
    short = pool(entry("eve", weight=0), strategy=Strategy.WEIGHTED).pick(ASK, NOW)
    assert isinstance(short, Shortage)
    assert dict(short.reasons) == {"weight_zero": 1}


def test_who_met_a_limit_least_recently_comes_next() -> None:
    made = pool(entry("ann"), entry("bob"), entry("eve"), strategy=Strategy.LEAST_RECENTLY_LIMITED)
    made.block("bob", None, NOW + 5, "usage_limit_reached", NOW, is_quota=True)
    made.block("ann", None, NOW + 5, "usage_limit_reached", NOW + 1, is_quota=True)
    assert picked(made, 2, now=NOW + 10) == ["eve", "eve"]
    made.block("eve", None, NOW + 90, "usage_limit_reached", NOW + 10, is_quota=True)
    assert picked(made, 2, now=NOW + 10) == ["bob", "bob"]
    made.apply(entry("bob", note="edited"))
    assert picked(made, 1, now=NOW + 10) == ["bob"]


def test_a_limit_counts_though_nobody_asked_while_it_lasted() -> None:
    made = pool(entry("ann"), entry("bob"), strategy=Strategy.LEAST_RECENTLY_LIMITED)
    assert picked(made, 1) == ["ann"]
    made.block("ann", None, NOW + 5, "usage_limit_reached", NOW, is_quota=True)
    assert picked(made, 3, now=NOW + 10) == ["bob", "bob", "bob"]
    made.block("bob", None, NOW + 15, "usage_limit_reached", NOW + 10, is_quota=True)
    assert picked(made, 2, now=NOW + 20) == ["ann", "ann"]
    made.block("ann", None, NOW + 25, "usage_limit_reached", NOW + 20, is_quota=True)
    assert picked(made, 2, now=NOW + 30) == ["bob", "bob"]


def test_a_new_auth_file_forgets_short_pauses_but_no_limit() -> None:
    made = pool(entry("ann"), entry("bob"), strategy=Strategy.LEAST_RECENTLY_LIMITED)
    made.block("ann", None, NOW + 5, "usage_limit_reached", NOW, is_quota=True)
    made.apply(entry("ann", revision=2))
    assert picked(made, 3) == ["bob", "bob", "bob"]
    made.block("bob", None, NOW + 5, "usage_limit_reached", NOW + 1, is_quota=True)
    assert picked(made, 1) == ["ann"]


def test_a_limit_that_became_a_hold_is_remembered_when_the_hold_is_gone() -> None:
    made = pool(strategy=Strategy.LEAST_RECENTLY_LIMITED)
    made.apply(entry("ann", held("usage_limit_reached", owner=Owner.COOLDOWN)))
    made.apply(entry("ann"))
    made.apply(entry("bob"))
    assert picked(made, 2) == ["bob", "bob"]


def test_accounts_of_a_prefix_can_be_kept_for_it() -> None:
    accounts = [entry("ann"), entry("bob", prefix="team"), entry("eve", prefix="lab")]
    made = pool(*accounts, prefix_only=frozenset({"team"}))
    assert sorted(picked(made, 2)) == ["ann", "eve"]
    assert picked(made, 1, Ask(Route.CHAT, "m", "team")) == ["bob"]
    assert picked(pool(*accounts, prefix_only=frozenset({"*"})), 2) == ["ann", "ann"]


class TestConversations:
    """A conversation stays where it began."""

    def ask(self, session: str, **fields: object) -> Ask:
        return Ask(Route.CHAT, fields.pop("model", "m"), session=session, **fields)  # type: ignore[arg-type]

    def test_it_stays_on_its_account(self) -> None:
        made = pool(entry("ann"), entry("bob"))
        assert picked(made, 3, self.ask("s")) == ["ann", "ann", "ann"]
        assert picked(made, 2, self.ask("t")) == ["bob", "bob"]
        assert picked(made, 1, self.ask("s", model="other")) == ["ann"]

    def test_on_every_route_and_though_a_better_account_comes_back(self) -> None:
        made = pool(entry("ann"), entry("bob", held(until=NOON + timedelta(seconds=5)), priority=9))
        assert picked(made, 1, self.ask("s")) == ["ann"]
        assert picked(made, 1, Ask(Route.RESPONSES, "m", session="s"), NOW + 10) == ["ann"]
        assert picked(made, 1, self.ask("t"), NOW + 10) == ["bob"]

    def test_it_moves_for_good_when_its_account_fails(self) -> None:
        made = pool(entry("ann"), entry("bob"))
        assert picked(made, 1, self.ask("s")) == ["ann"]
        assert picked(made, 1, self.ask("s", tried=frozenset({"ann"}))) == ["bob"]
        assert picked(made, 2, self.ask("s")) == ["bob", "bob"]

    def test_it_moves_when_its_account_is_held_or_gone(self) -> None:
        made = pool(entry("ann"), entry("bob"), entry("eve"))
        assert picked(made, 1, self.ask("s")) == ["ann"]
        made.apply(entry("ann", held()))
        assert picked(made, 1, self.ask("s")) == ["bob"]
        made.remove("bob")
        made.apply(entry("ann"))
        [now_on] = picked(made, 1, self.ask("s"))
        assert now_on in {"ann", "eve"}
        assert picked(made, 2, self.ask("s")) == [now_on, now_on]

    def test_an_account_that_lacks_a_model_keeps_the_rest_of_it(self) -> None:
        made = pool(entry("ann", models=("m",)), entry("bob", models=("large",)))
        assert picked(made, 1, self.ask("s")) == ["ann"]
        assert picked(made, 1, self.ask("s", model="large")) == ["bob"]
        assert picked(made, 1, self.ask("s")) == ["ann"]
        assert picked(made, 1, self.ask("s", model="large")) == ["bob"]

    def test_it_keeps_an_account_whose_token_ran_out(self) -> None:
        made = pool(entry("ann", expires_at=NOON + timedelta(hours=1)), entry("bob"))
        assert picked(made, 1, self.ask("s")) == ["ann"]
        assert picked(made, 1, self.ask("s"), NOW + 3590) == ["ann"]

    def test_it_is_forgotten_when_nobody_goes_on_with_it(self) -> None:
        made = pool(entry("ann"), entry("bob"), session_ttl=60)
        assert picked(made, 1, self.ask("s")) == ["ann"]
        assert picked(made, 1, self.ask("s"), NOW + 59) == ["ann"]
        assert picked(made, 1, self.ask("s"), NOW + 118) == ["ann"]
        assert picked(made, 1, self.ask("s"), NOW + 179) == ["bob"]

    def test_zero_seconds_switch_it_off(self) -> None:
        assert picked(pool(entry("ann"), entry("bob"), session_ttl=0), 2, self.ask("s")) == ["ann", "bob"]

    def test_a_client_key_never_reaches_past_its_providers(self) -> None:
        made = pool(entry("ann"), entry("bob", provider=Provider.KIMI))
        assert picked(made, 1, self.ask("s")) == ["ann"]
        assert picked(made, 1, self.ask("s", providers=frozenset({"kimi"}))) == ["bob"]


def cooling(until: datetime, try_at: datetime | None = None, **fields: object) -> Hold:
    detail = {"signal": "quota", **({"try_at": try_at.isoformat()} if try_at else {})}
    return held("usage_limit_reached", owner=Owner.COOLDOWN, until=until, detail=detail, **fields)


def test_an_old_cooldown_lets_one_request_through() -> None:
    until, tried = NOON + timedelta(days=5), NOON + timedelta(hours=6)
    made = pool(entry("ann", cooling(until, tried)))
    six = NOW + 6 * 3600
    assert picked(made, 1, now=six - 1) == ["-"]
    assert picked(made, 3, now=six) == ["ann", "-", "-"]
    assert picked(made, 1, now=six + 3600) == ["-"]


def test_asking_whether_there_are_more_picks_nothing() -> None:
    """No turn passes, no conversation moves, and a cooling account's one try is left to a request."""
    until = NOON + timedelta(minutes=30)
    half_past, talk = NOW + 1800, Ask(Route.CHAT, "m", session="talk")
    made = pool(entry("ann", cooling(until, until)))
    assert [made.has_more(ASK, half_past - 1), made.has_more(ASK, half_past)] == [False, True]
    assert picked(made, 2, now=half_past) == ["ann", "-"]
    made = pool(entry("ann"), entry("bob"), entry("eve"))
    assert picked(made, 1, talk) == ["ann"]
    assert made.has_more(replace(talk, tried=frozenset({"ann"})), NOW)
    assert picked(made, 1, talk) == ["ann"]
    assert made.has_more(ASK, NOW)
    assert picked(made, 2) == ["bob", "eve"]


def test_an_account_that_only_rests_after_a_fault_is_one_more() -> None:
    made = pool(entry("ann"))
    made.block("ann", None, NOW + 10, "server_error", NOW)
    assert made.has_more(ASK, NOW)
    assert not made.has_more(Ask(Route.CHAT, "m", tried=frozenset({"ann"})), NOW)
    assert not made.has_more(Ask(Route.CHAT, "m", "team"), NOW)


def test_a_cooldown_that_is_ended_takes_the_short_pause_along() -> None:
    made = pool(entry("ann"))
    made.block("ann", None, NOW + 7200, "usage_limit_reached", NOW, is_quota=True)
    made.apply(entry("ann", cooling(NOON + timedelta(hours=2))))
    made.apply(entry("ann"))
    assert picked(made, 1, now=NOW + 5) == ["ann"]
    made.block("ann", None, NOW + 30, "network", NOW + 5)
    made.apply(entry("ann", cooling(NOON + timedelta(hours=2))))
    made.apply(entry("ann"))
    assert picked(made, 1, now=NOW + 6) == ["-"]


def test_when_the_end_was_a_guess_others_wait_for_how_the_try_ends() -> None:
    until = NOON + timedelta(minutes=30)
    made = pool(entry("ann", cooling(until, until)))
    half_past = NOW + 1800
    assert picked(made, 2, now=half_past) == ["ann", "-"]
    found = made.pick(ASK, half_past + 1)
    assert isinstance(found, Shortage)
    assert (dict(found.reasons), found.resting) == ({"half_open": 1}, type(found.resting)())
    made.unblock("ann", "m")
    assert picked(made, 3, now=half_past + 2) == ["ann", "ann", "ann"]


def test_a_try_that_nobody_answers_holds_the_others_up_for_half_a_minute() -> None:
    until = NOON + timedelta(minutes=30)
    made = pool(entry("ann", cooling(until, until)))
    assert picked(made, 2, now=NOW + 1800) == ["ann", "-"]
    assert picked(made, 2, now=NOW + 1830) == ["ann", "ann"]


def test_a_later_refusal_means_a_later_try() -> None:
    first, second = NOON + timedelta(minutes=30), NOON + timedelta(minutes=65)
    made = pool(entry("ann", cooling(first, first)))
    assert picked(made, 1, now=NOW + 1800) == ["ann"]
    made.apply(entry("ann", cooling(second, second)))
    assert picked(made, 1, now=NOW + 1840) == ["-"]
    assert picked(made, 2, now=NOW + 65 * 60) == ["ann", "-"]


def test_a_try_of_one_model_leaves_the_others_alone() -> None:
    until = NOON + timedelta(minutes=30)
    made = pool(entry("ann", cooling(until, until, scope="m")))
    assert picked(made, 2, Ask(Route.CHAT, "other"), NOW + 1800) == ["ann", "ann"]
    assert picked(made, 2, now=NOW + 1800) == ["ann", "-"]
    assert picked(made, 1, Ask(Route.CHAT, "other"), NOW + 1801) == ["ann"]


def test_a_conversation_tries_its_account_like_everybody_else() -> None:
    until = NOON + timedelta(minutes=30)
    made = pool(entry("ann", cooling(until, until)))
    ask = Ask(Route.CHAT, "m", session="talk")
    assert picked(made, 2, ask, NOW + 1800) == ["ann", "-"]


def test_a_limit_is_known_by_the_signal_behind_the_hold() -> None:
    limit = held("spending_limit", owner=Owner.COOLDOWN, until=NOON + timedelta(hours=1), detail={"signal": "quota"})
    failing = held(
        "server_error", owner=Owner.COOLDOWN, until=NOON + timedelta(hours=1), detail={"signal": "transient"}
    )
    assert isinstance(found := pool(entry("ann", limit)).pick(ASK, NOW), Shortage)
    assert found.only_quota
    assert isinstance(found := pool(entry("ann", failing)).pick(ASK, NOW), Shortage)
    assert not found.only_quota


def test_who_only_failed_twice_is_better_than_nobody() -> None:
    failing = {"owner": Owner.COOLDOWN, "until": NOON + timedelta(minutes=2), "detail": {"signal": "transient"}}
    made = pool(entry("ann", held("server_error", **failing)))
    assert isinstance(found := made.pick(ASK, NOW), Shortage)
    assert [account.auth_index for account in found.resting] == ["ann"]
    made.apply(entry("ann", held("server_error", **failing), held("disabled")))
    assert isinstance(found := made.pick(ASK, NOW), Shortage)
    assert not found.resting
