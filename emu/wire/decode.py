"""Explain an MSCP, DUP or error log packet field by field, for people.

The layout is chosen as a driver would: connection and message type of the envelope first, then the
opcode, endcode, attention opcode or log format.  Offsets are text offsets: the envelope lies at -4.
What cannot be named is shown raw.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from emu.wire.codes import Bits, Code
from emu.wire.codes import dup as dup_codes
from emu.wire.codes import mscp as codes
from emu.wire.codes.mscp import OP
from emu.wire.codes.uqssp import (
    CHANNEL_MASK,
    CHANNEL_SHIFT,
    CLASS,
    CREDITS_MASK,
    ENVELOPE_BYTES,
    FATAL,
    MAPPED,
    MESSAGE_TYPE_SHIFT,
    MODEL,
    PAGE_OFFSET_MASK,
    PTE_INDEX_MASK,
    PTE_INDEX_SHIFT,
    ConnectionId,
    MessageType,
)
from emu.wire.fields import Field, fields_of
from emu.wire.layouts import dup, mscp, uqssp

HEADER_BYTES: Final = 12
OPCODE_OFFSET: Final = 8  # of a command, end message or attention; the format, in an error log

# The fields that tell one packet from another, in the order in which people want them.
TELLING: Final = (
    *("crf", "unit", "otrf", "mod", "bcnt", "lbn"),
    *("lbcount", "src_unum", "src_lbn", "dest_lbn"),
    *("cntf", "unsz", "sts", "evnt"),
)
STATUSES: Final = ("sts", "evnt")  # said in words alone
QUIET: Final = ("mod", "cntf", "unsz")  # said when they are not zero


@dataclass(frozen=True, slots=True)
class FieldLine:
    """One field of a packet: where it lies, what the manual calls it, what it holds, what that means."""

    offset: int  # text offset in bytes
    size: int  # bytes
    name: str
    symbol: str
    words: str
    raw: int | bytes
    meaning: str

    def __str__(self) -> str:
        raw = self.raw.hex(" ") if isinstance(self.raw, bytes) else f"{self.raw:0{2 * self.size}X}"
        return (
            f"{self.offset:4} {self.size:2}  {self.symbol or self.name:12} {raw:17} {self.meaning}".rstrip()
        )


def decode_packet(data: bytes, *, with_envelope: bool | None) -> list[FieldLine]:
    """Explain one packet.

    with_envelope: whether the four envelope bytes come first; None guesses.  A text shorter than its
    layout is explained as far as it goes.  Raises ValueError when there is not even a header.
    """
    if with_envelope is None:
        with_envelope = _has_envelope(data)
    lead = ENVELOPE_BYTES if with_envelope else 0
    if len(data) < lead + HEADER_BYTES:
        raise ValueError(
            f"a packet has at least {lead} bytes of envelope and {HEADER_BYTES} of header, "
            f"here are {len(data)}"
        )
    if not with_envelope:
        return _explain_text(data, message_type=0, connection=0)
    length, message_type, connection = _envelope(data)
    end = lead + length if HEADER_BYTES <= length < len(data) - lead else len(data)
    lines = _explain(uqssp.Envelope, data[:lead], _Context(uqssp.Envelope, 0), -lead)
    lines += _explain_text(data[lead:end], message_type, connection)
    if data[end:]:
        lines.append(
            FieldLine(end - lead, len(data) - end, "", "", "", data[end:], "beyond the envelope's length")
        )
    return lines


def status_words(word: int, fields: Mapping[int, str] | None = None) -> str:
    """Say a status or event word in words; `fields` names the command's fields by offset."""
    code = word & codes.ST_MASK
    offset = word >> 8
    if code == codes.ST.CMD and fields and offset in fields and not word & 0xE0:
        return f"invalid command: field {fields[offset]} at offset {offset}"
    if word in _SB:
        return _SB[word]
    if code in _ST:
        return f"{_ST[code]}, subcode {word >> codes.SB_SHIFT}"
    return f"unknown code {code:#x}, subcode {word >> codes.SB_SHIFT}"


_SB: Final[Mapping[int, str]] = {int(word): word.words for word in codes.SB}
_ST: Final[Mapping[int, str]] = {int(code): code.words for code in codes.ST}

LOGS: Final[Mapping[int, Any]] = {
    codes.FM.CNT: mscp.ControllerLog,
    codes.FM.BAD: mscp.HostMemoryLog,
    codes.FM.DSK: mscp.DiskTransferLog,
    codes.FM.SDI: mscp.SdiLog,
    codes.FM.SDE: mscp.SmallDiskLog,
    codes.FM.RPL: mscp.ReplacementLog,
}

