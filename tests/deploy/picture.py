"""Draws a drill as SVG: services, saturation and requests over time."""

from pathlib import Path
from xml.sax.saxutils import escape

WIDTH, PANEL, LEFT, GAP = 760, 120, 70, 40
COLOURS = {"services": "#1f5fa8", "mean saturation": "#c2571a", "requests that wait": "#7a3f98", "live requests": "#2d7d46"}


def line(points: list, top: float, most: float, seconds: float, colour: str) -> str:
    def place(at, value):
        return f"{LEFT + (WIDTH - LEFT - 20) * at / seconds:.1f} {top + PANEL - PANEL * value / most:.1f}"

    steps = [place(*points[0])]
    for (_, before), (at, value) in zip(points, points[1:], strict=False):
        steps += [place(at, before), place(at, value)]
    return f'<path d="M{" L".join(steps)}" fill="none" stroke="{colour}" stroke-width="2"/>'


def draw(title: str, panels: dict, target: float, file: Path) -> None:
    """`panels`: name -> list of (seconds, value)."""
    seconds = max(points[-1][0] for points in panels.values())
    height = 50 + len(panels) * (PANEL + GAP)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">']
    parts += [
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="{LEFT}" y="24" font-size="15">{escape(title)}</text>',
    ]
    for number, (name, points) in enumerate(panels.items()):
        top = 50 + number * (PANEL + GAP)
        most = max(1.0, *(value for _, value in points))
        parts.append(f'<path d="M{LEFT} {top}V{top + PANEL}H{WIDTH - 20}" fill="none" stroke="#333"/>')
        parts.append(f'<text x="{LEFT}" y="{top - 6}" fill="{COLOURS[name]}">{escape(name)}</text>')
        parts += [
            f'<text x="{LEFT - 8}" y="{y}" text-anchor="end">{value:g}</text>'
            for y, value in ((top + 10, round(most, 2)), (top + PANEL, 0))
        ]
        parts.append(line(points, top, most, seconds, COLOURS[name]))
        if name == "mean saturation":
            y = top + PANEL - PANEL * target / most
            parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - 20}" stroke="#999" stroke-dasharray="4 4"/>')
            parts.append(f'<text x="{WIDTH - 60}" y="{y - 4:.1f}">target</text>')
    parts.append(f'<text x="{WIDTH - 20}" y="{height - 22}" text-anchor="end">{seconds:.0f} s</text></svg>')
    file.write_text("\n".join(parts) + "\n")
