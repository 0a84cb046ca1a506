"""Lines, clouds and strips as small SVG that takes its colours from the page, so that it suits light and dark.

Deterministic, and without an identifier, a script or a font of its own.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

WIDTH, HEIGHT = 420, 250
LEFT, RIGHT, TOP, BOTTOM = 46, 18, 26, 34
PITCH = 74  # of strips, from one to the next
MOST_POINTS = 240  # of one line; more cannot be told apart


@dataclass(frozen=True)
class Series:
    """One line or one cloud of points.

    Attributes:
        name: In the legend.
        x: Abscissae; those of a line rise.
        y: Ordinates, as many.
        style: Class of the page's style sheet that gives the colour.
        low: Lower edge of a band around the line, or None.
        high: Its upper edge.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    style: str
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None


@dataclass(frozen=True)
class Strip:
    """How one quantity is spread in several groups.

    Attributes:
        name: Above its left end, with its unit.
        note: Above its right end.
        boxes: Of each group its style and five quantiles, the lowest first.
    """

    name: str
    note: str
    boxes: Sequence[tuple[str, Sequence[float]]]


@dataclass(frozen=True)
class Chart:
    """A drawing and what is written beside it.

    Attributes:
        title: Above the drawing.
        svg: The drawing.
        legend: Name and style of each series.
        caption: Below the drawing.
    """

    title: str
    svg: Markup
    legend: list[tuple[str, str]]
    caption: str


@dataclass(frozen=True)
class _Frame:
    """Where data coordinates lie in a drawing."""

    x: tuple[float, float]
    y: tuple[float, float]
    width: int
    height: int

    def across(self, value: float) -> str:
        """Horizontal place."""
        return _short(LEFT + (value - self.x[0]) / (self.x[1] - self.x[0]) * (self.width - LEFT - RIGHT))

    def down(self, value: float) -> str:
        """Vertical place."""
        return _short(
            self.height - BOTTOM - (value - self.y[0]) / (self.y[1] - self.y[0]) * (self.height - TOP - BOTTOM)
        )


def lines(
    title: str,
    series: Sequence[Series],
    *,
    x_label: str,
    y_label: str = "",
    caption: str = "",
    reference: tuple[str, float] | None = None,
) -> Chart:
    """Lines over a common axis.

    Args:
        title: Above the drawing.
        series: At least one with a point.
        x_label: What the level axis counts.
        y_label: Unit of the upright one.
        caption: Below the drawing.
        reference: Name and height of a dashed level line.
    """
    series = [_thin(one) for one in series if one.x]
    heights = [v for one in series for v in (*one.y, *(one.low or ()), *(one.high or ()))]
    heights += [reference[1]] if reference else []
    frame = _Frame(_span(v for one in series for v in one.x), _span(heights, room=0.06), WIDTH, HEIGHT)
    marks = [_axes(frame, x_label, y_label)]
    legend = [(one.name, f"bar {one.style}") for one in series]
    if reference:
        level = frame.down(reference[1])
        marks.append(Markup('<path class="reference" d="M{} {}H{}"/>').format(LEFT, level, WIDTH - RIGHT))
        legend.append((reference[0], "reference"))
    marks += [_band(frame, one) for one in series if one.low is not None]
    marks += [_line(frame, one) for one in series]
    return Chart(title, _drawing(marks, f"{title} over {x_label}", frame), legend, caption)


def scatter(
    title: str,
    clouds: Sequence[Series],
    *,
    x_label: str = "first principal component",
    y_label: str = "second principal component",
    caption: str = "",
    front: Series | None = None,
    joined: bool = True,
) -> Chart:
    """Clouds of points on a plane; the first cloud lies on top.

    Args:
        title: Above the drawing.
        clouds: At least one with a point.
        x_label: What the level axis holds.
        y_label: What the upright one holds.
        caption: Below the drawing.
        front: Points that stand out; where they are joined, the best along the level axis comes first.
        joined: Whether stairs, which no point is beyond, join them.
    """
    clouds = [*([front] if front else []), *clouds]
    frame = _Frame(
        _span((v for one in clouds for v in one.x), room=0.03),
        _span((v for one in clouds for v in one.y), room=0.03),
        WIDTH,
        340,
    )
    marks = [_axes(frame, x_label, y_label)]
    marks += [
        Markup('<path class="dots {}" d="{}"/>').format(
            one.style, "".join(f"M{frame.across(x)} {frame.down(y)}h0" for x, y in zip(one.x, one.y, strict=True))
        )
        for one in reversed(clouds)
    ]
    if front:
        marks += _stairs(frame, front, joined)
    return Chart(
        title,
        _drawing(marks, f"{title}: {y_label} over {x_label}", frame),
        [(c.name, c.style) for c in clouds],
        caption,
    )


def strips(title: str, rows: Sequence[Strip], *, legend: list[tuple[str, str]], caption: str = "") -> Chart:
    """Quantiles of several quantities, each on an axis of its own, one below the other; at least one."""
    height = len(rows) * PITCH
    marks = [mark for i, row in enumerate(rows) for mark in _strip(row, i * PITCH)]
    names = ", ".join(row.name for row in rows)
    return Chart(title, _drawing(marks, f"{title}: {names}", _Frame((0, 1), (0, 1), WIDTH, height)), legend, caption)


