"""EXAMINE, DEPOSIT, ASSERT, RESET, SHOW RINGS: registers, the memory a port sees, blocks of a disk.

Addresses are bus addresses of the port, octal as SIMH has them; LBNs are decimal.  Looking changes nothing: IP is
shown as 0 and not read, because a read of it is a poll.
"""

import operator
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from drivers.platform.process import EventFlag, Procedure
from emu.console.hardware import places
from emu.console.hardware.grammar import Arguments
from emu.console.hardware.numbers import as_text, in_radix, number, number_range, radix_of, words
from emu.console.hardware.places import ControllerPlace, UnitPlace
from emu.console.hardware.refusal import Reason, Refused
from emu.console.hardware.session import Session
from emu.core.block import BLOCK_BYTES, Function
from emu.core.bus import BusError
from emu.trace.ladder import message_words
from emu.wire.codes.uqssp import DESCRIPTOR_BYTES, ENVELOPE_BYTES, FLAG, IP, OWN, PACKET_BYTES, SA

WORD_BYTES = 2
PIECE_BYTES = 1024  # shown between two looks at what else there is to do
LINE_BYTES = 16

_CONDITION = re.compile(r"(?:(\S+)\s+)?([A-Za-z]\w*)\s*(==|!=|<>|>=|<=|=|<|>)\s*(\S+)")
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "<>": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


@dataclass(frozen=True, slots=True)
class Register:
    """Something of a port that has a name.  bits: 0 for words.  offset: where a deposit goes, None nowhere."""

    name: str
    bits: int
    radix: int
    meaning: str
    read: Callable[[ControllerPlace], int | str]
    offset: int | None = None


def _ring(place: ControllerPlace, which: int) -> tuple[int, int, int]:
    """Base, length and next descriptor of a ring; zeros while there is none."""
    rings = place.port.rings if place.port is not None else None
    return (rings[which].base, rings[which].length, rings[which].next) if rings is not None else (0, 0, 0)


def _scratchpad(place: ControllerPlace) -> tuple[int, int]:
    """Address and size of what the host offers of its memory; zeros without an offer."""
    return place.port.initialisation.scratchpad or (0, 0) if place.port is not None else (0, 0)


REGISTERS = (
    Register("IP", 16, 8, "initialise and poll; shown as 0", lambda place: 0, IP),
    Register("SA", 16, 8, "status and address", lambda place: place.port.sa if place.port else 0, SA),
    Register("CSTA", 0, 8, "state of the port", lambda place: place.port.state.name if place.port else ""),
    Register("VEC", 9, 8, "interrupt vector", lambda place: place.port.vector if place.port else 0),
    Register("CQBA", 32, 8, "command ring, bus address", lambda place: _ring(place, 1)[0]),
    Register("CQLNT", 8, 10, "command ring, descriptors", lambda place: _ring(place, 1)[1]),
    Register("CQIDX", 8, 10, "command ring, next one", lambda place: _ring(place, 1)[2]),
    Register("RQBA", 32, 8, "response ring, bus address", lambda place: _ring(place, 0)[0]),
    Register("RQLNT", 8, 10, "response ring, descriptors", lambda place: _ring(place, 0)[1]),
    Register("RQIDX", 8, 10, "response ring, next one", lambda place: _ring(place, 0)[2]),
    Register(
        "CRED",
        8,
        10,
        "credits the host has",
        lambda place: place.server.connection.credits if place.server else 0,
    ),
    Register(
        "POOL", 8, 10, "credits left to give", lambda place: place.port.traffic.pool if place.port else 0
    ),
    Register(
        "OUTST",
        8,
        10,
        "commands outstanding",
        lambda place: place.port.traffic.outstanding if place.port else 0,
    ),
    Register(
        "CFLGS",
        16,
        8,
        "flags the host set",
        lambda place: place.server.controller_flags if place.server else 0,
    ),
    Register(
        "BURST",
        8,
        10,
        "longwords of a bus tenure, 0 for the default",
        lambda place: place.port.initialisation.burst if place.port else 0,
    ),
    Register("SPAD", 32, 8, "scratchpad of the host", lambda place: _scratchpad(place)[0]),
    Register("SPADLNT", 16, 10, "scratchpad, bytes", lambda place: _scratchpad(place)[1]),
    Register("LFAIL", 16, 8, "last failure", lambda place: place.port.last_failure if place.port else 0),
    Register(
        "FIRMWARE", 0, 8, "what it was powered up from", lambda place: place.controller.firmware.name.upper()
    ),
)


def _register(name: str) -> Register:
    for register in REGISTERS:
        if register.name == name.upper():
            return register
    raise Refused(Reason.NO_REGISTER, f"{name.upper()}; there are {' '.join(r.name for r in REGISTERS)}")


def _shown(register: Register, value: int | str, switches: str) -> str:
    if isinstance(value, str):
        return value
    return in_radix(value, radix_of(switches, register.radix), register.bits)


