"""Print a Wireshark dissector: the tables from the declarations of packets, the rest from `dissector.lua`.

Which layout a packet has is chosen as `emu.wire.decode` does.  A field is one filter name, mscp.lbn, however many
packets have it; where its width, its values or its bits differ from packet to packet, Wireshark gets one entry for
each kind.  Fields of UQSSP, MSCP, DUP, events and the bus link are little-endian, all of them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emu.wire import decode
from emu.wire.codes import Bits, Code
from emu.wire.codes import buslink as buslink_codes
from emu.wire.codes import dup as dup_codes
from emu.wire.codes import events as event_codes
from emu.wire.codes import mscp as mscp_codes
from emu.wire.codes.uqssp import CREDITS_MASK, FATAL, MESSAGE_TYPE_SHIFT, ConnectionId, MessageType
from emu.wire.fields import Field, fields_of, layouts_of, title_of
from emu.wire.layouts import buslink, dup, events, mscp, uqssp

TEMPLATE = Path(__file__).with_name("dissector.lua")
PLACE = "--@TABLES@\n"

INTEGERS = {1: "uint8", 2: "uint16", 4: "uint32", 8: "uint64"}  # by bytes
UNITS = ("unit", "shun", "src_unum")
STATUSES = ("sts", "evnt", "cause")
DECIMAL = ("length", "htmo", "ctmo", "timeout", "abort_timeout", *UNITS)
HEADER_KIND_MASK = 0xF000_0000  # of a header code: what the low 28 bits number
OCTAL = ("vector",)

# The bus link's fields that hold codes; the others of these names are numbers.
LINK_CODES: Mapping[tuple[str, str], type[Code]] = {
    ("LinkHeader", "kind"): buslink_codes.Kind,
    ("ShadowHeader", "kind"): buslink_codes.Kind,
    ("Watch", "kind"): buslink_codes.WatchKind,
    ("FrameHeader", "kind"): buslink_codes.FrameKind,
    ("Hello", "bus"): buslink_codes.Bus,
    ("Hello", "mode"): buslink_codes.Mode,
}
LINK_FLAGS: Mapping[str, type[Bits]] = {
    "LinkHeader": buslink_codes.Flag,
    "ShadowHeader": buslink_codes.Access,
}


def lua_dissector() -> str:
    """Return the whole script."""
    head, place, tail = TEMPLATE.read_text().partition(PLACE)
    assert place, "the template has a place for the tables"
    return head + _Tables().text() + tail


@dataclass(frozen=True, slots=True)
class _Item:
    """One ProtoField: what Wireshark knows under a filter name.  bits: of the field that a flag is in."""

    name: str
    kind: str
    label: str
    base: str = ""
    values: str = ""
    mask: int = 0
    bits: int = 0

    def __str__(self) -> str:
        arguments = [_quoted(self.name), _quoted(self.label)]
        if self.kind == "bool":
            arguments += [str(self.bits), "nil", hex(self.mask)]
        elif self.base:
            arguments.append(f"base.{self.base}")
            arguments.append(f"VALUES[{_quoted(self.values)}]" if self.values else "nil")
            arguments += [hex(self.mask)] if self.mask else []
        return f"ProtoField.{self.kind}({', '.join(arguments)})"


@dataclass(slots=True)
class _Row:
    """How one field of one layout is shown."""

    values: str = ""
    kind: str = ""
    parts: list[str] = field(default_factory=list)


class _Tables:
    """Collects layouts, fields and values, and prints them as Lua."""

    def __init__(self) -> None:
        self._items: dict[str, _Item] = {}  # by key: the name, or the name and a number
        self._keys: dict[_Item, str] = {}
        self._values: dict[str, dict[int, str]] = {}
        self._layouts: list[str] = []

    def text(self) -> str:
        self._add_values("mscp.SB", mscp_codes.SB)
        self._add_values("mscp.ST", mscp_codes.ST)
        for protocol, module in (("uqssp", uqssp), ("mscp", mscp), ("dup", dup), ("hbvs", events)):
            for name, layout in layouts_of(module).items():
                self._add_layout(protocol, name, layout)
        for name, layout in layouts_of(buslink).items():
            self._add_layout("buslink", name, layout)
        self._add_layout("buslink", "ShadowHeader", buslink.LinkHeader)
        for name in sorted({name for texts in event_codes.TEXTS.values() for name in texts}):
            self._key(_Item(f"hbvs.{name}", "string", name))
        modifiers = list(self._modifiers())
        return "\n".join(
            (
                "local VALUES = {",
                *(f"  [{_quoted(name)}] = {_map(values)}," for name, values in self._values.items()),
                "}",
                "",
                "local FIELDS, FIELD_ORDER = {}, {}",
                "local function field(key, item) FIELDS[key], FIELD_ORDER[#FIELD_ORDER + 1] = item, key end",
                *(f"field({_quoted(key)}, {item})" for key, item in self._items.items()),
                "",
                "local LAYOUTS = {",
                *self._layouts,
                "}",
                "",
                *modifiers,
                *_servers(),
                *_events(),
                f"local LINK_KINDS = {_map({int(kind): kind.name for kind in buslink_codes.Kind})}",
                f"local LINK_MAGIC = {_quoted(buslink_codes.MAGIC.decode())}",
                f"local DATAGRAM, CREDIT_NOTIFICATION = {int(MessageType.DATAGRAM)}, "
                f"{int(MessageType.CREDIT_NOTIFICATION)}",
                f"local DUP_CONNECTION = {int(ConnectionId.DUP)}",
                f"local TELLING = {{ {', '.join(map(_quoted, decode.TELLING))} }}",
                f"local QUIET = {_set(decode.QUIET)}",
                f"local STATUSES = {_set(decode.STATUSES)}",
                "",
            )
        )

    # ---- what is collected

    def _add_layout(self, protocol: str, name: str, layout: Any) -> None:
        rows = [self._field_row(protocol, name, declared) for declared in fields_of(layout)]
        size = sum(declared.size for declared in fields_of(layout))
        self._layouts.append(
            f"  [{_quoted(f'{protocol}.{name}')}] = {{ title = {_quoted(title_of(layout))}, size = {size},"
        )
        self._layouts += [f"    {row}," for row in rows]
        self._layouts.append("  },")

    def _field_row(self, protocol: str, layout: str, declared: Field) -> str:
        place = f"offset = {declared.offset}, size = {declared.size}"
        if not declared.name:
            return f"{{ {place} }}"
        name = f"{protocol}.{declared.name}"
        label = f"{declared.symbol} {declared.words or declared.name}".strip()
        if declared.is_bytes:
            key = self._key(_Item(name, "bytes", label))
            return f"{{ {place}, name = {_quoted(declared.name)}, key = {_quoted(key)}, is_bytes = true }}"
        row = self._row(protocol, layout, declared)
        base = _base(declared.name, row)
        key = self._key(_Item(name, INTEGERS[declared.size], label, base, row.values))
        said = [place, f"name = {_quoted(declared.name)}", f"key = {_quoted(key)}"]
        said += ["hexadecimal = true"] if base == "HEX" else []
        said += [f"values = {_quoted(row.values)}"] if row.values else []
        said += [f"kind = {_quoted(row.kind)}"] if row.kind else []
        said += [f"parts = {{ {', '.join(row.parts)} }}"] if row.parts else []
        return f"{{ {', '.join(said)} }}"

    def _row(self, protocol: str, layout: str, declared: Field) -> _Row:
        """Find what a field means: by its name, and by the layout where the name alone does not tell."""
        name = declared.name
        if protocol == "hbvs":
            return _Row(self._add_values("hbvs.Kind", event_codes.Kind)) if name == "event" else _Row()
        if protocol == "buslink":
            code = LINK_CODES.get((layout, name))
            if code is not None:
                return _Row(self._add_values(f"buslink.{code.__name__}", code))
            bits = LINK_FLAGS.get(layout) if name == "flags" else None
            return self._flags(protocol, declared, bits) if bits is not None else _Row()
        is_dup = protocol == "dup"
        if name == "opcd":
            return _Row(self._add_opcodes(protocol, dup_codes.OP if is_dup else mscp_codes.OP))
        if name == "mod":
            return _Row(kind="modifiers")
        if name in STATUSES:
            if is_dup:
                return _Row(self._add_values("dup.ST", dup_codes.ST))
            code_mask, width = mscp_codes.ST_MASK, 8 * declared.size
            return _Row(
                kind="status",
                parts=[
                    self._part(protocol, declared, "code", code_mask, "HEX", "mscp.ST"),
                    self._part(protocol, declared, "subcode", (1 << width) - 1 - code_mask, "DEC"),
                ],
            )
        if name == "flgs":
            return self._flags(protocol, declared, mscp_codes.LF if "Log" in layout else mscp_codes.EF)
        if name == "flags" and is_dup:
            return self._flags(protocol, declared, dup_codes.DF if "Dust" in layout else dup_codes.PF)
        if name == "credits_type":
            types = self._add_values("uqssp.MessageType", MessageType)
            return _Row(
                parts=[
                    self._part(protocol, declared, "type", 0xFF & -(1 << MESSAGE_TYPE_SHIFT), "DEC", types),
                    self._part(protocol, declared, "credits", CREDITS_MASK, "DEC"),
                ]
            )
        if name == "hdcd":
            kinds = self._add_values("mscp.HEADER", mscp_codes.HEADER)
            return _Row(
                parts=[
                    self._part(protocol, declared, "kind", HEADER_KIND_MASK, "DEC", kinds),
                    self._part(protocol, declared, "number", 0xFFFF_FFFF - HEADER_KIND_MASK, "DEC"),
                ]
            )
        if name == "code":
            return _Row(self._add_values("uqssp.FATAL", FATAL))
        if name == "medi":
            return _Row(kind="media")
        if name in UNITS:
            return _Row(kind="unit")
        match decode.MEANINGS.get(name):
            case decode.Named(code):
                return _Row(self._add_values(f"{protocol}.{code.__name__}", code))
            case decode.Flags(bits):
                return self._flags(protocol, declared, bits)
        return _Row()

    def _flags(self, protocol: str, declared: Field, bits: type[Bits]) -> _Row:
        parts = [
            self._bit(protocol, declared.name, 8 * declared.size, bit.name or "", int(bit), bit.words)
            for bit in bits
        ]
        return _Row(kind="flags", parts=parts)

    def _bit(self, protocol: str, name: str, width: int, symbol: str, mask: int, words: str) -> str:
        item = _Item(
            f"{protocol}.{name}.{symbol.lower()}", "bool", f"{symbol} {words}".strip(), mask=mask, bits=width
        )
        return f"{{ key = {_quoted(self._key(item))}, bit = {hex(mask)}, bit_name = {_quoted(symbol)} }}"

    def _part(self, protocol: str, declared: Field, part: str, mask: int, base: str, values: str = "") -> str:
        name = f"{protocol}.{declared.name}.{part}"
        return f"{{ key = {_quoted(self._key(_Item(name, INTEGERS[declared.size], part, base, values, mask)))} }}"

    def _modifiers(self) -> Iterable[str]:
        """Modifiers mean what the command says."""
        yield "local MODIFIERS = { mscp = {"
        for opcode, names in mscp_codes.MODIFIERS.items():
            masks = {name: int(getattr(mscp_codes.MD, name)) for name in names}
            parts = [self._bit("mscp", "mod", 16, name, mask, "") for name, mask in masks.items()]
            yield f"  [{int(opcode)}] = {{ {', '.join(parts)} }},"
        parts = [self._bit("dup", "mod", 16, bit.name or "", int(bit), bit.words) for bit in dup_codes.MD]
        yield "}, dup = {"
        for dup_opcode in (dup_codes.OP.ESP, dup_codes.OP.ELP, dup_codes.OP.SNI):
            yield f"  [{int(dup_opcode)}] = {{ {', '.join(parts)} }},"
        yield "} }"
        yield ""

    def _key(self, item: _Item) -> str:
        """Find the key of a ProtoField; equal ones are one."""
        key = self._keys.get(item)
        if key is None:
            number = sum(other.name == item.name for other in self._items.values())
            key = self._keys[item] = f"{item.name}#{number}" if number else item.name
            self._items[key] = item
        return key

    def _add_values(self, name: str, code: type[Code]) -> str:
        self._values[name] = {int(member): member.words for member in code}
        return name

    def _add_opcodes(self, protocol: str, opcodes: type[Code]) -> str:
        """Opcodes and endcodes."""
        words = {int(opcode): opcode.words for opcode in opcodes}
        ends = {code | mscp_codes.END: f"{text} end" for code, text in words.items()}
        self._values[f"{protocol}.OP"] = ends | words
        return f"{protocol}.OP"


def _base(name: str, row: _Row) -> str:
    if name in OCTAL:
        return "OCT"
    if row.kind in ("modifiers", "flags", "status", "media") or row.parts or name == "opcd":
        return "HEX"
    if row.values or name in DECIMAL:
        return "DEC"
    return (
        "HEX"
        if name in decode.MEANINGS or name in ("address", "value", "csr", "bitmap", "pte_base")
        else "DEC"
    )


# ---- tables beside the layouts


def _servers() -> Iterable[str]:
    names = {id(layout): f"mscp.{name}" for name, layout in layouts_of(mscp).items()}
    names |= {id(layout): f"dup.{name}" for name, layout in layouts_of(dup).items()}

    def table(layouts: Mapping[int, Any]) -> str:
        return _map({int(code): names[id(layout)] for code, layout in layouts.items()})

    logs = f"logs = {table(decode.LOGS)}, log = {_quoted('mscp.ControllerLog')},"
    yield "local SERVERS = { mscp = {"
    yield f"  commands = {table(decode.COMMANDS)}, command = {_quoted('mscp.Header')},"
    yield f"  ends = {table(decode.ENDS)}, end_ = {_quoted('mscp.EndHeader')},"
    yield f"  long_commands = {table(decode.LONG_COMMANDS)},"
    yield f"  long_ends = {table(decode.LONG_ENDS)},"
    yield f"  attention = {_quoted('mscp.AvailableAttention')},"
    yield f"  {logs}"
    yield "}, dup = {"
    yield f"  commands = {table(decode.DUP_COMMANDS)}, command = {_quoted('dup.Header')},"
    yield f"  ends = {table(decode.DUP_ENDS)}, end_ = {_quoted('dup.EndHeader')},"
    yield "  long_commands = {},"
    yield f"  long_ends = {table(decode.DUP_LONG_ENDS)},"
    yield "} }"
    yield ""


def _events() -> Iterable[str]:
    yield "local EVENTS = {"
    for kind in event_codes.Kind:
        texts = ", ".join(map(_quoted, event_codes.TEXTS[kind]))
        layout = _quoted(f"hbvs.{event_codes.LAYOUTS[kind]}")
        yield f"  [{int(kind)}] = {{ name = {_quoted(kind.name)}, layout = {layout}, texts = {{ {texts} }} }},"
    yield "}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _map(values: Mapping[int, str]) -> str:
    return "{ " + ", ".join(f"[{key}] = {_quoted(value)}" for key, value in values.items()) + " }"


def _set(names: Iterable[str]) -> str:
    return "{ " + ", ".join(f"{name} = true" for name in names) + " }"