def _strip(row: Strip, top: int) -> Iterable[Markup]:
    """Name and note, a box a group, and the axis below them."""
    frame = _Frame(_span((v for _, box in row.boxes for v in box), room=0.04), (0, 1), WIDTH + LEFT - 8, 0)
    floor = top + 20 + 10 * len(row.boxes)

    def across(value: float) -> str:
        return _short(float(frame.across(value)) - LEFT + 8)

    yield Markup('<text x="0" y="{}">{}</text><text class="end" x="{}" y="{}">{}</text>').format(
        top + 12, row.name, WIDTH - RIGHT, top + 12, row.note
    )
    for v in ticks(*frame.x, 5):
        yield Markup('<path class="grid" d="M{0} {1}V{2}"/><text class="middle" x="{0}" y="{3}">{4}</text>').format(
            across(v), top + 18, floor + 2, floor + 15, label(v)
        )
    for i, (style, box) in enumerate(row.boxes):
        low, least, middle, most, high = map(across, box)
        level = top + 24 + 10 * i
        yield Markup(
            '<g class="{0}"><path class="whisker" d="M{1} {6}H{5}"/><path class="box" d="M{2} {6}H{4}"/>'
            '<path class="median" d="M{3} {7}v8"/></g>'
        ).format(style, low, least, middle, most, high, level, level - 4)


def _stairs(frame: _Frame, front: Series, joined: bool) -> list[Markup]:
    """Rings around points and the stairs between them."""
    places = [(frame.across(x), frame.down(y)) for x, y in zip(front.x, front.y, strict=True)]
    rings = "".join(f"M{x} {y}m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0" for x, y in places)
    marks = [Markup('<path class="ring {}" d="{}"/>').format(front.style, rings)]
    if joined and places:
        steps = "".join(f"H{x}V{y}" for x, y in places[1:])
        marks.append(Markup('<path class="stairs {}" d="M{} {}{}"/>').format(front.style, *places[0], steps))
    return marks


def _drawing(marks: Iterable[Markup], label: str, frame: _Frame) -> Markup:
    return Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        frame.width, frame.height, label, Markup("").join(marks)
    )


def _axes(frame: _Frame, x_label: str, y_label: str) -> Markup:
    floor, right = frame.height - BOTTOM, frame.width - RIGHT
    grid = [
        Markup('<path class="grid" d="M{} {}H{}"/><text class="end" x="{}" y="{}">{}</text>').format(
            LEFT, frame.down(v), right, LEFT - 6, _short(float(frame.down(v)) + 4), label(v)
        )
        for v in ticks(*frame.y, 5)
    ]
    below = [
        Markup('<path class="grid" d="M{0} {1}v4"/><text class="middle" x="{0}" y="{2}">{3}</text>').format(
            frame.across(v), floor, floor + 16, label(v)
        )
        for v in ticks(*frame.x, 6)
    ]
    names = Markup('<text class="end" x="{}" y="{}">{}</text><text x="0" y="12">{}</text>').format(
        right, frame.height - 3, x_label, y_label
    )
    return Markup("").join([*grid, *below, names])


def _line(frame: _Frame, series: Series) -> Markup:
    points = [f"{frame.across(x)} {frame.down(y)}" for x, y in zip(series.x, series.y, strict=True)]
    if len(points) == 1:
        return Markup('<path class="dots {}" d="M{}h0"/>').format(series.style, points[0])
    return Markup('<path class="line {}" d="M{}"/>').format(series.style, "L".join(points))


def _band(frame: _Frame, series: Series) -> Markup:
    above = [f"{frame.across(x)} {frame.down(y)}" for x, y in zip(series.x, series.high, strict=True)]
    below = [f"{frame.across(x)} {frame.down(y)}" for x, y in zip(series.x, series.low, strict=True)]
    return Markup('<path class="band {}" d="M{}Z"/>').format(series.style, "L".join(above + below[::-1]))


def _thin(series: Series) -> Series:
    """Every nth point, the last one always."""
    if len(series.x) <= MOST_POINTS:
        return series
    every = math.ceil(len(series.x) / MOST_POINTS)
    kept = sorted({*range(0, len(series.x), every), len(series.x) - 1})
    taken = (None if v is None else [v[i] for i in kept] for v in (series.x, series.y, series.low, series.high))
    x, y, low, high = taken
    return Series(series.name, x, y, series.style, low, high)


def _span(values: Iterable[float], room: float = 0.0) -> tuple[float, float]:
    values = list(values)
    low, high = min(values), max(values)
    if high - low <= 1e-3 * max(abs(low), abs(high)):  # level: what wavers is the last digits
        return low - 1, high + 1
    return low - room * (high - low), high + room * (high - low)


def ticks(low: float, high: float, about: int) -> list[float]:
    """Round numbers between two bounds, about so many."""
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough)
    first = math.ceil(low / step)
    return [round(i * step, 12) for i in range(first, math.floor(high / step) + 1)]


def label(value: float) -> str:
    """A tick's number: ``0.5``, ``20``, ``3,000``."""
    text = f"{value:,.0f}" if float(value).is_integer() else f"{value:.6g}"
    return text.replace("-", "\N{MINUS SIGN}")


def _short(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")