_TRANSFERS: Final = (OP.ACC, OP.CCD, OP.ERS, OP.FLU, OP.CMP, OP.RD, OP.WR)

COMMANDS: Final[Mapping[int, Any]] = {
    OP.ABO: mscp.ReferenceCommand,
    OP.GCS: mscp.ReferenceCommand,
    OP.SCC: mscp.SetControllerCharacteristicsCommand,
    OP.DSP: mscp.DisplayCommand,
    OP.ONL: mscp.OnlineCommand,
    OP.SUC: mscp.OnlineCommand,
    OP.DCD: mscp.DiskCopyDataCommand,
    OP.RPL: mscp.ReplaceCommand,
    OP.FMT: mscp.FormatCommand,
    OP.FMT_RX33: mscp.FormatCommand,
    OP.WHM: mscp.WriteHistoryCommand,
    **dict.fromkeys(_TRANSFERS, mscp.TransferCommand),
}

ENDS: Final[Mapping[int, Any]] = {
    OP.ABO: mscp.AbortEnd,
    OP.GCS: mscp.GetCommandStatusEnd,
    OP.GUS: mscp.GetUnitStatusEnd,
    OP.SCC: mscp.SetControllerCharacteristicsEnd,
    OP.ONL: mscp.OnlineEnd,
    OP.SUC: mscp.OnlineEnd,
    OP.DCD: mscp.DiskCopyDataEnd,
    OP.WHM: mscp.WriteHistoryEnd,
    **dict.fromkeys(_TRANSFERS, mscp.TransferEnd),
}

# Late, longer forms of the same messages: chosen when the text is long enough.
LONG_COMMANDS: Final[Mapping[int, Any]] = {
    OP.WR: mscp.HistoryWriteCommand,
    OP.WHM: mscp.WriteHistoryKeyCommand,
}
LONG_ENDS: Final[Mapping[int, Any]] = {
    OP.GUS: mscp.GetUnitStatusLoadEnd,
    OP.GUN: mscp.GetUnitNameEnd,
    OP.WR: mscp.HistoryWriteEnd,
}

DUP_COMMANDS: Final[Mapping[int, Any]] = {
    dup_codes.OP.ESP: dup.ExecuteSuppliedProgramCommand,
    dup_codes.OP.ELP: dup.ExecuteLocalProgramCommand,
    dup_codes.OP.SND: dup.DataCommand,
    dup_codes.OP.REC: dup.DataCommand,
    dup_codes.OP.SNI: dup.SendDataImmediateCommand,
}
DUP_ENDS: Final[Mapping[int, Any]] = {
    dup_codes.OP.GDS: dup.GetDustStatusEnd,
    dup_codes.OP.ELP: dup.ExecuteLocalProgramEnd,
    dup_codes.OP.SND: dup.DataEnd,
    dup_codes.OP.REC: dup.DataEnd,
}
DUP_LONG_ENDS: Final[Mapping[int, Any]] = {
    dup_codes.OP.GDS: dup.GetDustStatusLongEnd,
    dup_codes.OP.ELP: dup.ExecuteLocalProgramLongEnd,
}


@dataclass(frozen=True, slots=True)
class _Context:
    """What a field's meaning may depend on besides its value."""

    layout: Any
    opcode: int  # without END; the format, in an error log
    is_dup: bool = False
    is_log: bool = False
    is_end: bool = False


def _envelope(data: bytes) -> tuple[int, int, int]:
    envelope = uqssp.Envelope.parse(data)
    return envelope.length, envelope.credits_type >> MESSAGE_TYPE_SHIFT, envelope.connection


def _has_envelope(data: bytes) -> bool:
    """Guess whether the four bytes before the text are there.

    Boot ROMs send nonsense as length, so a length that fits is proof, but one that does not fit is no
    disproof.
    """
    if len(data) < ENVELOPE_BYTES + HEADER_BYTES:
        return False
    length, message_type, connection = _envelope(data)
    if message_type not in _MESSAGE_TYPES or connection not in _CONNECTIONS:
        return False
    if length == len(data) - ENVELOPE_BYTES:
        return True
    if message_type == MessageType.DATAGRAM:
        return data[ENVELOPE_BYTES + OPCODE_OFFSET] in LOGS and data[OPCODE_OFFSET] not in _OPCODES
    return data[ENVELOPE_BYTES + OPCODE_OFFSET] in _OPCODES and data[OPCODE_OFFSET] not in _OPCODES


