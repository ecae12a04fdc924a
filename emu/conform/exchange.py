"""What passed between host and controller, remembered to explain a failure.

The one place of the suite that uses the project's knowledge of packets: the decoder for people.
"""

from dataclasses import dataclass

from emu.wire.decode import decode_packet

LIMIT = 60  # of what happened, the last
_TEXT_LIMIT = 64


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing: words, and the packet if it was one (envelope and text)."""

    words: str
    packet: bytes = b""


class Exchange:
    """The last things that happened."""

    def __init__(self) -> None:
        self._happened: list[Happening] = []

    def note(self, words: str, packet: bytes = b"") -> None:
        self._happened.append(Happening(words, packet))

    def clear(self) -> None:
        self._happened.clear()

    def explain(self) -> list[str]:
        """Tell what happened, packets field by field."""
        lines: list[str] = []
        left_out = len(self._happened) - LIMIT
        if left_out > 0:
            lines.append(f"({left_out} earlier events)")
        for happening in self._happened[-LIMIT:]:
            lines.append(happening.words)
            if happening.packet:
                lines += [f"    {line}" for line in _decoded(happening.packet)]
        return lines


def _decoded(packet: bytes) -> list[str]:
    try:
        return [str(line) for line in decode_packet(packet[: 4 + _TEXT_LIMIT], with_envelope=True)]
    except ValueError:
        return [packet[: 4 + _TEXT_LIMIT].hex(" ")]
