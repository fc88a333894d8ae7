"""What stands on a command line is in the shell's history and in every list of processes: no secret may stand there."""

import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
import typer.main

from authdeck.adjustable import ADJUSTABLE, Kind
from authdeck.cli import app
from cli.conftest import Shell

_WORDS: Final = frozenset(
    {
        "auth", "authorization", "bearer", "code", "cookie", "cookies", "credential", "credentials", "env", "header",
        "headers", "identity", "key", "keys", "pass", "passphrase", "passwd", "password", "pin", "proxy", "secret",
        "secrets", "session", "token", "tokens", "url",
    }
)  # fmt: skip
_HARMLESS: Final = {
    "--client-key": "a client key's id or name",
    "--cliproxy-auth-dir": "a folder",
    "--key": "a client key's id or name",
    "auth_index": "names an account",
    "url": "an address to approve; accounts' secrets are no part of it",
}


def _parameters(command: Any, path: str = "authdeck") -> Iterator[tuple[str, Any]]:
    for each in command.params:
        yield path, each
    for name, sub in getattr(command, "commands", {}).items():
        yield from _parameters(sub, f"{path} {name}")


TAKEN: Final = [
    (path, parameter, name)
    for path, parameter in _parameters(typer.main.get_command(app))
    for name in (parameter.opts if parameter.param_type_name == "option" else [parameter.name])
]


def _is_secret(parameter: Any, name: str) -> bool:
    """By its name; a flag has no value, and a file's name is none."""
    is_flag = getattr(parameter, "is_flag", False)
    is_file = name.endswith(("-file", "-from"))
    return not is_flag and not is_file and bool(_WORDS & set(re.findall("[a-z]+", name)))


def test_no_option_takes_a_secret() -> None:
    assert len(TAKEN) > 200
    found = {name: path for path, parameter, name in TAKEN if _is_secret(parameter, name)}
    assert found.keys() == _HARMLESS.keys()


def test_what_holds_a_secret_is_named_as_a_file() -> None:
    read = {name for _, _, name in TAKEN if name.endswith(("-file", "-from")) and _WORDS & set(name[2:].split("-"))}
    assert read == {"--identity-file", "--master-key-file", "--passphrase-file", "--secrets-from", "--url-from"}


def test_no_setting_that_can_be_set_there_is_secret() -> None:
    """They are numbers, switches and choices; a text among them would have to be looked at."""
    assert [setting.name for setting in ADJUSTABLE if setting.kind is Kind.TEXT] == []


@pytest.mark.parametrize("field", ['headers={"X-Team": "t_FAKE"}', "headers=", "proxy_url=http://u:pw_FAKE@h:1"])
def test_secret_fields_are_refused_without_being_repeated(newcomer: Shell, field: str) -> None:
    said = newcomer.run("batch", "ann.json", "--set", field)
    assert (said.code, "FAKE" in said.out + said.err, "--secrets-from" in said.err) == (2, False, True)
    assert not newcomer.home.exists()
