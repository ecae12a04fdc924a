"""An initiator that writes its PDUs byte by byte, and a SCSI device of a few commands, for the tests of iSCSI."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from emu.core.clock import Scheduler
from emu.front.iscsi.chap import Credentials
from emu.front.iscsi.connection import Connection
from emu.front.iscsi.node import Node
from emu.front.iscsi.transfer import DataTransfer

TARGET = "iqn.2026-01.test:disk"
INITIATOR = "iqn.2026-01.test:initiator"
NO_TAG = 0xFFFFFFFF
BLOCK = 512
GOOD, CHECK_CONDITION = 0, 2
SENSE_OPCODE = bytes.fromhex("700005000000000a00000000200000000000")


def u16(value: int) -> bytes:
    return value.to_bytes(2, "big")


def u24(value: int) -> bytes:
    return value.to_bytes(3, "big")


def u32(value: int) -> bytes:
    return (value & 0xFFFFFFFF).to_bytes(4, "big")


def crc32c(data: bytes) -> bytes:
    """The reflected polynomial 82F63B78, bit by bit: a second witness."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return (crc ^ 0xFFFFFFFF).to_bytes(4, "little")


# ---- a device


class SmallTask(DataTransfer):
    """A task of the small device."""

    def __init__(
        self, device: "SmallDevice", lun: bytes, cdb: bytes, tag: int, sizes: tuple[int, int]
    ) -> None:
        self.device = device
        self.lun = lun
        self.cdb = cdb
        self.tag = tag
        self.expected_in, self.expected_out = sizes
        self.ended = False

    def end(self, status: int = GOOD, sense: bytes = b"") -> None:
        if not self.ended:
            self.ended = True
            self.device.tasks.remove(self)
            self.complete(status, sense)


class SmallDevice:
    """READ(10), WRITE(10) and TEST UNIT READY on one unit; with `late` set, nothing ends before `finish`."""

    def __init__(self, blocks: int = 1024) -> None:
        self.data = bytearray(blocks * BLOCK)
        self.nexuses: list[str] = []
        self.transport_ids: list[bytes] = []
        self.tasks: list[SmallTask] = []
        self.late = False
        self.managed: list[int] = []
        self.written: list[int] = []

    def connect(self, initiator_port: str, transport_id: bytes) -> str:
        self.nexuses.append(initiator_port)
        self.transport_ids.append(transport_id)
        return initiator_port

    def disconnect(self, nexus: str) -> None:
        self.nexuses.remove(nexus)
        self.tasks = []

    def task(
        self,
        nexus: str,
        lun: bytes,
        cdb: bytes,
        attribute: int,
        tag: int,
        expected_in: int,
        expected_out: int,
    ) -> SmallTask:
        return SmallTask(self, lun, cdb, tag, (expected_in, expected_out))

    def submit(self, task: SmallTask) -> None:
        self.tasks.append(task)
        if not self.late:
            self._do(task)

    def finish(self) -> None:
        """Do whatever waits."""
        for task in list(self.tasks):
            self._do(task)

    def _do(self, task: SmallTask) -> None:
        opcode, lba, count = (
            task.cdb[0],
            int.from_bytes(task.cdb[2:6], "big"),
            int.from_bytes(task.cdb[7:9], "big"),
        )
        start, length = lba * BLOCK, count * BLOCK
        if opcode == 0x00:
            task.end()
        elif opcode == 0x28:
            at = start
            for view in task.room(length):
                view[:] = self.data[at : at + len(view)]
                at += len(view)
            task.send(length)
            task.end()
        elif opcode == 0x2A:
            task.fetch(length, lambda views: self._write(task, start, views))
        else:
            task.end(CHECK_CONDITION, SENSE_OPCODE)

    def _write(self, task: SmallTask, start: int, views: Sequence[memoryview]) -> None:
        data = b"".join(views)
        self.data[start : start + len(data)] = data
        self.written.append(len(data))
        task.end()

    def manage(self, function: int, nexus: str, lun: bytes, tag: int) -> int:
        self.managed.append(function)
        hit = [task for task in self.tasks if function != 1 or task.tag == tag]
        for task in hit:
            task.ended = True
            self.tasks.remove(task)
            task.aborted()
        return 0 if hit or function != 1 else 1


