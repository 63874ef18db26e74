"""Loss curves without a drawing library: blocks for a text, a line for a page."""

from collections.abc import Sequence
from itertools import pairwise

Curve = Sequence[tuple[int, float]]

_POINTS = 120
_COLUMNS, _LINES = 60, 10
_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 640, 240, 48, 24


def thinned(curve: Curve, points: int) -> list[tuple[int, float]]:
    """Return at most so many points, each the mean of the steps it stands for, under the last of them."""
    count = len(curve)
    bounds = [count * index // min(points, count) for index in range(min(points, count) + 1)]
    return [
        (curve[end - 1][0], sum(loss for _, loss in curve[start:end]) / (end - start))
        for start, end in pairwise(bounds)
    ]


def as_text(curve: Curve) -> list[str]:
    """Return the curve as lines of text, the losses at its ends beside them."""
    points = thinned(curve, _COLUMNS)
    losses = [loss for _, loss in points]
    low, high = min(losses), max(losses)
    step = (high - low) / _LINES or 1.0
    lines = []
    for line in range(_LINES, 0, -1):
        label = {_LINES: f"{high:.3f}", 1: f"{low:.3f}"}.get(line, "")
        marks = "".join("█" if loss >= low + (line - 1) * step else " " for loss in losses)
        lines.append(f"{label:>8} │{marks}".rstrip())
    return [*lines, f"{'':>8} └{'─' * len(points)}", f"{'':>10}{'1':<8}… {points[-1][0] + 1}"]


def as_svg(training: Curve, validation: Curve) -> str:
    """Return the curve as an inline drawing: training as a line, validation as dots."""
    points = thinned(training, _POINTS)
    losses = [loss for _, loss in (*points, *validation)]
    low, high = min(losses), max(losses)
    last = max(step for step, _ in (*points, *validation)) or 1

    def place(step: int, loss: float) -> tuple[float, float]:
        height = (loss - low) / (high - low) if high > low else 0.5
        return (
            _LEFT + (_WIDTH - _LEFT - 8) * step / last,
            8 + (_HEIGHT - _BOTTOM - 8) * (1 - height),
        )

    line = " ".join("{:.1f},{:.1f}".format(*place(*point)) for point in points)
    dots = "".join(
        '<circle cx="{:.1f}" cy="{:.1f}" r="3.5" fill="#c60"/>'.format(*place(*point))
        for point in validation
    )
    labels = "".join(
        f'<text x="{_LEFT - 6}" y="{place(0, loss)[1] + 4:.1f}" text-anchor="end">{loss:.2f}</text>'
        for loss in (low, high)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" font-size="12"'
        f' font-family="sans-serif" role="img" aria-label="Loss from {points[0][1]:.2f} to {points[-1][1]:.2f}">'
        f'{labels}<polyline points="{line}" fill="none" stroke="#046" stroke-width="2"/>{dots}'
        f'<text x="{_WIDTH - 8}" y="{_HEIGHT - 6}" text-anchor="end">step {last + 1}</text></svg>'
    )
