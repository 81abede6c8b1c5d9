"""Metrics tell operators what is going on, and hold nothing that callers choose freely."""

from hashlib import sha256

from prometheus_client.parser import text_string_to_metric_families

from gateway.model.source import Source
from gateway.server.admission import FEWEST
from gateway.telemetry.metrics import MOST_NAMES, OTHER, Metrics, merged
from tests.conftest import Build
from tests.support.world import World

LIST = "query People { contacts(first: 6) { nodes { id } sources { source status } } }"


async def samples(world: World, **headers: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    response = await world.client.get("/metrics", headers=headers)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


async def test_requests_and_upstream_calls_are_counted_and_timed(world: World) -> None:
    await world.ask(LIST)
    await world.ask("{ nope }")
    found = await samples(world)
    ok = key("gateway_requests_total", operation="People", kind="query", outcome="ok", code="")
    assert found[ok] == 1
    refused = {"kind": "", "outcome": "refused", "code": "GRAPHQL_VALIDATION_FAILED"}
    assert found[key("gateway_requests_total", operation="", **refused)] == 1
    assert found[key("gateway_request_seconds_count", kind="query", outcome="ok")] == 1
    call = {"source": "PACKAGEX", "operation": "listContacts"}
    assert found[key("gateway_upstream_calls_total", code="OK", **call)] >= 1
    assert found[key("gateway_upstream_seconds_count", **call)] >= 1


async def test_a_source_in_trouble_shows(new_world: Build) -> None:
    world = new_world(SMART_SENDER_RATE_LIMIT="180/60", GATEWAY_STALE_IF_ERROR_SECONDS="60")
    await world.ask(LIST)
    world.packagex.switches.fail(status=503)
    for _ in range(6):
        await world.ask(LIST)
    found = await samples(world)
    where = {"account": "default", "source": "PACKAGEX"}
    assert found[key("gateway_breaker_state", kind="read", **where)] == 2
    assert found[key("gateway_breaker_state", kind="write", **where)] == 0
    assert found[key("gateway_breaker_changes_total", source="PACKAGEX", kind="read", state="OPEN")] == 1
    assert found[key("gateway_upstream_repeats_total", source="PACKAGEX")] >= 2
    assert found[key("gateway_upstream_refused_total", source="PACKAGEX", reason="UpstreamUnavailable")] >= 1
    assert found[key("gateway_stale_served_total", source="PACKAGEX", code="UPSTREAM_UNAVAILABLE")] == 6
    sender = {"account": "default", "source": "SMART_SENDER"}
    assert found[key("gateway_budget_limit", **sender)] == 180
    assert found[key("gateway_budget_remaining", **sender)] == 180 - world.calls["SMART_SENDER"]
    assert key("gateway_budget_limit", **where) not in found


async def test_the_index_and_the_process_are_measured(world: World) -> None:
    found = await samples(world)
    for source in Source:
        where = {"account": "default", "source": source.value}
        assert found[key("gateway_index_age_seconds", **where)] >= 0
        assert found[key("gateway_index_contacts", **where)] > 0
    assert found[key("gateway_operations_limit")] == FEWEST
    assert found[key("gateway_operations_waiting")] == 0
    assert found[key("gateway_event_loop_lag_seconds")] >= 0
    assert found[key("process_resident_memory_bytes")] > 0


def test_callers_cannot_fill_it_with_names() -> None:
    metrics = Metrics()
    for number in range(MOST_NAMES + 500):
        metrics.request(operation=f"Q{number}", kind="query", outcome="ok", code="", seconds=0.1)
    text = metrics.text().decode()
    assert f'operation="{OTHER}"' in text
    assert text.count("gateway_requests_total{") == MOST_NAMES + 1


async def test_with_keys_only_an_admin_sees_it(new_world: Build) -> None:
    keys = ";".join(f"{name}:{sha256(name.encode()).hexdigest()}:{name}" for name in ("admin", "read"))
    world = new_world(GATEWAY_API_KEYS=keys)
    assert (await world.client.get("/metrics")).status_code == 401
    assert (await world.client.get("/metrics", headers={"X-Api-Key": "read"})).status_code == 403
    assert await samples(world, authorization="Bearer admin")


def test_the_metrics_of_several_workers_are_one_text_that_tells_them_apart() -> None:
    one, other = Metrics(), Metrics()
    one.request(operation="{odd", kind="query", outcome="ok", code="", seconds=0.1)
    other.request(operation="", kind="query", outcome="ok", code="", seconds=0.1)
    other.limit("depth")
    text = merged({1: one.text(), 2: other.text()}).decode()
    assert text.count("# TYPE gateway_requests_total counter\n") == 1
    families = list(text_string_to_metric_families(text))
    assert len({family.name for family in families}) == len(families)
    requests = next(family for family in families if family.name == "gateway_requests")
    assert [sample.labels["worker"] for sample in requests.samples] == ["1", "2"]
    assert requests.samples[0].labels["operation"] == "{odd"
    assert all("worker" in sample.labels for family in families for sample in family.samples)
    (refused,) = (family for family in families if family.name == "gateway_limit_refusals")
    assert [(sample.labels["worker"], sample.value) for sample in refused.samples] == [("2", 1.0)]