_MESSAGE_TYPES: Final = frozenset(map(int, MessageType))
_CONNECTIONS: Final = frozenset(map(int, ConnectionId))
_OPCODES: Final = frozenset([*map(int, OP), *(int(opcode) | codes.END for opcode in OP)])


def _explain_text(text: bytes, message_type: int, connection: int) -> list[FieldLine]:
    context = _context(text, message_type, connection)
    return _explain(context.layout, text, context, 0)


def _context(text: bytes, message_type: int, connection: int) -> _Context:
    code = text[OPCODE_OFFSET]
    opcode, is_end = code & ~codes.END, bool(code & codes.END)
    if message_type == MessageType.DATAGRAM:
        return _Context(LOGS.get(code, mscp.ControllerLog), code, is_log=True)
    if connection == ConnectionId.DUP:
        layouts, longer, plain = (
            (DUP_ENDS, DUP_LONG_ENDS, dup.EndHeader) if is_end else (DUP_COMMANDS, {}, dup.Header)
        )
    elif is_end:
        layouts, longer, plain = ENDS, LONG_ENDS, mscp.EndHeader
    elif code & codes.ATTENTION:
        layouts, longer, plain = {}, {}, mscp.AvailableAttention
    else:
        layouts, longer, plain = COMMANDS, LONG_COMMANDS, mscp.Header
    layout = layouts.get(opcode, plain)
    if opcode in longer and len(text) >= longer[opcode].sizeof():
        layout = longer[opcode]
    return _Context(layout, opcode, is_dup=connection == ConnectionId.DUP, is_end=is_end)


def _explain(layout: Any, text: bytes, context: _Context, base: int) -> list[FieldLine]:
    lines = []
    end = 0
    for field in fields_of(layout):
        part = text[field.offset : field.offset + field.size]
        if not part:
            break
        end = field.offset + len(part)
        lines.append(_line(field, part, context, base))
    if text[end:]:
        lines.append(FieldLine(base + end, len(text) - end, "", "", "", text[end:], "not in the layout"))
    return lines


def _line(field: Field, part: bytes, context: _Context, base: int) -> FieldLine:
    raw: int | bytes
    if len(part) < field.size:
        raw, meaning = part, "cut short"
    elif not field.name:
        raw, meaning = part, "reserved" if not any(part) else "reserved, not zero"
    elif field.is_bytes:
        raw, meaning = part, _printable(part)
    else:
        raw = int.from_bytes(part, "little")
        meaning = MEANINGS.get(field.name, _number)(raw, context)
    return FieldLine(base + field.offset, len(part), field.name, field.symbol, field.words, raw, meaning)


def _printable(part: bytes) -> str:
    return repr(part.decode("ascii")) if all(0x20 <= byte < 0x7F for byte in part) else ""


def _number(value: int, context: _Context) -> str:
    return str(value)


def _hex(value: int, context: _Context) -> str:
    return f"{value:#x}"


def _seconds(value: int, context: _Context) -> str:
    return f"{value} s" if value else "0 = none"


@dataclass(frozen=True, slots=True)
class Named:
    """The meaning of a field that holds one number of a code."""

    code: type[Code]

    def __call__(self, value: int, context: _Context) -> str:
        return next((member.words for member in self.code if member == value), f"unknown {value:#x}")


@dataclass(frozen=True, slots=True)
class Flags:
    """The meaning of a field that holds bits."""

    bits: type[Bits]

    def __call__(self, value: int, context: _Context) -> str:
        return _bit_names(value, {bit.name or "": int(bit) for bit in self.bits})


def _bit_names(value: int, masks: Mapping[str, int]) -> str:
    names = []
    for name, mask in masks.items():
        if value & mask:
            names.append(name)
            value &= ~mask
    if value:
        names.append(f"unknown {value:#x}")
    return " ".join(names) or "none"


def _opcode(value: int, context: _Context) -> str:
    known: type[Code] = dup_codes.OP if context.is_dup else OP
    words = {int(opcode): opcode.words for opcode in known}
    if value in words:
        return words[value]
    if context.is_end and context.opcode in words:
        return f"{words[context.opcode]} end"
    return f"unknown opcode {value:#04x}"


