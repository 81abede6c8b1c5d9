"""Our own counters and histograms are told as those of `prometheus_client`."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.exposition import generate_latest

from gateway.telemetry.series import Counts, Spreads

BOUNDS = (0.005, 0.1, 1.0, 10.0)
LABELS = st.sampled_from(["", "a", 'with "quotes"\nand lines'])
SECONDS = st.sampled_from(BOUNDS) | st.floats(0.0, 20.0)


@given(seen=st.lists(st.tuples(LABELS, LABELS, SECONDS), max_size=20))
def test_series_are_told_as_those_of_the_library(seen: list[tuple[str, str, float]]) -> None:
    disable_created_metrics()  # type: ignore[no-untyped-call]
    ours, theirs = CollectorRegistry(auto_describe=False), CollectorRegistry(auto_describe=False)
    counts = Counts("calls", "How many.", ["one", "other"], registry=ours)
    spreads = Spreads("call_seconds", "How long.", ["one"], buckets=BOUNDS, registry=ours)
    counter = Counter("calls", "How many.", ["one", "other"], registry=theirs)
    histogram = Histogram("call_seconds", "How long.", ["one"], buckets=BOUNDS, registry=theirs)
    for one, other, seconds in seen:
        counts.labels(one, other).times += 1
        counter.labels(one, other).inc()
        spreads.labels(one).observe(seconds)
        histogram.labels(one).observe(seconds)
    assert generate_latest(ours) == generate_latest(theirs)
