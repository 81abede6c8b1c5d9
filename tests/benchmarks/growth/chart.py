"""Charts of curves as plain SVG: several panels in one picture."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

WIDTH: Final = 470  # of a panel
HEIGHT: Final = 300
LEFT, RIGHT, TOP, BOTTOM = 44, 150, 34, 40  # around its lines; names stand on the right
IN_A_ROW: Final = 2
COLOURS: Final = "#1f6fb4 #d95f02 #1b9e77 #7b5ea7 #b8860b #c2185b #4d4d4d #5aa02c #8c564b #17a2b8".split()
ABOVE: Final = 13  # between two names

Scale = Callable[[float], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One chart. `lines`: a name, and its points from left to right. `log_x`, `log_y`: tenfold steps."""

    title: str
    across: str
    up: str
    lines: Sequence[tuple[str, Sequence[tuple[float, float]]]]
    log_x: bool = False
    log_y: bool = False


def svg(panels: Sequence[Panel]) -> str:
    """The picture."""
    width, height = WIDTH * IN_A_ROW, HEIGHT * -(-len(panels) // IN_A_ROW)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="sans-serif" font-size="11" fill="#333">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for place, panel in enumerate(panels):
        row, column = divmod(place, IN_A_ROW)
        parts += [f'<g transform="translate({column * WIDTH} {row * HEIGHT})">', *_drawn(panel), "</g>"]
    return "\n".join([*parts, "</svg>", ""])


def _drawn(panel: Panel) -> list[str]:
    xs = sorted({x for _, points in panel.lines for x, _ in points})
    ys = [y for _, points in panel.lines for _, y in points]
    high = _round_up(max(ys))
    low = 10 ** math.floor(math.log10(min(ys))) if panel.log_y else 0.0
    across = _scale((xs[0], xs[-1]), (LEFT, WIDTH - RIGHT), log=panel.log_x)
    up = _scale((low, high), (HEIGHT - BOTTOM, TOP), log=panel.log_y)
    parts = [
        f'<text x="{LEFT}" y="16" font-weight="bold">{escape(panel.title)}</text>',
        f'<text x="{LEFT}" y="{HEIGHT - 6}">{escape(panel.across)}</text>',
        f'<text x="{WIDTH - RIGHT}" y="16" text-anchor="end">{escape(panel.up)}</text>',
    ]
    for y in _marks(low, high, log=panel.log_y):
        parts.append(
            f'<path d="M{LEFT} {up(y):.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>'
            f'<text x="{LEFT - 5}" y="{up(y) + 4:.1f}" text-anchor="end">{y:g}</text>'
        )
    shown: list[float] = []
    for x in reversed(xs):  # small sizes lie close together
        if not shown or shown[-1] - across(x) > 2 * ABOVE:
            shown.append(across(x))
            name = f"{x:,.0f}"
            parts.append(
                f'<text x="{across(x):.1f}" y="{HEIGHT - BOTTOM + 14}" text-anchor="middle">{name}</text>'
            )
    named = {name: up(points[-1][1]) for name, points in panel.lines}
    at = _apart(named)
    for place, (name, points) in enumerate(panel.lines):
        colour = COLOURS[place % len(COLOURS)]
        drawn = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in points)
        parts.append(f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{across(x):.1f}" cy="{up(y):.1f}" r="3" fill="{colour}"/>' for x, y in points]
        parts.append(
            f'<text x="{WIDTH - RIGHT + 8}" y="{at[name] + 4:.1f}" fill="{colour}">{escape(name)}</text>'
        )
    return parts


def _scale(of: tuple[float, float], to: tuple[float, float], *, log: bool) -> Scale:
    shape: Scale = math.log10 if log else float
    low, high = shape(of[0]), shape(of[1])
    return lambda value: to[0] + (shape(value) - low) / (high - low) * (to[1] - to[0])


def _round_up(value: float) -> float:
    """The next of 1, 2 or 5 with any number of noughts."""
    step = 10.0 ** math.floor(math.log10(value))
    return next(each * step for each in (1, 2, 5, 10) if each * step >= value)


def _marks(low: float, high: float, *, log: bool) -> list[float]:
    if not log:
        return [high * each / 4 for each in range(5)]
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    return [10.0**each for each in range(first, last + 1) if 10.0**each <= high]


def _apart(named: dict[str, float]) -> dict[str, float]:
    """Heights for names that lie no closer than a line of text."""
    found: dict[str, float] = {}
    last = -math.inf
    for name, height in sorted(named.items(), key=lambda each: each[1]):
        last = max(height, last + ABOVE)
        found[name] = last
    return found
