"""Names are looked up as a walk over all accounts would find them."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from authdeck.account import Account, AccountSettings, Kind, Provider
from authdeck.directory import Directory
from authdeck.entry import Entry

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)

INDEXES = [f"{number:016x}" for number in range(4)]
WORDS = ["ann.json", "ANN.json", "Straße.json", "STRASSE.json", "bob", "eve"]


def account(auth_index: str, file_name: str, *aliases: str) -> Account:
    return Account(1, auth_index, Provider.CODEX, Kind.OAUTH, file_name, AccountSettings(), aliases=aliases)


def test_a_file_name_comes_before_an_alias_and_has_no_case() -> None:
    directory = Directory()
    ann, bob = account("a" * 16, "Ann.json"), account("b" * 16, "bob.json", "ann.json")
    for settles in (False, True):
        directory.apply(Entry(ann))
        directory.apply(Entry(bob))
        while settles and not directory.settle_some(NOON):
            pass
        assert named(directory, "ANN.JSON") == [ann.auth_index]
        directory.remove(ann.auth_index)
        assert named(directory, "ann.json") == [bob.auth_index]
        assert not named(directory, "Ann.json")


def named(directory: Directory, name: str) -> list[str]:
    return [entry.account.auth_index for entry in directory.named(name)]


_accounts = st.none() | st.tuples(st.sampled_from(WORDS), st.lists(st.sampled_from(WORDS), unique=True, max_size=3))


@given(st.lists(st.tuples(st.sampled_from(INDEXES), _accounts, st.booleans()), max_size=30))
def test_it_answers_as_a_walk_does(changes: list[tuple[str, tuple[str, list[str]] | None, bool]]) -> None:
    directory, known = Directory(), dict[str, Account]()
    for auth_index, said, settles in changes:
        known.pop(auth_index, None)
        if said is None:
            directory.remove(auth_index)
        else:
            known[auth_index] = account(auth_index, said[0], *said[1])
            directory.apply(Entry(known[auth_index]))
        if settles:
            directory.settle_some(NOON)
    for word in WORDS:
        by_file = {index for index, each in known.items() if each.file_name.casefold() == word.casefold()}
        assert set(named(directory, word)) == (
            by_file or {index for index, each in known.items() if word in each.aliases}
        )
