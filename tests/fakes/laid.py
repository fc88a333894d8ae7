"""Empty databases of the newest schema, copied into place: a copy costs a fiftieth of what the steps to it cost."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from authdeck.storage import opening
from authdeck.storage.migrations import Branch, newest
from fakes.clock import SetClock

_FILES = {"authdeck.db": (Branch.CONTROL, opening.control), "monitoring.db": (Branch.MONITORING, opening.monitoring)}


def lay(home: Path) -> Path:
    """``home``, with both databases as the first start leaves them but for what it writes into them."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in _FILES:
        _put(home / name)
    return home


def laid(url: str) -> str:
    """``url``; if it is that of a SQLite file which is not there yet, it is there now. Its name says which it is."""
    if url.startswith("sqlite:///"):
        _put(Path(url.removeprefix("sqlite:///")))
    return url


def _put(file: Path) -> None:
    if file.exists():
        return
    branch, _ = _FILES[file.name]
    file.touch(mode=0o600)
    file.write_bytes(_empty(file.name, newest(branch)))


@cache
def _empty(name: str, revision: str) -> bytes:
    """Kept by revision: some tests add a step of their own."""
    del revision
    _, open_ = _FILES[name]
    with TemporaryDirectory() as folder:
        open_(f"sqlite:///{folder}/{name}", SetClock()).close()
        return Path(folder, name).read_bytes()