def examine(session: Session, arguments: Arguments) -> Procedure | None:
    name, what, switches = arguments["place"], arguments["what"], arguments.switches
    if not what and "STATE" not in arguments.words and name[:1].isdigit():
        return _examine_memory(session, places.first_controller(session.world), name, switches)
    if places.is_unit_name(name):
        return _examine_blocks(session, places.unit(session.world, name), what, switches)
    place = places.controller(session.world, name)
    if "MEMORY" in arguments.words:
        return _examine_memory(session, place, what, switches)
    chosen = [_register(each) for each in what.split(",")] if what else REGISTERS
    for register in chosen:
        session.say(f"{register.name}:\t{_shown(register, register.read(place), switches)}")
    return None


def deposit(session: Session, arguments: Arguments) -> Procedure | None:
    name, what, switches = arguments["place"], arguments["what"], arguments.switches
    value = number(arguments["value"], radix_of(switches, 8))
    if value > 0xFFFF:
        raise Refused(Reason.ARGUMENT, f"{arguments['value']} does not fit a word")
    if not what and not name[:1].isdigit():
        raise Refused(Reason.TOO_FEW, "which value?")
    if not what:
        return _deposit_memory(session, places.first_controller(session.world), name, value, switches)
    if places.is_unit_name(name):
        return _deposit_block(session, places.unit(session.world, name), what, value)
    place = places.controller(session.world, name)
    if "MEMORY" in arguments.words:
        return _deposit_memory(session, place, what, value, switches)
    register = _register(what)
    if register.offset is None:
        raise Refused(Reason.READ_ONLY, f"{register.name} is the controller's own")
    if place.port is None:
        raise _no_host(place)
    place.port.write_register(register.offset, value, WORD_BYTES)
    return None


def assert_condition(session: Session, arguments: Arguments) -> None:
    text = arguments["condition"]
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise Refused(Reason.MISSING_VALUE, f"{text} is no condition: ASSERT PUA SA=0")
    world = session.world
    place = places.controller(world, match[1]) if match[1] else places.first_controller(world)
    register = _register(match[2])
    value = register.read(place)
    wanted = match[4].upper() if isinstance(value, str) else number(match[4], register.radix)
    if not _COMPARISONS[match[3]](value, wanted):
        shown = _shown(register, value, "")
        raise Refused(Reason.ASSERTION, f"{place.name} {register.name} is {shown}")


def reset(session: Session, arguments: Arguments) -> None:
    name = arguments["controller"].upper()
    chosen = list(places.controllers(session.world))
    if name not in ("", "ALL"):
        chosen = [places.controller(session.world, name)]
    for place in chosen:
        for port in place.controller.ports:
            port.write_register(IP, 0, WORD_BYTES)


# ---- memory


def _no_host(place: ControllerPlace) -> Refused:
    return Refused(Reason.NOT_ALLOWED, f"{place.name} is plugged into no host")


def _read_memory(session: Session, place: ControllerPlace, address: int, length: int) -> Procedure:
    """Read memory as the port does, over its link if it has one; raises BusError."""
    if place.port is None:
        raise _no_host(place)
    if address + length > place.port.bus_mask + 1:
        raise Refused(Reason.ADDRESS, f"the bus ends at {place.port.bus_mask:o}")
    memory = place.port.memory
    if memory.distant is None:
        return bytes(memory.read(address, length))
    flag = EventFlag(session.world.clock)
    memory.distant.fetch([(address, length)], lambda views, error: flag.set((views, error)))
    views, error = yield flag
    if error is not None:
        raise error
    return b"".join(views)


def _examine_memory(session: Session, place: ControllerPlace, what: str, switches: str) -> Procedure:
    addresses = number_range(what, radix_of(switches, 8), WORD_BYTES)
    radix = radix_of(switches, 8)
    end = addresses[-1] + WORD_BYTES
    for start in range(addresses[0], end, PIECE_BYTES):
        data = yield from _read_memory(session, place, start, min(PIECE_BYTES, end - start))
        for offset, word in zip(range(0, len(data), WORD_BYTES), words(data), strict=True):
            address = in_radix(start + offset, radix, 0)
            shown = (
                as_text(data[offset : offset + WORD_BYTES]) if "a" in switches else in_radix(word, radix, 16)
            )
            session.say(f"{address}:\t{shown}")
        yield 0


def _deposit_memory(
    session: Session, place: ControllerPlace, what: str, value: int, switches: str
) -> Procedure:
    addresses = number_range(what, radix_of(switches, 8), WORD_BYTES)
    if place.port is None:
        raise _no_host(place)
    if addresses[-1] > place.port.bus_mask:
        raise Refused(Reason.ADDRESS, f"the bus ends at {place.port.bus_mask:o}")
    memory = place.port.memory
    if memory.distant is None:
        for address in addresses:
            memory.write_word(address, value)
        return
    word = memoryview(bytes((value & 0xFF, value >> 8)))
    for address in addresses:
        flag = EventFlag(session.world.clock)
        memory.distant.store([(address, WORD_BYTES)], [word], flag.set)
        error = yield flag
        if error is not None:
            raise error


# ---- blocks


