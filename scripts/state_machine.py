"""Draws the state machine of a job task from its table, ``domain/lifecycle.py``, as SVG.

usage: python -m scripts.state_machine > docs/images/state-machine.svg
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from orchestrator.domain.lifecycle import FINAL, TRANSITIONS, Actor
from orchestrator.domain.vocabulary import JobTaskState as State

_WIDTH, _HEIGHT = 860, 430
_BOX = (150, 44)
#: Where the middle of each state is.
_PLACES = {
    State.enqueued: (130, 90),
    State.executing: (130, 320),
    State.success: (730, 60),
    State.failed: (730, 155),
    State.cancelled: (730, 250),
    State.timeout: (730, 345),
}
_STYLE = """
.box { fill: #eef3f6; stroke: #51626f; stroke-width: 1.5; }
.final { fill: #fff; stroke-width: 3; }
.move { fill: none; stroke: #0b6b63; stroke-width: 1.5; marker-end: url(#tip); }
.state { font: 600 15px system-ui, sans-serif; fill: #17212b; text-anchor: middle; }
.who { font: 12px system-ui, sans-serif; fill: #33434f; stroke: #fff; stroke-width: 4; paint-order: stroke; }
"""
_HEAD = f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img"
 aria-label="State machine of a job task">
<style>{_STYLE}</style>
<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">
<path d="M0 0L8 4L0 8z" fill="#0b6b63"/></marker></defs>
<rect width="100%" height="100%" fill="#fff"/>"""


def draw() -> str:
    """The picture."""
    return "\n".join([_HEAD, *_moves(), *_states(), "</svg>", ""])


def _states() -> Iterator[str]:
    width, height = _BOX
    for state, (x, y) in _PLACES.items():
        kind = "box final" if state in FINAL else "box"
        yield (
            f'<rect class="{kind}" x="{x - width / 2:g}" y="{y - height / 2:g}" '
            f'width="{width}" height="{height}" rx="8"/>'
        )
        yield f'<text class="state" x="{x}" y="{y + 5}">{state}</text>'


def _moves() -> Iterator[str]:
    order = list(State)
    moves = sorted(TRANSITIONS.items(), key=lambda each: [order.index(state) for state in each[0]])
    for (source, target), actors in moves:
        who = ", ".join(actor for actor in Actor if actor in actors)
        if source is target:
            yield from _loop(source, who)
        elif target in FINAL:
            yield from _ending(source, target, who)
        else:
            yield from _between(source, target, who)


def _path(line: str) -> str:
    return f'<path class="move" d="{line}"/>'


def _loop(state: State, who: str) -> Iterator[str]:
    x, y = _PLACES[state]
    bottom = y + _BOX[1] / 2
    low = bottom + 55
    yield _path(f"M{x - 30} {bottom:g}C{x - 40} {low:g} {x + 40} {low:g} {x + 30} {bottom:g}")
    yield f'<text class="who" x="{x + 40}" y="{bottom + 40:g}">{who} (message only)</text>'


def _between(source: State, target: State, who: str) -> Iterator[str]:
    (x, from_y), (_, to_y) = _PLACES[source], _PLACES[target]
    down = to_y > from_y
    shift, half = (-30 if down else 30), _BOX[1] / 2 * (1 if down else -1)
    yield _path(f"M{x + shift} {from_y + half:g}V{to_y - half:g}")
    middle = (from_y + to_y) / 2
    for line, text in enumerate(who.split(", ") if down else [who, "(attempt + 1)"]):
        anchor = ' text-anchor="end"' if down else ""
        place = f'x="{x + shift + (-8 if down else 8)}" y="{middle + line * 16:g}"'
        yield f'<text class="who" {place}{anchor}>{text}</text>'


def _ending(source: State, target: State, who: str) -> Iterator[str]:
    (x, y), (to_x, to_y) = _PLACES[source], _PLACES[target]
    start, end = x + _BOX[0] / 2, to_x - _BOX[0] / 2
    rank = list(_PLACES).index(target) - 2
    from_y, end_y = y + (rank - 1.5) * 9, to_y + (-8 if source is State.enqueued else 8)
    bend = f"C{start + 120:g} {from_y:g} {end - 190:g} {end_y} {end:g} {end_y}"
    yield _path(f"M{start:g} {from_y:g}{bend}")
    if source is State.enqueued:
        yield f'<text class="who" x="{to_x}" y="{to_y + 38}" text-anchor="middle">{who}</text>'


if __name__ == "__main__":
    sys.stdout.write(draw())
