"""One line for each request and each upstream call, and nothing in them that must not be there."""

import json
import logging
import signal

import pytest

from gateway.telemetry import logs
from tests.support import process
from tests.support.leaks import Watch, in_output
from tests.support.world import World

LIST = "query People { contacts(first: 6) { nodes { id email phone } } }"


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> "list[dict[str, object]]":
    """The details of each line of the gateway, as they come."""
    caplog.set_level(logging.DEBUG, logger="gateway")
    found: list[dict[str, object]] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(json.loads(logs.JsonLines().format(record)))

    caplog.handler.addFilter(lambda record: Keep().emit(record) is None)
    return found


async def test_a_request_and_its_calls_carry_the_same_id(
    world: World, lines: "list[dict[str, object]]"
) -> None:
    await world.ask(LIST, headers={"X-Request-Id": "abc", "traceparent": f"00-{'a1' * 16}-{'b2' * 8}-01"})
    own = [line for line in lines if line.get("requestId") == "abc"]
    calls = [line for line in own if line["event"] == "upstream call"]
    assert {line["source"] for line in calls} == {"SAMESPACE", "PACKAGEX", "SMART_SENDER"}
    assert {"operation", "status", "ms", "attempt", "waitedMs", "batch", "code"} <= set(calls[0])
    (request,) = (line for line in own if line["event"] == "request")
    assert (request["operation"], request["outcome"], request["upstreamCalls"]) == (
        "People",
        "ok",
        len(calls),
    )
    assert request["traceId"] == "a1" * 16


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("contacts-gateway-mcp/1.2.0", "contacts-gateway-mcp/1.2.0"),
        ("Mozilla/5.0 (X11; Linux) anybody@example.com", "Mozilla/5.0"),
        ("curl", "curl"),
        ("", None),
        ("anybody@example.com", None),
        ('a"b', None),
        ("x" * 41, None),
    ],
)
async def test_a_request_tells_the_program_that_sent_it(
    world: World, lines: "list[dict[str, object]]", said: str, told: str | None
) -> None:
    await world.ask("{ sources { name } }", headers={"User-Agent": said, "X-Request-Id": "abc"})
    (request,) = (line for line in lines if line["event"] == "request")
    assert request["agent"] == told


async def test_repeats_refusals_and_breakers_have_lines(
    world: World, lines: "list[dict[str, object]]"
) -> None:
    world.packagex.switches.fail(status=503)
    for _ in range(6):
        await world.ask(LIST)
    told = {str(line["event"]) for line in lines}
    assert {"upstream call", "upstream call refused", "breaker"} <= told
    assert {line["attempt"] for line in lines if line["event"] == "upstream call"} == {1, 2, 3}


def test_text_is_for_people() -> None:
    record = logging.LogRecord("gateway", logging.INFO, "", 0, "request", (), None)
    record.details = {"path": "/graphql", "ms": 1.5, "code": None, "odd": 'a "b"\nc'}
    line = logs.TextLines().format(record)
    assert line.partition("Z ")[2] == r'INFO    request path=/graphql ms=1.5 code=- odd="a \"b\"\nc"'


def test_a_hang_up_switches_to_debug_and_back() -> None:
    settings = {"GATEWAY_LOG_LEVEL": "warning", "GATEWAY_LOG_FORMAT": "text"}
    with process.running("sandbox", "--contacts", "5", settings=settings) as found:
        found.line(r"The gateway answers on")
        found.process.send_signal(signal.SIGHUP)
        found.line(r"WARNING log level to=debug")
        found.process.send_signal(signal.SIGHUP)
        found.line(r"WARNING log level to=warning")
        assert found.stop() == 0


@pytest.mark.parametrize("text", ["key sandbox-key", "ada@example.com", "called +12025550111"])
def test_whoever_reads_the_log_of_all_tests_finds_what_must_not_stand_there(text: str) -> None:
    watch = Watch()
    record = logging.LogRecord("gateway", logging.INFO, "", 0, "request", (), None)
    record.details = {"path": text}
    watch.handle(record)
    assert len(watch.found) == 1
    assert in_output([logs.JsonLines().format(record), logs.TextLines().format(record), text]) != []
