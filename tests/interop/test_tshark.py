"""tshark and our dissector: every kind of packet is taken apart into what was put in, and nothing is malformed."""

import json
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from emu.core.trace import (
    BitmapChanged,
    BlocksMoved,
    ConsoleLine,
    CopyMoved,
    Event,
    InterruptRequested,
    MessageMoved,
    RegisterAccess,
    StateChanged,
    TaskEnded,
    TaskTaken,
)
from emu.media.memory import MemoryDevice
from emu.shells.firmware_files import load_firmware
from emu.sim.world import World, drive_for
from emu.trace.pcapng import PcapngWriter
from emu.wire.codes.buslink import Kind
from emu.wire.generated import dup, mscp
from emu.wire.generated.buslink import Extent, Hello, LinkHeader, Watch
from emu.wire.generated.uqssp import Envelope
from emu.wire.lua_dissector import lua_dissector
from emu.wire.packet import Packet
from tests.interop.debian import require

MALFORMED = "_ws.malformed or _ws.lua.error or _ws.expert.severity >= 0x600000"  # warnings and errors

# Which opcode a layout is sent with; formats, for error logs.
COMMANDS = {
    "Header": 0x03,
    "ReferenceCommand": 0x02,
    "SetControllerCharacteristicsCommand": 0x04,
    "OnlineCommand": 0x09,
    "TransferCommand": 0x21,
    "HistoryWriteCommand": 0x22,
    "ReplaceCommand": 0x14,
    "FormatCommand": 0x18,
    "DisplayCommand": 0x06,
    "DiskCopyDataCommand": 0x0D,
    "WriteHistoryCommand": 0x19,
    "WriteHistoryKeyCommand": 0x19,
}
ENDS = {
    "EndHeader": 0x88,
    "AbortEnd": 0x81,
    "GetCommandStatusEnd": 0x82,
    "GetUnitStatusEnd": 0x83,
    "GetUnitStatusLoadEnd": 0x83,
    "GetUnitNameEnd": 0x87,
    "SetControllerCharacteristicsEnd": 0x84,
    "OnlineEnd": 0x89,
    "TransferEnd": 0xA1,
    "HistoryWriteEnd": 0xA2,
    "DiskCopyDataEnd": 0x8D,
    "WriteHistoryEnd": 0x99,
    "AvailableAttention": 0x40,
}
LOGS = {
    "ControllerLog": 0,
    "HostMemoryLog": 1,
    "DiskTransferLog": 2,
    "SdiLog": 3,
    "SmallDiskLog": 4,
    "ReplacementLog": 9,
}
DUP = {
    "Header": 0x06,
    "EndHeader": 0x86,
    "GetDustStatusEnd": 0x81,
    "GetDustStatusLongEnd": 0x81,
    "ExecuteSuppliedProgramCommand": 0x02,
    "ExecuteLocalProgramCommand": 0x03,
    "ExecuteLocalProgramEnd": 0x83,
    "ExecuteLocalProgramLongEnd": 0x83,
    "DataCommand": 0x04,
    "DataEnd": 0x85,
    "SendDataImmediateCommand": 0x07,
}


