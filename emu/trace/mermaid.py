"""A ladder as a Mermaid sequence diagram, for pages that draw those: GitHub's, GitLab's, many wikis'.

Solid arrows are messages, dashed ones registers and interrupts; times are microseconds from the first rung.
"""

from collections.abc import Sequence

from emu.trace.ladder import MICROSECOND_NS, Rung, Way

# What would end a line, begin an entity or look like markup; Mermaid takes decimal entities.
_ENTITIES = {ord(sign): f"#{ord(sign)};" for sign in '#;<>{}%"'}


def mermaid(rungs: Sequence[Rung], host: str, controller: str) -> str:
    """Write the whole diagram."""
    lines = [
        "sequenceDiagram",
        f"    participant H as {_escaped(host)}",
        f"    participant C as {_escaped(controller)}",
    ]
    shown_ns = -1
    for rung in rungs:
        if rung.now_ns != shown_ns:
            shown_ns = rung.now_ns
            lines.append(f"    Note over H,C: {(rung.now_ns - rungs[0].now_ns) / MICROSECOND_NS:.1f} µs")
        lines.append(f"    {_statement(rung)}: {_escaped(rung.text)}")
    return "\n".join(lines) + "\n"


def _statement(rung: Rung) -> str:
    arrow = "->>" if rung.is_data else "-->>"
    match rung.way:
        case Way.TO_CONTROLLER:
            return f"H{arrow}C"
        case Way.TO_HOST:
            return f"C{arrow}H"
        case Way.AT_HOST:
            return "Note right of H"
        case Way.AT_CONTROLLER:
            return "Note left of C"


def _escaped(text: str) -> str:
    return " ".join(text.split()).translate(_ENTITIES)
