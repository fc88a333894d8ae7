"""What ``/metrics`` counts, of a server that served, failed and refreshed."""

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from fakes.deck import ADMIN_KEY, Deck


def metrics(deck: Deck) -> dict[tuple[str, ...], float]:
    """Every sample by its name and labels' values, in the labels' order by name."""
    told = httpx2.get(f"{deck.url}/metrics", headers={"authorization": f"Bearer {ADMIN_KEY}"}, trust_env=False)
    assert told.status_code == 200
    samples = [sample for family in text_string_to_metric_families(told.text) for sample in family.samples]
    return {(one.name, *(one.labels[name] for name in sorted(one.labels))): one.value for one in samples}


def test_requests_times_tokens_and_refreshes_are_counted(open_deck, simulator):
    (index,) = open_deck.add(simulator.account("codex", "ann@example.com"))
    simulator.fail(status=400, times=1)
    with open_deck.client(open_deck.new_key()) as client:
        statuses = [
            client.post("/v1/responses", json={"model": "gpt-5.5", "input": "hello"}).status_code for _ in "abc"
        ]
    assert statuses == [400, 200, 200]
    open_deck.ask("POST", f"/accounts/{index}/refresh")
    events = open_deck.requests()
    told = metrics(open_deck)

    assert told["authdeck_requests_total", "codex", "2xx"] == 2
    assert told["authdeck_requests_total", "codex", "4xx"] == 1
    for name, field in (("request", "latency_ms"), ("first_byte", "ttfb_ms")):
        took = [event[field] for event in events if event[field] is not None]
        assert told[f"authdeck_{name}_seconds_count", "codex"] == len(took)
        assert told[f"authdeck_{name}_seconds_bucket", "+Inf", "codex"] == len(took)
        assert told[f"authdeck_{name}_seconds_sum", "codex"] == pytest.approx(sum(took) / 1000, abs=0.003)
    assert told["authdeck_request_seconds_count", "codex"] == 3
    for kind in ("input", "output", "cached", "reasoning"):
        told_of = sum(event["tokens"][kind] or 0 for event in events)
        assert told.get(("authdeck_tokens_total", kind, "codex"), 0) == told_of
    assert told["authdeck_tokens_total", "output", "codex"] > 0
    assert told["authdeck_refreshes_total", "ok", "codex"] == 1
    assert (
        sum(count for name, *_, count in ((*key, value) for key, value in told.items()) if name == "authdeck_accounts")
        == 1
    )
    assert told["authdeck_events_total", "stored"] == 3


def test_the_queue_is_counted(open_deck, simulator):
    ann = simulator.account("codex", "ann@example.com")
    (index,) = open_deck.add(ann)
    simulator.revoke(ann)
    open_deck.management.post(f"/accounts/{index}/refresh")
    open_deck.wait_until(lambda: bool(open_deck.ask("GET", "/candidates")["items"]))
    (row,) = open_deck.ask("GET", "/candidates")["items"]
    told = metrics(open_deck)
    assert told["authdeck_queue_open", row["suggested_action"]] == 1
    assert told["authdeck_refreshes_total", "refused", "codex"] == 1