def tshark(*arguments: str, script: Path) -> str:
    run = subprocess.run(
        [require("tshark", "tshark"), "-X", f"lua_script:{script}", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    assert "Lua" not in run.stderr, run.stderr
    return run.stdout


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "hbvs.lua"
    path.write_text(lua_dissector())
    return path


def capture(path: Path, events: list[Event]) -> str:
    with path.open("wb") as file:
        writer = PcapngWriter(file.write)
        for event in events:
            writer.hear(event)
    return str(path)


def fields(file: str, script: Path, *names: str) -> list[list[str]]:
    arguments = [word for name in names for word in ("-e", name)]
    return [
        line.split("\t")
        for line in tshark("-r", file, "-T", "fields", *arguments, script=script).splitlines()
    ]


# ---- every packet


def numbered(packet: type[Packet], **fixed: int) -> Packet:
    """A packet in which every byte of every field is another number."""
    values: dict[str, Any] = {}
    for name, (offset, size) in packet.LAYOUT.items():
        default = getattr(packet(), name)
        pattern = bytes((0x21 + offset + index) & 0x7F for index in range(size))
        values[name] = pattern if isinstance(default, bytes) else int.from_bytes(pattern, "little")
    return packet(**{**values, **fixed})


def message(packet: Packet, message_type: int, connection: int) -> bytes:
    text = packet.pack()
    head = Envelope.pack_fields(length=len(text), credits_type=message_type << 4 | 3, connection=connection)
    return head + text


@cache
def every_message() -> tuple[tuple[str, Packet, MessageMoved], ...]:
    return tuple(_every_message())


def _every_message() -> Iterator[tuple[str, Packet, MessageMoved]]:
    for names, direction in ((COMMANDS, "H>C"), (ENDS, "C>H")):
        for name, opcode in names.items():
            packet = numbered(mscp.PACKETS[name], opcd=opcode)
            yield "mscp", packet, MessageMoved(0, "PUA", direction, message(packet, 0, 0))
    for name, form in LOGS.items():
        packet = numbered(mscp.PACKETS[name], fmt=form)
        yield "mscp", packet, MessageMoved(0, "PUA", "C>H", message(packet, 1, 0))
    for name, opcode in DUP.items():
        packet = numbered(dup.PACKETS[name], opcd=opcode)
        direction = "C>H" if opcode & 0x80 else "H>C"
        yield "dup", packet, MessageMoved(0, "PUA", direction, message(packet, 0, 2))


def flat(tree: Any) -> Iterator[tuple[str, str]]:
    """The leaves of a tree of tshark's JSON."""
    for name, value in tree.items():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict):
                yield from flat(each)
            else:
                yield name, each


def test_every_layout_of_a_message_is_sent_here() -> None:
    not_messages = {"UnitLog", "WriteHistoryEntry", "ReplacementControl", "MappedBuffer", "NamedBuffer"}
    not_messages.add("PortTransferCommand")  # TransferCommand, with the buffer of whatever port
    assert set(mscp.PACKETS) - not_messages == {*COMMANDS, *ENDS, *LOGS}
    assert set(dup.PACKETS) - {"ProgramHeader", "Dialogue"} == set(DUP)


def test_every_message_has_the_fields_that_were_put_in(tmp_path: Path, script: Path) -> None:
    messages = every_message()
    file = capture(tmp_path / "t.pcapng", [event for _, _, event in messages])
    read = json.loads(tshark("-r", file, "-T", "json", script=script))
    assert len(read) == len(messages)
    for (protocol, packet, _), frame in zip(messages, read, strict=True):
        shown = dict(flat(frame["_source"]["layers"][protocol]))
        for name, value in packet.fields().items():
            text = shown[f"{protocol}.{name}"]
            if isinstance(value, bytes):
                assert bytes.fromhex(text.replace(":", "")) == value, (type(packet).__name__, name)
            else:
                assert int(text, 0) == value, (type(packet).__name__, name)


def test_no_message_is_malformed(tmp_path: Path, script: Path) -> None:
    file = capture(tmp_path / "t.pcapng", [event for _, _, event in every_message()])
    assert tshark("-r", file, "-Y", MALFORMED, script=script) == ""
    assert tshark("-r", file, "-Y", "mscp.undecoded or dup.undecoded", script=script) == ""


def test_a_message_shorter_than_a_header_is_marked(tmp_path: Path, script: Path) -> None:
    stump = bytes.fromhex("20000000 07000000 02000000")
    file = capture(tmp_path / "t.pcapng", [MessageMoved(0, "PUA", "H>C", stump)])
    assert len(tshark("-r", file, "-Y", MALFORMED, script=script).splitlines()) == 1


def test_any_strict_prefix_of_any_message_is_read_without_an_error_of_the_script(
    tmp_path: Path, script: Path
) -> None:
    events: list[Event] = [
        MessageMoved(0, "PUA", event.direction, event.data[:length])
        for _, _, event in every_message()
        for length in range(len(event.data))
    ]
    file = capture(tmp_path / "t.pcapng", events)
    assert tshark("-r", file, "-Y", "_ws.lua.error", script=script) == ""


def test_a_credit_notification_is_only_an_envelope(tmp_path: Path, script: Path) -> None:
    file = capture(tmp_path / "t.pcapng", [MessageMoved(0, "PUA", "C>H", bytes.fromhex("00002500"))])
    assert tshark("-r", file, "-Y", MALFORMED, script=script) == ""
    assert "credit notification: 5 credits" in tshark("-r", file, script=script)


# ---- what it means

READ = bytes.fromhex("20000000 07000000 02000000 21000000 00020000" + "00" * 12 + "05000000")
BAD_LBN_END = bytes.fromhex("20000300 07000000 02000000 a100011c 00000000" + "00" * 16)


def test_an_end_message_finds_its_command_on_its_controller(tmp_path: Path, script: Path) -> None:
    events: list[Event] = [
        MessageMoved(1_000, "PUA", "H>C", READ),
        MessageMoved(1_000, "PUB", "H>C", READ),
        MessageMoved(4_500, "PUB", "C>H", BAD_LBN_END),
        MessageMoved(9_000, "PUA", "C>H", BAD_LBN_END),
        MessageMoved(9_500, "PUA", "H>C", READ),
    ]
    file = capture(tmp_path / "t.pcapng", events)
    table = fields(file, script, "mscp.response_in", "mscp.response_to", "mscp.response_time")
    assert table[2:] == [["", "2", "0.000003500"], ["", "1", "0.000008000"], ["", "", ""]]
    slow = tshark("-r", file, "-Y", "mscp.response_time > 0.000005", script=script)
    assert len(slow.splitlines()) == 1
    again = tshark("-2", "-r", file, "-T", "fields", "-e", "mscp.response_in", script=script).splitlines()
    assert again == ["4", "3", "", "", ""]


def test_an_invalid_command_names_its_field(tmp_path: Path, script: Path) -> None:
    file = capture(tmp_path / "t.pcapng", [MessageMoved(0, "PUA", "C>H", BAD_LBN_END)])
    line = tshark("-r", file, script=script)
    assert "READ end: crf 0x7, unit 2, bcnt 0, invalid command: field lbn at offset 28" in line


def test_flags_can_be_filtered_one_by_one(tmp_path: Path, script: Path) -> None:
    express = READ[:14] + bytes.fromhex("0080") + READ[16:]
    file = capture(tmp_path / "t.pcapng", [MessageMoved(0, "PUA", "H>C", data) for data in (READ, express)])
    assert len(tshark("-r", file, "-Y", "mscp.mod.exp == 1", script=script).splitlines()) == 1


EVENTS: dict[Event, str] = {
    RegisterAccess(0, "PUA", "write", "SA", 0x8000): "PUA: write SA 8000",
    StateChanged(0, "PUA", "S1", "S2"): "PUA: S1 → S2",
    InterruptRequested(0, "PUA", 0o774): "PUA: interrupt, vector 774",
    BlocksMoved(0, "PUA", "WRITE", 2, 1 << 40, 512): "PUA: unit 2: WRITE 512 bytes at LBN 1099511627776",
    BitmapChanged(0, "ALPHA1", 0x10001, 7, 3, True): "ALPHA1: bitmap 00010001: 3 bits from 7 set",
    CopyMoved(0, "ALPHA1", "$1$DUA1:", 1016): "ALPHA1: $1$DUA1: is equal below LBN 1016",
    ConsoleLine(0, "ALPHA1", "%PU-W-RESTART, sœur"): "ALPHA1: %PU-W-RESTART, sœur",
}


def test_every_kind_of_event_has_its_words(tmp_path: Path, script: Path) -> None:
    file = capture(tmp_path / "t.pcapng", list(EVENTS))
    assert tshark("-r", file, "-Y", MALFORMED, script=script) == ""
    assert [row[0] for row in fields(file, script, "_ws.col.Info")] == list(EVENTS.values())


def test_scsi_commands_are_read_by_wiresharks_own_dissector(tmp_path: Path, script: Path) -> None:
    sense = bytes.fromhex("70000300000000 0a00000000 11000000 0000")
    events: list[Event] = [
        TaskTaken(0, "DKA0", 3, 7, bytes.fromhex("28000000000500000100")),
        TaskEnded(1, "DKA0", 7, 2, sense),
        TaskTaken(2, "DKA0", 0, 8, bytes.fromhex("7f00000000000018") + bytes(24)),
    ]
    file = capture(tmp_path / "t.pcapng", events)
    assert tshark("-r", file, "-Y", "_ws.malformed", script=script) == ""
    read, check, _ = tshark("-r", file, script=script).splitlines()
    assert "Read(10) LUN: 0x03" in read
    assert "Check Condition" in check
    assert "0x03" in fields(file, script, "scsi.sns.key")[1][0]


# ---- a whole world


def test_nothing_that_a_world_does_is_malformed(tmp_path: Path, script: Path) -> None:
    world = World()
    controller = world.add_controller(load_firmware("rqdx3"))
    disk = MemoryDevice(41_560)
    controller.attach_unit(0, disk, drive_for(controller.firmware, disk))
    vax = world.add_vax("VAX1", controller)
    path = tmp_path / "t.pcapng"
    with path.open("wb") as file:
        writer = PcapngWriter(file.write, application="hbvs", wall_ns=lambda: 957_533_400_000_000_123)
        world.tracer.subscribe(writer.hear)
        world.boot()
    assert vax.disks
    assert tshark("-r", str(path), "-Y", MALFORMED, script=script) == ""
    names = {row[0] for row in fields(str(path), script, "frame.interface_name")}
    assert controller.name in names
    comments = {row[0] for row in fields(str(path), script, "frame.comment")}
    assert comments == {"wall clock 2000-05-05 13:30:00.000000123 UTC"}
    times = [row[0] for row in fields(str(path), script, "frame.time_epoch")]
    assert times[3] == "0.001000000"  # the self test of an RQDX3 takes a millisecond here


# ---- the bus link


def link(kind: Kind, data: bytes = b"", **head: int) -> bytes:
    return LinkHeader.pack_fields(kind=kind, length=len(data), **head) + data


LINK = (
    link(
        Kind.HELLO,
        Hello.pack_fields(magic=b"HBVS", version=1, bus=1, csr=0o17772150, name=b"PDP11".ljust(32, b"\0")),
    ),
    link(Kind.WRITE, address=2, value=0x8000, flags=1),
    link(Kind.READ, Extent.pack_fields(address=0x1000, length=4) + bytes(4)),
    link(Kind.RESET),
    link(Kind.TICK),
    link(Kind.DMA_DATA, bytes(512)),
    link(Kind.DMA_DONE, value=5),
    link(Kind.GRANTED),
    link(Kind.ANSWER),
    link(Kind.SHADOW, address=2, flags=3, value=0x0B40),
    link(Kind.WATCH, Watch.pack_fields(kind=1, address=0x2000, length=8)),
    link(Kind.DMA_READ, Extent.pack_fields(address=0x1000, length=512) * 2),
    link(Kind.DMA_WRITE, Extent.pack_fields(address=0x1000, length=512) + bytes(range(256)) * 2),
    link(Kind.ANNOUNCE, Extent.pack_fields(address=0x1000, length=4) + bytes(4), value=0o774),
    link(Kind.INTERRUPT, value=0o774),
    link(Kind.WITHDRAW),
    link(Kind.CALL, value=100),
    link(Kind.GOODBYE, b"the controller is being switched off"),
)


def link_capture(tmp_path: Path, segments: tuple[bytes, ...]) -> str:
    """A capture of one direction of a connection, in TCP segments."""
    dump, path = tmp_path / "dump.txt", tmp_path / "tcp.pcapng"
    dump.write_text("\n".join(f"000000 {segment.hex(' ')}" for segment in segments) + "\n")
    text2pcap = require("text2pcap", "tshark")
    command = [text2pcap, "-q", "-T", "40000,5001", str(dump), str(path)]
    subprocess.run(command, capture_output=True, check=True, timeout=60)
    return str(path)


def test_every_message_of_the_bus_link_is_known_on_tcp(tmp_path: Path, script: Path) -> None:
    assert {message[0] for message in LINK} == set(Kind)
    file = link_capture(tmp_path, LINK)
    assert tshark("-r", file, "-Y", MALFORMED, script=script) == ""
    kinds = [row[0] for row in fields(file, script, "buslink.kind")]
    assert [kind.split(",")[0] for kind in kinds] == [str(message[0]) for message in LINK]


def test_messages_of_the_bus_link_are_put_together_from_segments(tmp_path: Path, script: Path) -> None:
    stream = b"".join(LINK)
    segments = (stream[:100], stream[100:105], stream[105:900], stream[900:])
    file = link_capture(tmp_path, segments)
    assert tshark("-r", file, "-Y", MALFORMED, script=script) == ""
    rows = tshark("-r", file, "-T", "json", script=script)
    assert rows.count('"buslink.epoch"') == len(LINK)


def test_a_message_of_the_bus_link_says_its_parts(tmp_path: Path, script: Path) -> None:
    file = link_capture(tmp_path, LINK)
    lines = tshark("-r", file, script=script).splitlines()
    assert "SHADOW, epoch 0, address 2, value B40" in lines[9]
    assert "DMA_READ, epoch 0, address 0, value 0, 2 extents" in lines[11]
    assert "the controller is being switched off" in lines[17]
