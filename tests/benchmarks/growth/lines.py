"""What something costs as it gets larger, and whether that grows faster than the thing itself. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

STEEPER: Final = 1.3  # the later part of a line over its earlier part
MATTERS: Final = 0.15  # of the last cost: how far it lies above a straight line
FLAT: Final = 1.3  # a cost over an earlier one, before it counts as growth


@dataclass(frozen=True, slots=True)
class Point:
    """One size, and what a request took there, in milliseconds."""

    size: float
    cpu: float
    p50: float
    calls: float = 0.0


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was measured at several sizes."""

    name: str
    points: Sequence[Point]

    @property
    def folds(self) -> tuple[float, float]:
        """The last size over the first, and the last cost over the first."""
        first, last = self.points[0], self.points[-1]
        return last.size / first.size, last.cpu / first.cpu

    @property
    def slopes(self) -> tuple[float, float]:
        """CPU for each one more, in the earlier and in the later half."""
        return _slope(self.points[0], self._middle), _slope(self._middle, self.points[-1])

    @property
    def verdict(self) -> str:
        """How the cost follows the size. What bends in CPU alone, or in p50 alone, is taken for noise."""
        first, middle, last = self.points[0], self._middle, self.points[-1]
        if last.cpu < FLAT * first.cpu:
            return "flat"
        if self._bends([each.cpu for each in (first, middle, last)]) and self._bends(
            [each.p50 for each in (first, middle, last)]
        ):
            return WORSE
        if middle.cpu < FLAT * first.cpu:  # too little to tell a slope from noise
            return "at most linear"
        earlier, later = self.slopes
        return "less than linear" if later * STEEPER < earlier else "linear"

    def _bends(self, costs: Sequence[float]) -> bool:
        """Whether costs at the first, middle and last size lie above a straight line in the end."""
        first, middle, last = self.points[0].size, self._middle.size, self.points[-1].size
        if costs[1] < FLAT * costs[0]:
            return costs[2] / costs[1] > last / middle
        straight = costs[1] + (costs[1] - costs[0]) / (middle - first) * (last - middle)
        steeper = (costs[2] - costs[1]) / (straight - costs[1])
        return steeper > STEEPER and costs[2] - straight > MATTERS * costs[2]

    @property
    def _middle(self) -> Point:
        return self.points[len(self.points) // 2]


WORSE: Final = "**worse than linear**"


def table(unit: str, heads: Sequence[str], lines: Sequence[Line]) -> list[str]:
    """A row for each line: CPU and p50 at each size, calls of sources where there are any, and the growth."""
    rows = [
        f"| | {' | '.join(heads)} | {unit} | CPU | µs for each more: at first | later | growth |",
        f"|---|{'---:|' * (len(heads) + 4)}---|",
    ]
    for line in lines:
        sizes, costs = line.folds
        slopes = " | ".join(_micros(each) for each in line.slopes)
        grown = f"x {sizes:.3g} | x {costs:.1f} | {slopes} | {line.verdict}"
        rows.append(f"| {line.name} | {_cells(line)} | {grown} |")
    return rows


def bare_table(heads: Sequence[str], lines: Sequence[Line]) -> list[str]:
    """The same without growth, where sizes are steps of different kinds."""
    rows = [f"| | {' | '.join(heads)} |", f"|---|{'---:|' * len(heads)}"]
    return [*rows, *(f"| {line.name} | {_cells(line)} |" for line in lines)]


def _cells(line: Line) -> str:
    return " | ".join(map(_cell, line.points))


def _cell(point: Point) -> str:
    calls = f" ({point.calls:.0f})" if point.calls >= 0.5 else ""
    return f"{point.cpu:.2f} / {point.p50:.1f}{calls}"


def _micros(milliseconds: float) -> str:
    micros = milliseconds * 1000
    return f"{micros:.0f}" if abs(micros) >= 10 else f"{micros:.2f}"


def _slope(one: Point, other: Point) -> float:
    return (other.cpu - one.cpu) / (other.size - one.size)
