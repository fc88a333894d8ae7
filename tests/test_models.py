"""Which models an account serves and why: the list in words says what the pool decides."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authdeck import models
from authdeck.account import Account, AccountSettings, Kind, ModelAlias, Provider
from authdeck.catalogue import SHIPPED, read
from authdeck.errors import DeckError
from authdeck.models import Support
from authdeck.operations import catalogues
from authdeck.settings import ExcludedModels, Settings
from authdeck.wording import has_sentence

ANN = Account(1, "a" * 16, Provider.CODEX, Kind.OAUTH, "ann.json", AccountSettings(), plan="free")
SPARK = "gpt-5.3-codex-spark"


def test_a_model_of_another_plan_is_unknown_and_so_asked_last() -> None:
    assert models.support(ANN, SPARK) is Support.UNKNOWN
    assert models.support(replace(ANN, plan="plus"), SPARK) is Support.YES
    assert models.support(replace(ANN, plan="nobody-knows"), SPARK) is Support.YES
    assert models.explain(ANN, SPARK).params["plans"] == ["plus", "pro", "prolite"]
    assert SPARK not in models.names(ANN)


def test_an_exclusion_of_the_settings_holds_for_every_account(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, excluded_models=ExcludedModels(codex=("GPT-5.5*",)))
    catalogue = catalogues.of_home(settings)
    assert models.support(ANN, "gpt-5.5", catalogue) is Support.NO
    told = models.explain(ANN, "gpt-5.5", catalogue)
    assert (told.code, told.excluded_by, told.excluded_where) == ("model_excluded_provider", "gpt-5.5*", "provider")


def test_a_home_may_bring_its_own_list(tmp_path: Path) -> None:
    own = '{"version": "1", "catalogue": [{"provider": "codex", "kind": "oauth", "models": ["gpt-9"]}]}'
    (tmp_path / "models.json").write_text(own)
    catalogue = catalogues.of_home(Settings(home=tmp_path))
    assert models.names(ANN, catalogue) == ("gpt-9",)
    assert catalogues.of_home(Settings(home=tmp_path / "elsewhere")) == SHIPPED


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[1]", b'{"version": 1, "catalogue": []}', b'{"version":"1","more":[]}']
)
def test_a_list_that_is_none_is_refused(content: bytes) -> None:
    with pytest.raises(DeckError) as raised:
        read(content)
    assert raised.value.code == "catalogue_invalid"


names = st.sampled_from(["gpt-5.5", SPARK, "fast", "mystery", "o3", "own-model"])
accounts = st.builds(
    lambda plan, own, kind, excluded, aliases, base_url: replace(
        ANN,
        plan=plan,
        models=tuple(own),
        kind=kind,
        base_url=base_url,
        settings=AccountSettings(excluded_models=tuple(excluded), model_aliases=tuple(aliases)),
    ),
    st.sampled_from([None, "free", "plus", "go"]),
    st.lists(names, max_size=2),
    st.sampled_from([Kind.OAUTH, Kind.API_KEY]),
    st.lists(st.sampled_from(["gpt-*", "fast", "*"]), max_size=2),
    st.lists(st.builds(ModelAlias, names, names, st.booleans()), max_size=2),
    st.none() | st.just("https://models.example.com"),
)


@given(accounts, names)
def test_what_is_said_is_what_is_done(account: Account, model: str) -> None:
    told = models.explain(account, model)
    assert told.support is models.support(account, model)
    assert has_sentence(told.code)
    assert (told.excluded_by is not None) == told.code.startswith("model_excluded")
    listed = {each.id: each.support for each in models.listing(account, asked=model)}
    assert model in listed
    assert all(listed[name] is not Support.NO for name in models.names(account))
