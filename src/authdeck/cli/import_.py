"""``authdeck import``: take over auth files from folders and single files."""

import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from authdeck.cli import own_zips, show
from authdeck.cli.management import File, Management, management
from authdeck.cli.progress import progress
from authdeck.cli.show import AsJson
from authdeck.errors import DeckError

CHUNK: Final = 100
"""Files of one request."""

OUTCOMES: Final = ("new", "updated", "unchanged", "conflict", "rejected")

_NOT_TRIED: Final = (
    "Saved is not tried: only the files' form was checked. Whether an account can serve, its first request shows."
)
_COLUMNS = (
    ("File", "file_name"),
    ("Outcome", "outcome"),
    ("auth_index", "auth_index"),
    ("Source", "source"),
    ("", "detail"),
)


@dataclass(slots=True)
class Report:
    """What became of every file, and what was passed over because it is no auth file."""

    items: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        found = Counter(row["outcome"] for row in self.items)
        return {outcome: found[outcome] for outcome in OUTCOMES}

    @property
    def is_clean(self) -> bool:
        return not (self.counts["rejected"] or self.counts["conflict"])


@dataclass(frozen=True, slots=True)
class Folder:
    """Files to send together. ``path`` is the folder given, from which aliases are computed; single files have none."""

    path: Path | None
    files: Sequence[Path]


def import_(
    paths: Annotated[
        list[Path], typer.Argument(help="Folders of auth files, or single files.", exists=True, show_default=False)
    ],
    preview: Annotated[bool, typer.Option("--preview", help="Say what would happen; write nothing.")] = False,
    refresh_by: Annotated[
        str | None, typer.Option(help="Who refreshes these sign-ins from now on: authdeck, or other.")
    ] = None,
    on_conflict: Annotated[str, typer.Option(help="skip, keep_both or replace.")] = "skip",
    apply_settings: Annotated[
        bool, typer.Option("--apply-settings", help="Known accounts take over the settings in their files.")
    ] = False,
    cliproxy_auth_dir: Annotated[
        str | None, typer.Option(help="The folder as CLIProxyAPI sees it, where that differs (a container's mount).")
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="The files' format, where it should not be detected: cliproxyapi, sub2api, …")
    ] = None,
    location: Annotated[str | None, typer.Option(help="The region of Google service accounts.")] = None,
    passphrase_file: Annotated[
        Path | None, typer.Option(help="Holds what opens encrypted archives.", exists=True, dir_okay=False)
    ] = None,
    identity_file: Annotated[
        Path | None, typer.Option(help="Holds an age identity that opens them.", exists=True, dir_okay=False)
    ] = None,
    json: AsJson = False,
) -> None:
    """Import auth files, zips and archives, of any size. One row an account; a bad one never stops the others.

    Importing again changes nothing. Ends with 1 when a file was rejected or is in conflict.
    """
    if refresh_by is None and not preview and not json and any(path.is_dir() for path in paths):
        refresh_by = _ask_who_refreshes()
    report = Report()
    folders = [_folder(path, report) for path in paths]
    asked = {
        "preview": preview or None,
        "refresh_by": refresh_by,
        "on_conflict": on_conflict,
        "settings": "apply" if apply_settings else None,
        "location": location,
    }
    beside = {
        "source": source,
        "passphrase": passphrase_file.read_text().rstrip("\r\n") if passphrase_file else None,
        "identity": identity_file.read_text() if identity_file else None,
    }
    with (
        management() as api,
        progress("Importing", sum(_steps(folder, api.upload_limit) for folder in folders), quiet=json) as advance,
    ):
        for folder in folders:
            home = cliproxy_auth_dir or (folder.path and str(folder.path.absolute()))
            for chunk in _chunks(folder, api.upload_limit, report):
                _send(api, chunk, {**asked, "cliproxy_auth_dir": home}, beside, report)
                advance(len(chunk))
    _tell(report, preview=preview, json=json)
    if not json and not preview and refresh_by != "other" and any(folder.path for folder in folders):
        typer.echo("authdeck refreshes these sign-ins now: stop any other program that uses them.", err=True)
    if not report.is_clean:
        raise typer.Exit(1)


def _ask_who_refreshes() -> str | None:
    """Two programs that refresh one sign-in lock each other out, so a person is asked; a script decides by option."""
    if not sys.stdin.isatty():
        return None
    stays = typer.confirm("Does another program, such as CLIProxyAPI, go on using these sign-ins?", default=False)
    return "other" if stays else "authdeck"


