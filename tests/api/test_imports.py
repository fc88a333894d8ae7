"""Files in: as multipart, as JSON, and everything that can be wrong with either."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from httpx2 import AsyncClient

from api.conftest import UPLOAD_LIMIT
from authdeck.api.limits import FILES_AT_ONCE
from fakes.auth_files import codex


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """SQLite alone: nothing here depends on the database."""
    return f"sqlite:///{tmp_path / 'authdeck.db'}"


EVE = codex("eve@example.org", "acc-eve", "user-eve")


def parts(*files: tuple[str, bytes]) -> list[tuple[str, tuple[str, bytes]]]:
    return [("file", file) for file in files]


async def total(client: AsyncClient) -> int:
    return int((await client.get("/accounts")).json()["total"])


async def test_it_works(ann: AsyncClient) -> None:
    answer = await ann.post("/imports", files=parts(("ann.json", codex()), ("eve.json", EVE)))
    assert answer.status_code == 200
    assert [(row["file_name"], row["outcome"]) for row in answer.json()["items"]] == [
        ("ann.json", "new"),
        ("eve.json", "new"),
    ]
    assert answer.json()["counts"]["new"] == 2
    assert answer.json()["items"][0].keys() >= {"source", "file_name", "outcome", "auth_index", "reason"}


async def test_json_brings_one_or_many(ann: AsyncClient) -> None:
    one = await ann.post("/imports", json={"file_name": "ann.json", "document": json.loads(codex())})
    assert one.json()["items"][0]["outcome"] == "new"
    many = {"items": [{"file_name": "eve.json", "document": EVE.decode()}]}
    assert (await ann.post("/imports", json=many)).json()["items"][0]["outcome"] == "new"


async def test_json_keeps_the_documents_bytes(ann: AsyncClient) -> None:
    document = b'{ "type":"codex",  "access_token":"at_FAKE" , "account_id": "acc-1", "unknown": 1.50 }'
    body = b'{"file_name": "odd.json", "document": ' + document + b"}"
    row = (await ann.post("/imports", content=body, headers={"content-type": "application/json"})).json()["items"][0]
    revealed = await ann.get(f"/accounts/{row['auth_index']}/document", params={"reveal": True})
    assert revealed.content == document


async def test_importing_again_changes_nothing(ann: AsyncClient) -> None:
    first = (await ann.post("/imports", files=parts(("ann.json", codex())))).json()["items"][0]
    second = (await ann.post("/imports", files=parts(("ann.json", codex())))).json()["items"][0]
    assert (second["outcome"], second["auth_index"]) == ("unchanged", first["auth_index"])
    assert second["reason"] is None or second["reason"]["sentence"]


async def test_a_preview_writes_nothing(ann: AsyncClient) -> None:
    answer = await ann.post("/imports", params={"preview": True}, files=parts(("ann.json", codex())))
    assert (answer.json()["preview"], answer.json()["items"][0]["outcome"]) == (True, "new")
    assert await total(ann) == 0


async def test_a_cliproxy_folder_gives_its_index_as_an_alias(ann: AsyncClient) -> None:
    folder = "/home/ann/.cli-proxy-api"
    files = parts(("codex-user@example.com-plus.json", codex()))
    await ann.post("/imports", params={"cliproxy_auth_dir": folder}, files=files)
    assert (await ann.get("/accounts/de23d74f07604254")).json()["file_name"] == "codex-user@example.com-plus.json"


async def test_who_refreshes_can_be_said(ann: AsyncClient) -> None:
    await ann.post("/imports", params={"refresh_by": "other"}, files=parts(("ann.json", codex())))
    assert (await ann.get("/accounts/ann.json")).json()["refresh_by"] == "other"


BAD_FILES = [
    ("broken.json", b'{"type": "codex",'),
    ("text.json", b"hello"),
    ("empty.json", b""),
    ("list.json", b"[1, 2]"),
    ("number.json", b"7"),
    ("latin.json", b'{"type": "codex", "email": "\xe9"}'),
    ("deep.json", b"[" * 50_000 + b"]" * 50_000),
    ("typeless.json", b'{"email": "eve@example.org"}'),
    ("wrong-type.json", b'{"type": "codex", "access_token": 5, "refresh_token": ["x"]}'),
    ("unknown.json", b'{"type": "acme", "access_token": "at_FAKE"}'),
    ("../../etc/passwd.json", codex()),
    ("/etc/passwd.json", codex()),
    ("C:\\windows\\a.json", codex()),
    ("..", codex()),
    ("nul\x00.json", codex()),
]


@pytest.mark.parametrize(("name", "content"), BAD_FILES, ids=[name for name, _ in BAD_FILES])
async def test_a_bad_file_is_a_row_with_its_reason_and_the_others_go_in(
    ann: AsyncClient, name: str, content: bytes
) -> None:
    given = json.dumps({"items": [_item(name, content), _item("eve.json", EVE)]})
    answer = await ann.post("/imports", content=given, headers={"content-type": "application/json"})
    assert answer.status_code == 200, answer.text
    bad, good = answer.json()["items"]
    assert (bad["outcome"], good["outcome"]) == ("rejected", "new")
    assert bad["reason"]["code"]
    assert bad["reason"]["sentence"].endswith((".", "?"))
    assert "FAKE" not in json.dumps(bad)
    assert await total(ann) == 1


def _item(name: str, content: bytes) -> dict[str, Any]:
    return {
        "file_name": name,
        "document": content.decode("utf-8", "surrogateescape").encode("utf-8", "replace").decode(),
    }


async def test_bytes_that_are_no_utf_8_are_a_row_too(ann: AsyncClient) -> None:
    answer = await ann.post("/imports", files=parts(("latin.json", b'{"type": "codex", "email": "\xe9"}')))
    assert answer.json()["items"][0]["outcome"] == "rejected"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "json_invalid"),
        (b"{", "json_invalid"),
        (b"\xff", "json_invalid"),
        (b"[]", "request_invalid"),
        (b"7", "request_invalid"),
        (b"{}", "request_invalid"),
        (b'{"file_name": 5, "document": {}}', "request_invalid"),
        (b'{"file_name": "a.json"}', "request_invalid"),
        (b'{"items": []}', "request_invalid"),
        (b'{"items": {"a": 1}}', "request_invalid"),
        (b'{"file_name": "a.json", "document": {}, "surprise": 1}', "request_invalid"),
        (b'{"items": [{"file_name": "a.json", "document": {}}], "choices": {"0": 5}}', "request_invalid"),
        (b'{"items": [{"file_name": "a.json", "document": {}}], "choices": {"0": "burn"}}', "choice_unknown"),
    ],
)
async def test_a_json_body_of_another_shape_is_refused(ann: AsyncClient, body: bytes, code: str) -> None:
    answer = await ann.post("/imports", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in {400, 422}
    assert answer.json()["error"]["code"] == code
    assert await total(ann) == 0


async def test_a_multipart_body_without_a_file_is_refused(ann: AsyncClient) -> None:
    answer = await ann.post("/imports", files=[("other", ("a.json", codex()))])
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "file_part_missing")


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=x"])
async def test_a_broken_multipart_body_is_refused(ann: AsyncClient, kind: str) -> None:
    answer = await ann.post("/imports", content=b"--y\r\nnonsense", headers={"content-type": kind})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "multipart_invalid")


async def test_another_content_type_is_refused(ann: AsyncClient) -> None:
    answer = await ann.post("/imports", content=codex(), headers={"content-type": "text/plain"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "content_type_unknown")


async def test_a_file_over_the_limit_is_a_row(ann: AsyncClient) -> None:
    large = codex(padding="x" * UPLOAD_LIMIT)
    answer = await ann.post("/imports", files=parts(("large.json", large), ("eve.json", EVE)))
    assert [row["outcome"] for row in answer.json()["items"]] == ["rejected", "new"]
    assert "100000" in json.dumps(answer.json()["items"][0]["reason"]).replace(",", "")


async def test_a_huge_upload_is_refused_before_it_is_read(ann: AsyncClient) -> None:
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield b"x" * 65_536

    headers = {"content-type": "multipart/form-data; boundary=x", "content-length": str(100 * 1024 * 1024)}
    answer = await ann.post("/imports", content=body(), headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "upload_too_large")
    assert answer.json()["error"]["details"]["limit"] == UPLOAD_LIMIT * FILES_AT_ONCE
    assert read <= 1
    assert await total(ann) == 0


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "application/json"])
async def test_an_upload_of_untold_size_is_cut_off_at_the_limit(ann: AsyncClient, kind: str) -> None:
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.json"\r\n\r\n'
        for _ in range(1000):
            sent += 65_536
            yield b"x" * 65_536

    answer = await ann.post("/imports", content=body(), headers={"content-type": kind})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "upload_too_large")
    assert await total(ann) == 0


async def test_another_request_may_be_a_megabyte(ann: AsyncClient) -> None:
    answer = await ann.post("/client-keys", json={"name": "x" * 2_000_000})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "upload_too_large")
