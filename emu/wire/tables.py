"""Print docs/wire.md, the packet and code tables: `python -m emu.wire.tables`.

Everything in it comes from the declarations; a test says whether the page is current.
"""

from types import ModuleType
from typing import Any

from emu.wire.codes import Bits, Code
from emu.wire.codes import bridge as bridge_codes
from emu.wire.codes import buslink as buslink_codes
from emu.wire.codes import dup as dup_codes
from emu.wire.codes import events as events_codes
from emu.wire.codes import iscsi as iscsi_codes
from emu.wire.codes import mscp as mscp_codes
from emu.wire.codes import ods2 as ods2_codes
from emu.wire.codes import pcapng as pcapng_codes
from emu.wire.codes import scs as scs_codes
from emu.wire.codes import scsi as scsi_codes
from emu.wire.codes import shadowing as shadowing_codes
from emu.wire.codes import uqssp as uqssp_codes
from emu.wire.fields import Field, fields_of, layouts_of, title_of
from emu.wire.layouts import (
    bridge,
    buslink,
    dup,
    events,
    iscsi,
    mscp,
    ods2,
    pcapng,
    scs,
    scsi_block,
    scsi_cdb,
    scsi_cdrom,
    scsi_inquiry,
    scsi_log,
    scsi_mode,
    scsi_persistent_reservations,
    scsi_reports,
    scsi_sense,
    scsi_third_party_copy,
    shadowing,
    uqssp,
)

CHAPTERS: tuple[tuple[str, ModuleType, ModuleType | None], ...] = (
    ("UQSSP", uqssp, uqssp_codes),
    ("MSCP", mscp, mscp_codes),
    ("DUP", dup, dup_codes),
    ("Files-11 ODS-2", ods2, ods2_codes),
    ("Bus link", buslink, buslink_codes),
    ("SCSI", scsi_cdb, scsi_codes),
    ("SCSI sense data", scsi_sense, None),
    ("SCSI INQUIRY data", scsi_inquiry, None),
    ("SCSI block devices", scsi_block, None),
    ("SCSI mode parameters", scsi_mode, None),
    ("SCSI log pages", scsi_log, None),
    ("SCSI persistent reservations", scsi_persistent_reservations, None),
    ("SCSI third-party copy", scsi_third_party_copy, None),
    ("SCSI reports", scsi_reports, None),
    ("SCSI CD-ROM", scsi_cdrom, None),
    ("iSCSI", iscsi, iscsi_codes),
    ("Capture files", pcapng, pcapng_codes),
    ("Events in capture files", events, events_codes),
    ("Cluster", scs, scs_codes),
    ("Bridge of a cluster", bridge, bridge_codes),
    ("Shadow drivers of a cluster", shadowing, shadowing_codes),
)

PREFACE = """\
# Wire formats

Printed by `python -m emu.wire.tables` from `emu/wire/layouts` and `emu/wire/codes`; do not edit. Offsets and
sizes are bytes, offsets of messages count from the first byte of the text.  Integers are little-endian where a
chapter does not say otherwise.
"""


def page() -> str:
    """Return the whole page."""
    parts = [PREFACE]
    for heading, layouts, codes in CHAPTERS:
        parts.append(f"\n## {heading}\n\n{_paragraph(layouts.__doc__)}\n")
        parts += [packet_table(name, layout) for name, layout in layouts_of(layouts).items()]
        parts += [code_table(code) for code in _code_classes(codes)]
        if codes is mscp_codes:
            parts.append(modifier_table())
    return "".join(parts)


def packet_table(name: str, layout: Any) -> str:
    """Return the table of one packet."""
    fields = fields_of(layout)
    rows = "".join(_field_row(field) for field in fields)
    return (
        f"\n### {name}\n\n{title_of(layout)}. {sum(field.size for field in fields)} bytes.\n\n"
        f"| Offset | Size | Field | Symbol | |\n|---|---|---|---|---|\n{rows}"
    )


def code_table(code: type[Code] | type[Bits]) -> str:
    """Return the table of one enumeration."""
    digits = max(2, *(len(f"{int(member):X}") for member in code))
    rows = "".join(
        f"| 0x{int(member):0{digits}X} | `{code.__name__}.{member.name}` | {member.words} |\n"
        for member in code
    )
    return (
        f"\n### {code.__name__}\n\n{_paragraph(code.__doc__)}\n\n| Value | Symbol | |\n|---|---|---|\n{rows}"
    )


def modifier_table() -> str:
    """Return the table of command modifiers, command by command."""
    rows = "".join(
        f"| {mscp_codes.OP(opcode).words} | "
        + ", ".join(f"`{name}` 0x{getattr(mscp_codes.MD, name):04X}" for name in names)
        + " |\n"
        for opcode, names in mscp_codes.MODIFIERS.items()
    )
    return f"\n### MD\n\n{_paragraph(mscp_codes.MD.__doc__)}\n\n| Command | Modifiers |\n|---|---|\n{rows}"


def _field_row(field: Field) -> str:
    name = f"`{field.name}`" if field.name else "reserved"
    symbol = f"`{field.symbol}`" if field.symbol else ""
    return f"| {field.offset} | {field.size} | {name} | {symbol} | {field.words} |\n"


def _code_classes(module: ModuleType | None) -> list[Any]:
    return [
        value
        for value in (vars(module).values() if module else ())
        if isinstance(value, type) and issubclass(value, Code | Bits) and len(value)
    ]


def _paragraph(docstring: str | None) -> str:
    return " ".join((docstring or "").split())


if __name__ == "__main__":
    print(page(), end="")
