"""A trace goes from the caller's `traceparent` through resolvers to each call of a source."""

from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from gateway.telemetry.tracing import Tracing
from tests.conftest import Build
from tests.support import process
from tests.support.world import World

NESTED = (
    "query People { contacts(first: 6, sources: [SMART_SENDER]) { nodes { chat { id } } } "
    "channels { nodes { id } } }"
)
CALLER = f"00-{'a1' * 16}-{'b2' * 8}-01"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """What leaves, kept in this process."""
    exporter = InMemorySpanExporter()
    monkeypatch.setattr("gateway.telemetry.tracing.exporting", lambda: Tracing(SimpleSpanProcessor(exporter)))
    return exporter


@pytest.fixture
def traced(new_world: Build, spans: InMemorySpanExporter) -> World:
    return new_world(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1")


def by_name(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans()}


def parent(span: ReadableSpan) -> int:
    assert span.parent is not None
    return span.parent.span_id


async def test_a_field_with_an_argument_named_source_is_traced_as_any_other(
    traced: World, spans: InMemorySpanExporter
) -> None:
    found = await traced.data("{ properties(source: SAMESPACE, first: 1) { nodes { key } } }")
    assert len(found["properties"]["nodes"]) == 1
    assert "Query.properties" in by_name(spans)


async def test_calls_lie_below_the_field_that_asked_for_them(
    traced: World, spans: InMemorySpanExporter
) -> None:
    await traced.data(NESTED, headers={"traceparent": CALLER, "X-Request-Id": "abc"})
    found = by_name(spans)
    request = found["query People"]
    assert request.context.trace_id == int("a1" * 16, 16)
    assert parent(request) == int("b2" * 8, 16)
    assert dict(request.attributes or {})["gateway.request_id"] == "abc"
    contacts, channels = found["Query.contacts"], found["Query.channels"]
    assert {parent(contacts), parent(channels)} == {request.context.span_id}
    assert parent(found["SMART_SENDER listContacts"]) == contacts.context.span_id
    assert parent(found["SMART_SENDER listChannels"]) == channels.context.span_id
    assert {span.context.trace_id for span in spans.get_finished_spans()} == {request.context.trace_id}
    assert dict(found["SMART_SENDER getContactChat"].attributes or {})["http.response.status_code"] == 200


async def test_what_fails_is_marked_and_nothing_of_it_is_quoted(
    traced: World, spans: InMemorySpanExporter
) -> None:
    traced.packagex.switches.fail(status=503, body="secret")
    await traced.ask('{ contacts(first: 3, sources: [PACKAGEX], search: "confidential") { nodes { id } } }')
    found = by_name(spans)
    assert dict(found["PACKAGEX listContacts"].attributes or {})["http.response.status_code"] == 503
    assert dict(found["query"].attributes or {})["gateway.outcome"] == "failed"
    text = " ".join(span.to_json() for span in spans.get_finished_spans())
    assert "secret" not in text
    assert "confidential" not in text


def test_spans_leave_by_otlp_where_the_standard_variables_say() -> None:
    received: list[ExportTraceServiceRequest] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            received.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Collector)
    with ThreadPoolExecutor(1) as thread:
        serving = thread.submit(server.serve_forever, 0.05)
        try:
            settings = {
                "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
                "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
            }
            with process.running("sandbox", "--contacts", "5", settings=settings) as found:
                address = found.line(r"The gateway answers on (http://\S+)")[1]
                httpx.post(f"{address}/graphql", json={"query": NESTED})
                assert found.stop() == 0  # what was not sent leaves now
        finally:
            server.shutdown()
            serving.result()
            server.server_close()
    names = {
        span.name
        for request in received
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    }
    assert {"query People", "Query.contacts", "SMART_SENDER listContacts"} <= names