def _loaded(place: UnitPlace) -> UnitPlace:
    if place.unit is None or place.unit.medium is None:
        raise Refused(Reason.UNIT_NOT_ATTACHED, f"there is nothing in {place.name}")
    return place


def _require_lbn(place: UnitPlace, lbn: int) -> None:
    assert place.unit is not None, "the unit is there"
    if lbn >= place.unit.block_count:
        raise Refused(Reason.ADDRESS, f"{place.name} has blocks 0 to {place.unit.block_count - 1}")


def _examine_blocks(session: Session, place: UnitPlace, what: str, switches: str) -> Procedure:
    if not what:
        raise Refused(Reason.TOO_FEW, "which blocks? EXAMINE DUA0 0-3")
    lbns = number_range(what, 10)
    _loaded(place)
    _require_lbn(place, lbns[-1])
    radix = radix_of(switches, 8)
    for lbn in lbns:
        assert place.unit is not None, "the unit is there"
        medium = place.unit.medium
        if medium is None:
            raise Refused(Reason.UNIT_NOT_ATTACHED, f"{place.name} was taken away meanwhile")
        block = bytearray(BLOCK_BYTES)
        yield from session.ask_medium(medium, Function.READ, lbn, [memoryview(block)])
        session.say(f"{place.name} LBN {lbn}")
        for start in range(0, BLOCK_BYTES, LINE_BYTES):
            line = bytes(block[start : start + LINE_BYTES])
            shown = (
                "" if "a" in switches else " ".join(in_radix(word, radix, 16) for word in words(line)) + "  "
            )
            session.say(f"{in_radix(start, radix, 12)}:\t{shown}{as_text(line)}")
        yield 0


def _deposit_block(session: Session, place: UnitPlace, what: str, value: int) -> Procedure:
    lbn_text, _, offset_text = what.partition(":")
    lbn, offset = number(lbn_text, 10), number(offset_text or "0", 8)
    _loaded(place)
    _require_lbn(place, lbn)
    if offset >= BLOCK_BYTES or offset % WORD_BYTES:
        raise Refused(Reason.ADDRESS, "the offset in a block is octal, even, and 776 at most")
    if place.is_online:
        raise Refused(Reason.NOT_ALLOWED, f"a host has {place.name} on line")
    assert place.unit is not None, "the unit is there"
    medium = place.unit.medium
    assert medium is not None, "the unit is loaded"
    if place.unit.write_protected:
        raise Refused(Reason.READ_ONLY, f"{place.name} is write locked")
    block = bytearray(BLOCK_BYTES)
    yield from session.ask_medium(medium, Function.READ, lbn, [memoryview(block)])
    if place.is_online or place.unit.medium is not medium:
        raise Refused(Reason.NOT_ALLOWED, f"a host has taken {place.name} meanwhile")
    block[offset : offset + WORD_BYTES] = bytes((value & 0xFF, value >> 8))
    yield from session.ask_medium(medium, Function.WRITE, lbn, [memoryview(block)])


# ---- rings


def show_rings(session: Session, arguments: Arguments) -> Procedure:
    """Tell both rings of a port: who owns what, and the messages in one line each."""
    world = session.world
    name = arguments["controller"]
    place = places.controller(world, name) if name else places.first_controller(world)
    if place.port is None:
        raise _no_host(place)
    rings = place.port.rings
    if rings is None:
        raise Refused(Reason.NOT_ALLOWED, f"{place.name} is not initialized: no host has given it rings")
    for title, ring in (("Responses", rings[0]), ("Commands", rings[1])):
        session.say(f"{title}, {ring.length} descriptors at {ring.base:o}, next is {ring.next}")
        rows: list[tuple[str, str]] = []
        for index in range(ring.length):
            descriptor = place.port.memory.read_longword(ring.base + DESCRIPTOR_BYTES * index)
            owner = "port" if descriptor & OWN else "host"
            flag = "F" if descriptor & FLAG else " "
            address = descriptor & place.port.bus_mask & ~1
            message = yield from _message(session, place, address)
            rows.append((f"{index:4}  {owner} {flag} {address:010o}  {message}", "" if message else owner))
        for line in _folded(rows):
            session.say(line)


def _folded(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Tell rows; those with an owner and no message in one line, as long as the owner is the same."""
    for owner, group in groupby(enumerate(rows), key=lambda row: row[1][1]):
        indexed = list(group)
        if not owner:
            yield from (text for _, (text, _) in indexed)
        else:
            first, last = indexed[0][0], indexed[-1][0]
            yield (
                f"{first:4}  {owner}, empty" if first == last else f"{first:4}  {owner}, empty, up to {last}"
            )


def _message(session: Session, place: ControllerPlace, address: int) -> Procedure:
    """Tell the message whose text stands at an address; "" when there is none."""
    if address < ENVELOPE_BYTES:
        return ""
    try:
        packet = yield from _read_memory(session, place, address - ENVELOPE_BYTES, PACKET_BYTES)
    except BusError:
        return "(nothing answers there)"
    except Refused:
        return "(beyond the bus)"
    return message_words(packet) if any(packet[ENVELOPE_BYTES:]) else ""