def _modifiers(value: int, context: _Context) -> str:
    if context.is_dup:
        return Flags(dup_codes.MD)(value, context)
    names = codes.MODIFIERS.get(context.opcode, ())
    return _bit_names(value, {name: getattr(codes.MD, name) for name in names})


def _status(value: int, context: _Context) -> str:
    if context.is_dup:
        return Named(dup_codes.ST)(value, context)
    command = COMMANDS.get(context.opcode) if context.is_end else None
    if command is None:
        return status_words(value)
    return status_words(value, {field.offset: field.name for field in fields_of(command) if field.name})


def _end_or_log_flags(value: int, context: _Context) -> str:
    return Flags(codes.LF if context.is_log else codes.EF)(value, context)


def _dup_flags(value: int, context: _Context) -> str:
    bits: type[Bits] = dup_codes.DF if context.opcode == dup_codes.OP.GDS else dup_codes.PF
    return Flags(bits)(value, context)


def _unit(value: int, context: _Context) -> str:
    if value & codes.VIRTUAL_UNIT:
        return f"virtual unit {value & ~codes.VIRTUAL_UNIT}"
    if value & codes.SLUN_UNIT:
        return f"server-local unit {value & ~codes.SLUN_UNIT}"
    return str(value)


def _identifier(value: int, context: _Context) -> str:
    unique, model, kind = value & 0xFFFF_FFFF_FFFF, value >> 48 & 0xFF, value >> 56
    words = {int(member): member.words for member in CLASS}.get(kind, "unknown class")
    if kind == CLASS.CONTROLLER:
        names = {int(member): member.words for member in MODEL}
        return f"{unique:#x}, model {model} ({names.get(model, 'unknown')}), class {kind} ({words})"
    return f"{unique:#x}, model {model}, class {kind} ({words})"


def _buffer(value: int, context: _Context) -> str:
    if value & MAPPED:
        entry = (value & PTE_INDEX_MASK) >> PTE_INDEX_SHIFT
        return f"mapped, entry {entry}, offset {value & PAGE_OFFSET_MASK}"
    channel = (value & CHANNEL_MASK) >> CHANNEL_SHIFT
    address = f"bus address {value & ~CHANNEL_MASK:#x}"
    return f"{address}, adapter channel {channel}" if channel else address


def _time(value: int, context: _Context) -> str:
    if not value:
        return "0 = unknown"
    try:
        return f"{datetime(1858, 11, 17) + timedelta(microseconds=value // 10):%d-%b-%Y %H:%M:%S}"
    except OverflowError:
        return "beyond the calendar"


def _header_code(value: int, context: _Context) -> str:
    return f"{Named(codes.HEADER)(value >> 28, context)} {value & 0x0FFF_FFFF}"


def _fatal(value: int, context: _Context) -> str:
    return Named(FATAL)(value, context) if value else "0"


def _media(value: int, context: _Context) -> str:
    return codes.media_text(value) if value else "none"


def _credits_type(value: int, context: _Context) -> str:
    return f"{Named(MessageType)(value >> MESSAGE_TYPE_SHIFT, context)}, {value & CREDITS_MASK} credits"


def _length(value: int, context: _Context) -> str:
    return f"{value} bytes of text"


MEANINGS: Final[Mapping[str, Callable[[int, _Context], str]]] = {
    "length": _length,
    "credits_type": _credits_type,
    "connection": Named(ConnectionId),
    "crf": _hex,
    "otrf": _hex,
    "unit": _unit,
    "shun": _unit,
    "src_unum": _unit,
    "opcd": _opcode,
    "mod": _modifiers,
    "flgs": _end_or_log_flags,
    "flags": _dup_flags,
    "sts": _status,
    "evnt": _status,
    "cause": _status,
    "unfl": Flags(codes.UF),
    "cntf": Flags(codes.CF),
    "htmo": _seconds,
    "ctmo": _seconds,
    "timeout": _seconds,
    "abort_timeout": _seconds,
    "time": _time,
    "unti": _identifier,
    "cnti": _identifier,
    "src_uid": _identifier,
    "medi": _media,
    "copy": Named(codes.COPY),
    "func": Named(codes.FORMAT),
    "oper": Named(codes.WHM),
    "fmt": Named(codes.FM),
    "buff": _buffer,
    "overlay_buff": _buffer,
    "pte_base": _hex,
    "badr": _hex,
    "vser": _hex,
    "port_adr": _hex,
    "sys_adr": _hex,
    "hdcd": _header_code,
    "rpfl": Flags(codes.RF),
    "code": _fatal,
}
