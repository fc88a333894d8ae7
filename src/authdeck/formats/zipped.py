"""A zip of auth files: its members, each within limits. Nothing is written to disk, and no path of it is followed."""

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final, Protocol

from authdeck.errors import DeckError
from authdeck.formats.document import MAX_BYTES

MAX_MEMBERS: Final = 5_000
MAX_TOTAL: Final = 64 * 1024 * 1024
"""Bytes of all members together, decompressed."""

MAX_RATIO: Final = 100
_RATIO_FROM: Final = 1024 * 1024
"""A member smaller than this may be as compressible as it likes."""

MANIFEST: Final = "manifest.json"
_KIND: Final = "authdeck_archive"
_SIGNS: Final = (b"PK\x03\x04", b"PK\x05\x06")
_AGE: Final = (b"age-encryption.org/v1", b"-----BEGIN AGE ENCRYPTED FILE-----")
_ENCRYPTED: Final = 0x1
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_PIECE: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Member:
    """One file: its bytes, or why it can't be taken. ``path`` is its whole name where that had folders."""

    file_name: str
    content: bytes = field(default=b"", repr=False)
    refused: DeckError | None = None
    path: str | None = None


def is_zip(content: bytes) -> bool:
    return content.startswith(_SIGNS)


def members(content: bytes) -> list[Member]:
    """Every file inside, in the archive's order. One that can't be taken is a row of its own and stops no other.

    Raises ``DeckError`` for the archive as a whole: ``zip_invalid``, ``too_many_members``, ``zip_too_large``.
    """
    with _opened(io.BytesIO(content)) as archive:
        infos = _wanted(archive)
        if len(infos) > MAX_MEMBERS + 1:  # the manifest
            raise DeckError("too_many_members", count=len(infos), limit=MAX_MEMBERS)
        found = list(_members(archive, infos))
    manifest = next((_manifest(member) for member in found if member.file_name == MANIFEST), None)
    return found if manifest is None else list(_checked(found, manifest))


def walk(file: BinaryIO) -> Iterator[Member]:
    """Every file inside, one after the other, however many and however large together.

    For whoever unpacks what is their own, such as an export of everything; each member is within its limits. Encrypted
    archives among them are members like others. Raises ``zip_invalid``.
    """
    with _opened(file) as archive:
        infos = _wanted(archive)
        manifest = next((_manifest(_walked(archive, info)) for info in infos if info.filename == MANIFEST), None)
        found = (_walked(archive, info) for info in infos)
        yield from found if manifest is None else _checked(found, manifest)


def _walked(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    path = info.filename.replace("\\", "/")
    name = path.rpartition("/")[2]
    try:
        return Member(name, _read(archive, info, MAX_BYTES), path=path if path != name else None)
    except DeckError as error:
        return Member(name, refused=error)


def listed(file: BinaryIO) -> list[tuple[str, int]]:
    """Names and sizes in bytes, as the zip itself says. Raises ``zip_invalid``."""
    with _opened(file) as archive:
        return [(info.filename, info.file_size) for info in _wanted(archive)]


class Out(Protocol):
    """What a zip can be written to."""

    def write(self, content: bytes, /) -> int: ...
    def flush(self) -> None: ...
    def close(self) -> None: ...


class Writer:
    """A zip as it grows: what a file has given is written on at once. ``file`` need not be one that can be read."""

    def __init__(self, file: Out) -> None:
        self._archive: Final = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED)

    def add(self, name: str, content: bytes) -> None:
        self._archive.writestr(_info(name), content)

    def end(self) -> None:
        """The list of its members; without it nothing reads the zip."""
        self._archive.close()


def write(files: Mapping[str, bytes], manifest: list[dict[str, Any]] | None = None) -> bytes:
    """A zip of the files; with ``manifest`` (one object a file) the manifest stands first."""
    out = io.BytesIO()
    writer = Writer(out)
    if manifest is not None:
        listed = json.dumps({_KIND: 1, "files": manifest}, ensure_ascii=False, indent=2)
        writer.add(MANIFEST, listed.encode())
    for name, content in files.items():
        writer.add(name, content)
    writer.end()
    return out.getvalue()


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _info(name: str) -> zipfile.ZipInfo:
    """Without a date: the same files give the same archive. Only its owner may read what is unpacked."""
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o600 << 16
    return info


@contextmanager
def _opened(file: BinaryIO) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(file) as archive:
            yield archive
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, EOFError):
        raise DeckError("zip_invalid") from None


def _wanted(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    return [info for info in archive.infolist() if not _is_beside_the_point(info)]


def _is_beside_the_point(info: zipfile.ZipInfo) -> bool:
    """Folders, and what file managers leave in archives. (``is_dir`` breaks on a member without a name.)"""
    path = info.filename.replace("\\", "/")
    return path.endswith("/") or path.startswith("__MACOSX/") or path.rpartition("/")[2].startswith(".")


def _members(archive: zipfile.ZipFile, infos: list[zipfile.ZipInfo]) -> Iterator[Member]:
    left = MAX_TOTAL
    for info in infos:
        path = info.filename.replace("\\", "/")
        name = path.rpartition("/")[2]
        kept = path if path != name else None
        try:
            content = _read(archive, info, min(left, MAX_BYTES))
        except DeckError as error:
            if error.code == "zip_too_large":
                raise
            yield Member(name, refused=error, path=kept)
            continue
        left -= len(content)
        if content.startswith(_AGE):
            yield Member(name, refused=DeckError("zip_archive_inside"), path=kept)
            continue
        yield Member(name, content, path=kept)


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int) -> bytes:
    """The member's bytes, counted as they come out: what its header says is not believed."""
    if info.flag_bits & _ENCRYPTED:
        raise DeckError("zip_member_encrypted")
    if info.compress_type not in _METHODS:
        raise DeckError("zip_member_damaged")
    taken = bytearray()
    try:
        with archive.open(info) as stream:
            while piece := stream.read(_PIECE):
                taken += piece
                if len(taken) > _RATIO_FROM and len(taken) > MAX_RATIO * max(info.compress_size, 1):
                    raise DeckError("zip_ratio", limit=MAX_RATIO)
                if len(taken) > limit:
                    raise _too_large(limit)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError, ValueError):
        raise DeckError("zip_member_damaged") from None
    if is_zip(bytes(taken[:4])):
        raise DeckError("zip_nested")
    return bytes(taken)


def _too_large(limit: int) -> DeckError:
    if limit < MAX_BYTES:
        return DeckError("zip_too_large", limit=MAX_TOTAL)
    return DeckError("file_too_large", size=limit + 1, limit=limit)


def _manifest(member: Member) -> Mapping[str, str] | None:
    """File names to digests, if it is a manifest of ours."""
    try:
        said = json.loads(member.content)
        if said[_KIND] != 1:
            return None
        return {str(each["file_name"]): str(each["sha256"]) for each in said["files"]}
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _checked(found: Iterable[Member], manifest: Mapping[str, str]) -> Iterator[Member]:
    """The files against what the manifest says: a changed or missing one is said so."""
    names: set[str] = set()
    for member in found:
        names.add(member.file_name)
        if member.file_name == MANIFEST:
            continue
        expected = manifest.get(member.file_name)
        if member.refused is None and expected is not None and digest(member.content) != expected:
            yield Member(member.file_name, refused=DeckError("archive_member_changed"), path=member.path)
        else:
            yield member
    for name in manifest:
        if name not in names:
            yield Member(name, refused=DeckError("archive_member_missing"))