# ---- an initiator


@dataclass
class Pdu:
    """What came: a header, its data without the padding."""

    header: bytes
    data: bytes

    @property
    def opcode(self) -> int:
        return self.header[0] & 0x3F

    @property
    def flags(self) -> int:
        return self.header[1]

    def word(self, offset: int) -> int:
        return int.from_bytes(self.header[offset : offset + 4], "big")

    def half(self, offset: int) -> int:
        return int.from_bytes(self.header[offset : offset + 2], "big")

    @property
    def itt(self) -> int:
        return self.word(16)

    @property
    def text(self) -> dict[str, str]:
        return dict(pair.split("=", 1) for pair in self.data.decode().split("\0") if pair)


@dataclass
class Bench:
    """A node with one small device on a clock."""

    credentials: Credentials | None = None
    device: SmallDevice = field(default_factory=SmallDevice)
    clock: Scheduler = field(default_factory=Scheduler)
    node: Node = field(init=False)

    def __post_init__(self) -> None:
        self.node = Node(
            self.clock, {TARGET: self.device}, lambda count: bytes(range(7, 7 + count)), self.credentials
        )

    def initiator(self) -> "Initiator":
        return Initiator(self.node.accept("127.0.0.1:3260", "test"))


class Initiator:
    """Says what it is told to say.  digests: header, data."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.hung_up = False
        self.cmd_sn = 1
        self.exp_stat_sn = 1
        self.digests = (False, False)
        self._in = b""
        connection.hang_up = self._hang_up

    def _hang_up(self) -> None:
        self.hung_up = True
        self.connection.lost()

    # ---- bytes

    def send(self, data: bytes) -> None:
        self.connection.receive(data)

    def pdu(self, header: bytes, data: bytes = b"", ahs: bytes = b"") -> bytes:
        """A PDU whose header has no lengths yet."""
        head = header[:4] + bytes((len(ahs) // 4,)) + u24(len(data)) + header[8:] + ahs
        assert len(header) == 48
        body = data + bytes(-len(data) % 4)
        if self.digests[0]:
            head += crc32c(head)
        if self.digests[1] and data:
            body += crc32c(body)
        return head + body

    def receive(self) -> list[Pdu]:
        """Everything that has come."""
        while parts := self.connection.outgoing():
            self._in += b"".join(parts)
        found = []
        while self._in:
            length = int.from_bytes(self._in[5:8], "big")
            at = 48
            if self.digests[0]:
                assert self._in[48:52] == crc32c(self._in[:48])
                at = 52
            padded = length + -length % 4
            body = self._in[at : at + padded]
            assert len(body) == padded
            assert body[length:] == bytes(padded - length)
            end = at + padded
            if self.digests[1] and length:
                assert self._in[end : end + 4] == crc32c(body)
                end += 4
            found.append(Pdu(self._in[:48], body[:length]))
            self._in = self._in[end:]
        return found

    def one(self) -> Pdu:
        """The only PDU that has come."""
        found = self.receive()
        assert len(found) == 1, [pdu.header.hex() for pdu in found]
        return found[0]

    # ---- login

    def login_pdu(
        self,
        text: str,
        flags: int = 0x87,
        tsih: int = 0,
        cid: int = 1,
        isid: bytes = bytes.fromhex("800000000001"),
        version: int = 0,
    ) -> bytes:
        data = text.replace(" ", "\0").encode() + (b"\0" if text else b"")
        header = (
            bytes((0x43, flags, version, version))
            + bytes(4)
            + isid
            + u16(tsih)
            + u32(0x11)
            + u16(cid)
            + bytes(2)
            + u32(self.cmd_sn)
            + u32(self.exp_stat_sn)
            + bytes(16)
        )
        return self.pdu(header, data)

    def ask(self, text: str, flags: int = 0x87, **fields: object) -> Pdu:
        """One step of a login."""
        self.send(self.login_pdu(text, flags, **fields))  # type: ignore[arg-type]
        return self.one()

    def login(self, keys: str = "", **fields: object) -> Pdu:
        """Log in, straight into full feature phase."""
        answer = self.ask(
            f"InitiatorName={INITIATOR} TargetName={TARGET} SessionType=Normal {keys}".strip(), **fields
        )
        assert answer.half(36) == 0, answer.header.hex()
        assert answer.flags == 0x87
        self.digests = (
            answer.text.get("HeaderDigest") == "CRC32C",
            answer.text.get("DataDigest") == "CRC32C",
        )
        return answer

    # ---- commands

    def command_pdu(
        self,
        cdb: bytes,
        flags: int,
        expected: int = 0,
        tag: int = 1,
        data: bytes = b"",
        immediate: bool = False,
        cmd_sn: int | None = None,
        ahs: bytes = b"",
    ) -> bytes:
        header = (
            bytes((0x41 if immediate else 0x01, flags, 0, 0))
            + bytes(4)
            + bytes(8)
            + u32(tag)
            + u32(expected)
            + u32(self.cmd_sn if cmd_sn is None else cmd_sn)
            + u32(self.exp_stat_sn)
            + cdb.ljust(16, b"\0")
        )
        if not immediate and cmd_sn is None:
            self.cmd_sn += 1
        return self.pdu(header, data, ahs)

    def read_pdu(
        self, lba: int, count: int, tag: int = 1, expected: int | None = None, flags: int = 0xC1
    ) -> bytes:
        return self.command_pdu(
            read_10(lba, count), flags, count * BLOCK if expected is None else expected, tag
        )

    def write_pdu(
        self,
        lba: int,
        count: int,
        data: bytes = b"",
        tag: int = 1,
        expected: int | None = None,
        flags: int = 0xA1,
    ) -> bytes:
        return self.command_pdu(
            write_10(lba, count), flags, count * BLOCK if expected is None else expected, tag, data
        )

    def data_out_pdu(
        self, data: bytes, offset: int, data_sn: int, ttt: int, final: bool, tag: int = 1
    ) -> bytes:
        header = (
            bytes((0x05, 0x80 if final else 0, 0, 0))
            + bytes(12)
            + u32(tag)
            + u32(ttt)
            + bytes(4)
            + u32(self.exp_stat_sn)
            + bytes(4)
            + u32(data_sn)
            + u32(offset)
            + bytes(4)
        )
        return self.pdu(header, data)

    def request_pdu(
        self,
        opcode: int,
        flags: int = 0x80,
        itt: int = 7,
        word5: int = NO_TAG,
        lun: bytes = bytes(8),
        data: bytes = b"",
        tail: bytes = bytes(16),
    ) -> bytes:
        """A request of the common form; the immediate ones keep the number."""
        header = (
            bytes((opcode, flags, 0, 0))
            + bytes(4)
            + lun
            + u32(itt)
            + u32(word5)
            + u32(self.cmd_sn)
            + u32(self.exp_stat_sn)
            + tail
        )
        if not opcode & 0x40:
            self.cmd_sn += 1
        return self.pdu(header, data)

    def text(self, text: str) -> Pdu:
        self.send(self.request_pdu(0x04, data=text.encode() + b"\0"))
        return self.one()

    def manage(self, function: int, referenced: int = NO_TAG, ref_cmd_sn: int = 0) -> Pdu:
        self.send(self.request_pdu(0x42, 0x80 | function, word5=referenced, tail=u32(ref_cmd_sn) + bytes(12)))
        return self.one()

    def logout(self, reason: int = 0, cid: int = 1) -> Pdu:
        self.send(self.request_pdu(0x46, 0x80 | reason, word5=cid << 16))
        return self.one()


def read_10(lba: int, count: int) -> bytes:
    return b"\x28\0" + u32(lba) + b"\0" + u16(count) + b"\0"


def write_10(lba: int, count: int) -> bytes:
    return b"\x2a\0" + u32(lba) + b"\0" + u16(count) + b"\0"
