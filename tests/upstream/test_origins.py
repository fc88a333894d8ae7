import pytest

from authdeck.settings import Providers
from authdeck.upstream.failures import UpstreamFailure
from authdeck.upstream.origins import Approval, Origins, origin_of

OURS = ("127.0.0.1", 8417)


def origins(*approved: tuple[str, Approval], **parts: dict[str, str]) -> Origins:
    made = Origins(Providers.model_validate(parts), own_host=OURS[0], own_port=OURS[1])
    made.replace(approved)
    return made


def refused(made: Origins, url: str) -> str:
    with pytest.raises(UpstreamFailure) as failure:
        made.allows(url)
    assert not failure.value.sent
    return failure.value.code


def test_origins_of_the_settings_are_allowed() -> None:
    made = origins()
    assert str(made.allows("https://api.anthropic.com/v1/messages")) == "https://api.anthropic.com"
    assert made.is_allowed("https://europe-west4-aiplatform.googleapis.com/v1/x")
    assert made.is_allowed("https://aiplatform.googleapis.com/v1/x")


@pytest.mark.parametrize(
    "url",
    [
        "https://eve.example.com/",
        "https://api.anthropic.com.eve.example.com/",
        "https://ann@api.anthropic.com/",
        "https://api.anthropic.com:8443/",
        "http://api.anthropic.com/",
        "https://eve.example.com/-aiplatform.googleapis.com",
        "https://eve.example.com#-aiplatform.googleapis.com",
        "ftp://api.anthropic.com/",
    ],
)
def test_no_other_is(url: str) -> None:
    assert refused(origins(), url) == "upstream_not_approved"


def test_an_approved_origin_is_allowed_until_it_is_withdrawn() -> None:
    made = origins(("https://llm.example.com", Approval()))
    assert made.is_allowed("https://llm.example.com/v1")
    made.replace([])
    assert not made.is_allowed("https://llm.example.com/v1")


def test_credentials_go_over_plain_http_only_where_that_was_approved() -> None:
    assert refused(origins(("http://llm.example.com", Approval())), "http://llm.example.com/") == "upstream_needs_https"
    assert origins(("http://llm.example.com", Approval(plain_http=True))).allows("http://llm.example.com/")


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "168.63.129.16", "fe80::1", "0.0.0.0", "::ffff:169.254.169.254"]
)
def test_metadata_and_link_local_addresses_are_never_connected_to(address: str) -> None:
    made = origins(("https://llm.example.com", Approval(private=True)))
    with pytest.raises(UpstreamFailure) as failure:
        made.check_address("llm.example.com", 443, address)
    assert failure.value.code == "upstream_address_refused"


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "192.168.1.1", "::1", "::ffff:10.0.0.1", "fd00::1"])
def test_private_addresses_need_their_own_approval(address: str) -> None:
    made = origins(("https://llm.example.com", Approval()))
    with pytest.raises(UpstreamFailure):
        made.check_address("llm.example.com", 443, address)
    made.replace([("https://llm.example.com", Approval(private=True))])
    made.check_address("llm.example.com", 443, address)


def test_our_own_address_is_never_connected_to() -> None:
    made = origins(codex={"api_url": "http://127.0.0.1:8417"})
    assert refused(made, "http://127.0.0.1:8417/v1/responses") == "upstream_address_refused"


def test_an_origin_has_its_usual_port_left_out() -> None:
    assert str(origin_of("HTTPS://API.Example.com:443/x")) == "https://api.example.com"
    assert str(origin_of("http://[::1]:8080/x")) == "http://[::1]:8080"
