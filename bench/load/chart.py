"""Draws one chart of lines as SVG: time on a logarithmic axis over a linear one. Standard library alone."""

import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 760, 520
LEFT, RIGHT, TOP, BOTTOM = 90, 30, 60, 140
COLOURS = ["#1f5fa8", "#c2571a", "#2d7d46", "#7a3f98"]


def nice_steps(top, count=8):
    """Ticks from 0 to at least `top`, at a distance of 1, 2 or 5 times a power of ten."""
    rough = top / count
    power = 10 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    return [index * step for index in range(math.ceil(top / step - 1e-9) + 1)]


def log_ticks(low, high):
    """1, 2 and 5 times powers of ten, from at most `low` to at least `high`."""
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
    ticks = [factor * 10.0 ** power for power in powers for factor in (1, 2, 5)]
    first = max(index for index, tick in enumerate(ticks) if tick <= low)
    last = min((index for index, tick in enumerate(ticks) if tick >= high), default=len(ticks) - 1)
    return ticks[first:max(last, first + 1) + 1]


def show_time(ms):
    return f"{ms / 1000:g} s" if ms >= 1000 else f"{ms:g} ms"


class Chart:
    """`lines`: name -> list of (x, milliseconds, whole); a point that is not whole is drawn hollow."""

    def __init__(self, lines):
        points = [point for line in lines.values() for point in line]
        if not points:
            raise ValueError("nothing to draw")
        self.lines = lines
        self.x_ticks = nice_steps(max(x for x, _, _ in points))
        self.y_ticks = log_ticks(min(y for _, y, _ in points), max(y for _, y, _ in points))

    def x(self, value):
        return LEFT + (WIDTH - LEFT - RIGHT) * value / self.x_ticks[-1]

    def y(self, value):
        low, high = math.log(self.y_ticks[0]), math.log(self.y_ticks[-1])
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (math.log(value) - low) / (high - low)

    def axes(self, x_label, y_label):
        yield '<g stroke="#d8d8d8">'
        for tick in self.x_ticks:
            yield f'<path d="M{self.x(tick):.1f} {TOP}V{HEIGHT - BOTTOM}"/>'
        for tick in self.y_ticks:
            yield f'<path d="M{LEFT} {self.y(tick):.1f}H{WIDTH - RIGHT}"/>'
        yield "</g>"
        yield f'<path d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}" fill="none" stroke="#333"/>'
        for tick in self.x_ticks:
            yield f'<text x="{self.x(tick):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{tick:g}</text>'
        for tick in self.y_ticks:
            yield f'<text x="{LEFT - 8}" y="{self.y(tick) + 4:.1f}" text-anchor="end">{show_time(tick)}</text>'
        middle = (LEFT + WIDTH - RIGHT) / 2
        yield f'<text x="{middle}" y="{HEIGHT - BOTTOM + 38}" text-anchor="middle">{escape(x_label)}</text>'
        middle = (TOP + HEIGHT - BOTTOM) / 2
        yield f'<text transform="translate(20 {middle}) rotate(-90)" text-anchor="middle">{escape(y_label)}</text>'

    def line(self, name, points, colour, place):
        path = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y, _ in points)
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        for x, y, whole in points:
            fill = colour if whole else "#fff"
            yield (f'<circle cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="4" fill="{fill}" stroke="{colour}" '
                   f'stroke-width="2"><title>{escape(name)}: {x:g}/s, {show_time(round(y))}</title></circle>')
        top = TOP + 16 + 18 * place
        yield f'<path d="M{LEFT + 14} {top - 4}h24" stroke="{colour}" stroke-width="2"/>'
        yield f'<text x="{LEFT + 46}" y="{top}">{escape(name)}</text>'

    def svg(self, title, x_label, y_label, caption):
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
            f'height="{HEIGHT}" font-family="sans-serif" font-size="13" fill="#222">',
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
            f'<text x="{LEFT}" y="30" font-size="17" font-weight="bold">{escape(title)}</text>',
            *self.axes(x_label, y_label)]
        for place, (name, points) in enumerate(self.lines.items()):
            parts += self.line(name, points, COLOURS[place % len(COLOURS)], place)
        for number, line in enumerate(caption):
            y = HEIGHT - BOTTOM + 64 + 17 * number
            parts.append(f'<text x="{LEFT - 60}" y="{y}" font-size="12" fill="#555">{escape(line)}</text>')
        return "\n".join([*parts, "</svg>", ""])
