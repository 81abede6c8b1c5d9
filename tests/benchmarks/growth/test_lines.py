"""What is called worse than linear is, and what is not is not."""

from collections.abc import Callable

import pytest

from tests.benchmarks.growth.chart import Panel, svg
from tests.benchmarks.growth.lines import WORSE, Line, Point, table

PAGES = (1, 2, 5, 10, 20, 50, 100)
INDEXES = (1_000, 10_000, 100_000)


@pytest.mark.parametrize(
    ("sizes", "cost", "verdict"),
    [
        (PAGES, lambda n: 1 + 0.05 * n, "linear"),
        (PAGES, lambda n: 1 + 0.002 * n * n, WORSE),
        (PAGES, lambda n: 1 + n**0.5, "less than linear"),
        (PAGES, lambda n: 1 + 0.001 * n, "flat"),
        (INDEXES, lambda n: 1 + n / 100_000, "at most linear"),
        (INDEXES, lambda n: 1 + n / 1_000, "linear"),
        (INDEXES, lambda n: 1 + (n / 10_000) ** 2, WORSE),
    ],
)
def test_growth_is_told(sizes: tuple[int, ...], cost: Callable[[int], float], verdict: str) -> None:
    line = Line("pages", [Point(size, cost(size), cost(size)) for size in sizes])
    assert line.verdict == verdict
    assert table("contacts", [str(size) for size in sizes], [line])[-1].endswith(f"{verdict} |")


def test_what_bends_in_cpu_alone_is_noise() -> None:
    line = Line("pages", [Point(size, 1 + size * size, 1.0 + size) for size in PAGES])
    assert line.verdict == "linear"


def test_a_chart_names_every_line() -> None:
    lines = [(name, [(1.0, 2.0), (100.0, 30.0)]) for name in ("one & two", "three")]
    picture = svg([Panel(title="Pages", across="contacts", up="ms", lines=lines, log_x=True, log_y=True)])
    assert "one &amp; two" in picture
    assert picture.count("<polyline") == 2
