"""Settings: where they come from, what is refused, and that secrets leave the environment."""

from pathlib import Path

import pytest

from authdeck import settings
from authdeck.errors import DeckError


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(settings.os.environ):
        if name.startswith("AUTHDECK_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AUTHDECK_HOME", str(tmp_path))


def test_an_empty_home_is_refused_rather_than_the_real_one_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTHDECK_HOME", "")
    with pytest.raises(DeckError, match="setting_invalid"):
        settings.load()


def test_the_environment_beats_the_file_and_flags_beat_both(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "authdeck.toml").write_text('bind = "127.0.0.1:1"\n[providers.codex]\napi_url = "http://127.0.0.1:2"\n')
    assert settings.load().port == 1
    monkeypatch.setenv("AUTHDECK_BIND", "127.0.0.1:3")
    assert settings.load().port == 3
    assert settings.load(bind="127.0.0.1:4").port == 4
    assert settings.load().providers.codex.api_url == "http://127.0.0.1:2"


def test_each_setting_says_where_it_came_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "authdeck.toml").write_text("trash_days = 3\nevidence_days = 3\n[automation]\ncooldown = false\n")
    monkeypatch.setenv("AUTHDECK_EVIDENCE_DAYS", "4")
    monkeypatch.setenv("AUTHDECK_AUTOMATION__PERCENT_PER_HOUR", "1")
    given = settings.load(bind="127.0.0.1:4").given
    assert {name: source for name, source in given.items() if name != "home"} == {
        "trash_days": "file",
        "automation.cooldown": "file",
        "evidence_days": "environment",
        "automation.percent_per_hour": "environment",
        "bind": "flag",
    }


def test_a_secret_is_read_from_its_file_and_leaves_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text("fake-admin-key-of-32-characters!\n")
    monkeypatch.setenv("AUTHDECK_ADMIN_KEY_FILE", str(tmp_path / "key"))
    loaded = settings.load()
    assert loaded.admin_key is not None
    assert loaded.admin_key.get_secret_value() == "fake-admin-key-of-32-characters!"
    assert not [name for name in settings.os.environ if "ADMIN_KEY" in name]
    assert "fake-admin-key" not in repr(loaded)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AUTHDECK_GATEWAY__BODY_LIMIT", "many"),
        ("AUTHDECK_PROVIDERS__CODEX__COLOUR", "red"),
        ("AUTHDECK_BIND", "0.0.0.0:1"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(DeckError):
        settings.load()
