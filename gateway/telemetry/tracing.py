"""Traces for OpenTelemetry: from the caller's `traceparent` through resolvers to each call of a source.

Switched on by the standard variables (OTEL_EXPORTER_OTLP_ENDPOINT and its kin), which the SDK reads itself.
No span holds an argument, a value or an address.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from inspect import isawaitable
from threading import Thread
from typing import Any, Final

from opentelemetry import propagate
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode, use_span

from gateway.events import Event, UpstreamCalled, UpstreamRefused
from gateway.telemetry.voice import Known

NAME: Final = "contacts-gateway"
LAST_SECONDS: Final = 3.0
NANOSECONDS: Final = 1_000_000_000


class Tracing:
    """Makes spans out of requests, root fields and calls of sources."""

    def __init__(self, processor: SpanProcessor) -> None:
        resource = Resource.create({SERVICE_NAME: NAME}).merge(Resource.create())
        self._provider = TracerProvider(resource=resource)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer(NAME)

    @contextmanager
    def request(self, headers: Mapping[str, str], request_id: str) -> Iterator[Known]:
        """The span of a request. What is yielded takes what becomes known: name, kind, outcome, code."""
        parent = propagate.extract(headers)
        with self._tracer.start_as_current_span(
            "graphql", context=parent, kind=SpanKind.SERVER, record_exception=False
        ) as span:
            span.set_attribute("gateway.request_id", request_id)

            def known(*, operation: str, kind: str, outcome: str, code: str) -> None:
                span.update_name(f"{kind} {operation}".strip() or "graphql")
                span.set_attribute("graphql.operation.type", kind)
                span.set_attribute("graphql.operation.name", operation)
                span.set_attribute("gateway.outcome", outcome)
                if code:
                    span.set_attribute("gateway.code", code)
                if outcome == "failed":
                    span.set_status(Status(StatusCode.ERROR))

            yield known

    def resolve(self, following: Callable[..., Any], source: Any, info: Any, /, **arguments: Any) -> Any:
        """A middleware of graphql-core: the span of a root field. What lies below is its own."""
        if info.path.prev is not None:
            return following(source, info, **arguments)
        with self._tracer.start_as_current_span(
            f"{info.parent_type.name}.{info.field_name}", end_on_exit=False, record_exception=False
        ) as span:
            try:
                found = following(source, info, **arguments)
            except BaseException:
                span.end()
                raise
            if not isawaitable(found):
                span.end()
                return found

            async def ended() -> Any:
                with use_span(span, end_on_exit=True, record_exception=False):
                    return await found

            return ended()

    def hear(self, event: Event) -> None:
        """A listener of events: the span of a call, made when it has ended."""
        if isinstance(event, UpstreamCalled):
            end = time.time_ns()
            span = self._tracer.start_span(
                f"{event.source} {event.operation}",
                kind=SpanKind.CLIENT,
                start_time=end - int(event.seconds * NANOSECONDS),
                attributes={
                    "gateway.source": event.source,
                    "gateway.upstream.operation": event.operation,
                    "gateway.upstream.attempt": event.attempt,
                    "gateway.upstream.batch": event.batch,
                    "gateway.upstream.waited_ms": round(event.waited * 1000, 1),
                },
            )
            if event.status is not None:
                span.set_attribute("http.response.status_code", event.status)
            if event.error is not None:
                span.set_attribute("gateway.code", event.error)
                span.set_status(Status(StatusCode.ERROR))
            span.end(end)
        elif isinstance(event, UpstreamRefused):
            span = self._tracer.start_span(
                f"{event.source} {event.operation} (not sent)",
                kind=SpanKind.CLIENT,
                attributes={"gateway.source": event.source, "gateway.code": event.error},
            )
            span.set_status(Status(StatusCode.ERROR))
            span.end()

    def close(self) -> None:
        """Send what has not been sent yet, for a few seconds at most: a collector may hang."""
        ending = Thread(target=self._provider.shutdown, daemon=True)
        ending.start()
        ending.join(LAST_SECONDS)


def exporting() -> Tracing:
    """Traces that leave by OTLP over HTTP, as the standard variables say."""
    return Tracing(BatchSpanProcessor(OTLPSpanExporter()))
