from authdeck.gateway import headers


def test_headers_named_by_any_connection_header_stay_on_their_hop() -> None:
    raw = [
        (b"connection", b"keep-alive"), (b"connection", b"x-one, X-Two"), (b"connection", b"x-three"),
        (b"x-one", b"1"), (b"x-two", b"2"), (b"x-three", b"3"), (b"x-passes", b"4"),
    ]  # fmt: skip
    assert headers.passed_on(raw) == [("x-passes", "4")]
    passed = {name for name, _ in headers.passed_back(raw)}
    assert b"x-passes" in passed
    assert not passed & {b"x-one", b"x-two", b"x-three", b"connection"}
