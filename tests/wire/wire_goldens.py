"""The golden packets: literal bytes from captures and manuals, the second witness of the layouts."""

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from emu.wire.generated import dup as generated_dup
from emu.wire.generated import mscp as generated_mscp
from emu.wire.layouts import dup, mscp
from emu.wire.packet import Packet


@dataclass(frozen=True)
class Golden:
    """One file: line 1 the layout, line 2 where the bytes come from, then envelope and text in hex."""

    name: str
    layout: str
    origin: str
    data: bytes

    @property
    def text(self) -> bytes:
        return self.data[4:]

    @property
    def packet_type(self) -> type[Packet]:
        module = generated_dup if self.layout.startswith("dup.") else generated_mscp
        return module.PACKETS[self.layout.removeprefix("dup.")]

    @property
    def construct(self):
        module: ModuleType = dup if self.layout.startswith("dup.") else mscp
        return getattr(module, self.layout.removeprefix("dup."))


def read_golden(path: Path) -> Golden:
    layout, origin, *rows = path.read_text().splitlines()
    return Golden(
        path.stem, layout.removeprefix("# "), origin.removeprefix("# "), bytes.fromhex("".join(rows))
    )


GOLDENS = {path.stem: read_golden(path) for path in sorted((Path(__file__).parent / "golden").glob("*.hex"))}
