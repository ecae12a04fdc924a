"""A ladder as a picture: SVG that needs no script, no font and no style sheet of others.

Equal rungs make equal bytes.  Lengths are pixels.  The picture is as wide as its longest line needs.
"""

from collections.abc import Sequence
from xml.sax.saxutils import escape

from emu.trace.ladder import MICROSECOND_NS, Rung, Way

FONT = "DejaVu Sans, Verdana, Helvetica, sans-serif"
FONT_SIZE = 12
BOLD_WIDTH = 8.6
CHARACTER_WIDTH = 7.0  # of a common sans-serif font of this size; a line may be a bit shorter, never longer

TIME_WIDTH = 96  # left of the host's line
HEADING_HEIGHT = 48
BOX_HEIGHT = 26
BOX_WIDTH = 96  # at least
ROW_HEIGHT = 24
PAUSE_HEIGHT = 8  # more where time has passed
INDENT = 12
NARROWEST = 420  # between the two lines

COMMAND, END, FAILURE = "#1d4f91", "#1f6f43", "#b3261e"
SIGNAL, NOTE, TIME, LIFELINE = "#6b6b6b", "#3a3a3a", "#8a8a8a", "#b8b8b8"


def svg(rungs: Sequence[Rung], host: str, controller: str) -> str:
    """Draw the whole picture."""
    longest = max((len(rung.text) for rung in rungs), default=0)
    left = max(TIME_WIDTH, _box_width(host) // 2) + INDENT
    right = left + max(NARROWEST, int(longest * CHARACTER_WIDTH) + 3 * INDENT)
    parts: list[str] = []
    y = HEADING_HEIGHT
    shown_ns = -1
    for rung in rungs:
        y += ROW_HEIGHT
        if rung.now_ns != shown_ns:
            y += PAUSE_HEIGHT if shown_ns >= 0 else 0
            shown_ns = rung.now_ns
            time = f"{(rung.now_ns - rungs[0].now_ns) / MICROSECOND_NS:.1f} µs"
            parts.append(_text(left - 2 * INDENT, y, time, TIME, "end"))
        parts.append(_rung(rung, y, left, right))
    width, height = right + _box_width(controller) // 2 + INDENT, y + ROW_HEIGHT
    lines = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="{FONT}" font-size="{FONT_SIZE}">',
        f"<title>{_escaped(host)} and {_escaped(controller)}</title>",
        f'<rect width="{width}" height="{height}" fill="white"/>',
        *(_lifeline(x, height) for x in (left, right)),
        *(_box(x, name) for x, name in ((left, host), (right, controller))),
        *parts,
        "</svg>",
    )
    return "\n".join(lines) + "\n"


def _lifeline(x: int, height: int) -> str:
    return f'<line x1="{x}" y1="{HEADING_HEIGHT}" x2="{x}" y2="{height}" stroke="{LIFELINE}"/>'


def _box(x: int, name: str) -> str:
    width = _box_width(name)
    top = HEADING_HEIGHT - BOX_HEIGHT
    return (
        f'<rect x="{x - width // 2}" y="{top}" width="{width}" height="{BOX_HEIGHT}" rx="4" fill="#f2f4f7" '
        f'stroke="{LIFELINE}"/>\n' + _text(x, top + 17, name, NOTE, "middle", bold=True)
    )


def _box_width(name: str) -> int:
    return max(BOX_WIDTH, int(len(name) * BOLD_WIDTH) + 2 * INDENT)


def _rung(rung: Rung, y: int, left: int, right: int) -> str:
    colour = _colour(rung)
    match rung.way:
        case Way.TO_CONTROLLER:
            return (
                _arrow(left, right, y, rung, colour) + "\n" + _text(left + INDENT, y - 4, rung.text, colour)
            )
        case Way.TO_HOST:
            text = _text(right - INDENT, y - 4, rung.text, colour, "end")
            return _arrow(right, left, y, rung, colour) + "\n" + text
        case Way.AT_HOST:
            return _dot(left, y, colour) + "\n" + _text(left + INDENT, y, rung.text, colour)
        case Way.AT_CONTROLLER:
            return _dot(right, y, colour) + "\n" + _text(right - INDENT, y, rung.text, colour, "end")


def _colour(rung: Rung) -> str:
    if rung.way in (Way.AT_HOST, Way.AT_CONTROLLER):
        return NOTE
    if not rung.is_data:
        return SIGNAL
    return FAILURE if rung.has_failed else COMMAND if rung.way is Way.TO_CONTROLLER else END


def _arrow(start: int, end: int, y: int, rung: Rung, colour: str) -> str:
    back = end - 8 if end > start else end + 8
    dashes = "" if rung.is_data else ' stroke-dasharray="4 3"'
    return (
        f'<line x1="{start}" y1="{y}" x2="{back}" y2="{y}" stroke="{colour}"{dashes}/>\n'
        f'<polygon points="{end},{y} {back},{y - 4} {back},{y + 4}" fill="{colour}"/>'
    )


def _dot(x: int, y: int, colour: str) -> str:
    return f'<circle cx="{x}" cy="{y - 4}" r="3" fill="{colour}"/>'


def _text(x: int, y: int, text: str, colour: str, anchor: str = "start", *, bold: bool = False) -> str:
    place = "" if anchor == "start" else f' text-anchor="{anchor}"'
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x}" y="{y}" fill="{colour}"{place}{weight}>{_escaped(text)}</text>'


def _escaped(text: str) -> str:
    """XML has no place for control characters."""
    return escape("".join(sign if sign.isprintable() else " " for sign in text))