def _folder(path: Path, report: Report) -> Folder:
    """A folder's direct ``*.json`` files, by name; whatever else lies in it is named as skipped."""
    if not path.is_dir():
        return Folder(None, [path])
    entries = sorted(path.iterdir())
    files = [entry for entry in entries if entry.suffix.lower() == ".json" and entry.is_file()]
    taken = set(files)
    report.skipped += [str(entry) for entry in entries if entry not in taken]
    return Folder(Path(os.path.normpath(path.absolute())), files)


def _steps(folder: Folder, limit: int) -> int:
    """For the bar: files, and those in zips that are sent one by one."""
    found = 0
    for path in folder.files:
        with suppress(OSError, DeckError):
            found += (own_zips.count(path, limit) or 1) if folder.path is None else 1
    return found


def _chunks(folder: Folder, limit: int, report: Report) -> Iterator[list[File]]:
    """Files put together so that no request gets too large."""
    chunk: list[File] = []
    for name, content in _contents(folder, limit, report):
        if len(chunk) == CHUNK or (chunk and sum(len(other) for _, other in chunk) + len(content) > 2 * limit):
            yield chunk
            chunk = []
        chunk.append((name, content))
    if chunk:
        yield chunk


def _contents(folder: Folder, limit: int, report: Report) -> Iterator[File]:
    """Every file to send. What can't be sent is a rejected row."""
    for path in folder.files:
        try:
            if folder.path is None and own_zips.count(path, limit) is not None:
                yield from _unpacked(path, limit, report)
            elif path.stat().st_size > limit:
                report.items.append(_rejected(path.name, "file_too_large", _too_large(path.name, limit)))
            else:
                yield path.name, path.read_bytes()
        except OSError as error:
            report.items.append(_rejected(path.name, "file_unreadable", f"Can't be read: {error.strerror}."))
        except DeckError as error:
            report.items.append(_refused(path.name, error))


def _unpacked(path: Path, limit: int, report: Report) -> Iterator[File]:
    for member in own_zips.members(path):
        if member.refused is not None:
            report.items.append(_refused(member.file_name, member.refused))
        elif len(member.content) > limit:
            report.items.append(_rejected(member.file_name, "file_too_large", _too_large(member.file_name, limit)))
        else:
            yield member.file_name, member.content


def _too_large(name: str, limit: int) -> str:
    told = f"Larger than {limit:,} bytes."
    return f"{told} Decrypt it with age; the zip inside is taken in parts." if name.endswith(own_zips.ARCHIVE) else told


def _refused(name: str, error: DeckError) -> dict[str, Any]:
    from authdeck import wording  # noqa: PLC0415 - reading the catalogues takes time

    return _rejected(name, error.code, wording.sentence(error.code, {"file_name": name, **error.params}))


def _rejected(name: str, code: str, sentence: str) -> dict[str, Any]:
    reason = {"code": code, "sentence": sentence, "details": {}}
    return {
        "source": None,
        "file_name": name,
        "outcome": "rejected",
        "auth_index": None,
        "reason": reason,
        "stored_as": None,
        "notes": [],
    }


def _send(
    api: Management, chunk: Sequence[File], asked: dict[str, Any], beside: dict[str, str | None], report: Report
) -> None:
    holds_many = any(name.endswith(own_zips.ARCHIVE) for name, _ in chunk)
    report.items += api.post("/imports", params=asked, files=chunk, form=beside, patient=holds_many)["items"]


def _tell(report: Report, *, preview: bool, json: bool) -> None:
    if json:
        show.as_json({"items": report.items, "preview": preview, "counts": report.counts, "skipped": report.skipped})
        return
    show.table(_COLUMNS, map(_row, report.items), empty="No auth file found: nothing ends with .json.")
    for name in report.skipped:
        typer.echo(f"Skipped {name}: not a .json file.")
    if not preview and (report.counts["new"] or report.counts["updated"]):
        typer.echo(_NOT_TRIED)
    told = ", ".join(f"{count} {outcome}" for outcome, count in report.counts.items() if count) or "nothing"
    typer.echo(f"{'Preview, nothing written: ' if preview else ''}{told}.")


def _row(row: dict[str, Any]) -> dict[str, Any]:
    notes: Iterable[dict[str, Any]] = [*([row["reason"]] if row["reason"] else []), *row["notes"]]
    told = [note["sentence"] for note in notes]
    if row["stored_as"]:
        told.insert(0, f"Stored as {row['stored_as']}.")
    return {**row, "detail": " ".join(told)}
