"""Names are looked up as a walk over all accounts would find them."""

from hypothesis import given
from hypothesis import strategies as st

from authdeck.account import Account, AccountSettings, Kind, Provider
from authdeck.names import Names

INDEXES = [f"{number:016x}" for number in range(4)]
WORDS = ["ann.json", "ANN.json", "Straße.json", "STRASSE.json", "bob", "eve"]


def account(auth_index: str, file_name: str, *aliases: str) -> Account:
    return Account(1, auth_index, Provider.CODEX, Kind.OAUTH, file_name, AccountSettings(), aliases=aliases)


def test_a_file_name_comes_before_an_alias_and_has_no_case() -> None:
    names = Names()
    names.replace(None, account("a", "Ann.json"))
    names.replace(None, account("b", "bob.json", "ann.json"))
    assert list(names.meant("ANN.JSON")) == ["a"]
    names.replace(account("a", "Ann.json"), None)
    assert list(names.meant("ann.json")) == ["b"]
    assert not list(names.meant("Ann.json"))


_accounts = st.none() | st.tuples(st.sampled_from(WORDS), st.lists(st.sampled_from(WORDS), unique=True, max_size=3))


@given(st.lists(st.tuples(st.sampled_from(INDEXES), _accounts), max_size=30))
def test_it_answers_as_a_walk_does(changes: list[tuple[str, tuple[str, list[str]] | None]]) -> None:
    names, known = Names(), dict[str, Account]()
    for auth_index, said in changes:
        present = None if said is None else account(auth_index, said[0], *said[1])
        names.replace(known.pop(auth_index, None), present)
        if present is not None:
            known[auth_index] = present
    for word in WORDS:
        by_file = {index for index, each in known.items() if each.file_name.casefold() == word.casefold()}
        assert set(names.meant(word)) == (by_file or {index for index, each in known.items() if word in each.aliases})
