"""The MSCP server, packet by packet: a host that types its commands, and a disk of memory."""

import pytest

from drivers.classes.disk import Disk, UnitState
from drivers.cluster.mscp_server import MscpServer, server_identifier
from drivers.cluster.scs import Connection, Scs
from drivers.platform.host import Platform
from drivers.platform.irp import Irp
from drivers.platform.process import Procedure
from emu.wire.codes.vms import IO, SS
from tests.unit.cluster_stage import Ether

BLOCKS = 400
SYSTEM = 2
WRITTEN = bytes(range(256)) * 4  # two blocks


class MemoryDisk(Disk):
    """A disk in memory, its own driver, that answers a little later.

    It can be made to hold what it is asked, or to fail it.
    """

    allocation_class = 1

    def __init__(self, platform: Platform, name: str = "$1$DUA10:", media: str = "DU RA92") -> None:
        super().__init__(self, name, media, 0x0211_0000_0000_0007)
        self.node = platform
        self.data = bytearray(512 * BLOCKS)
        self.holds = False
        self.held: list[Irp] = []
        self.fails_at: dict[int, SS] = {}

    @property
    def platform(self) -> Platform:
        return self.node

    def bring_online(self, unit: Disk) -> Procedure:
        yield 1000
        if self.state is UnitState.OFFLINE:
            return SS.MEDOFL
        self.block_count = BLOCKS
        self.enter(UnitState.ONLINE)
        return SS.NORMAL

    def make_available(self, unit: Disk) -> Procedure:
        raise AssertionError("it is not given up here")

    def start_io(self, unit: Disk, irp: Irp) -> None:
        if self.holds:
            self.held.append(irp)
        else:
            self.node.fork(lambda: self.answer(irp))

    def go_on(self) -> None:
        self.holds = False
        held, self.held = self.held, []
        for irp in held:
            self.answer(irp)

    def answer(self, irp: Irp) -> None:
        start, end = 512 * irp.lbn, 512 * irp.lbn + irp.byte_count
        irp.status = int(self.fails_at.get(irp.lbn, SS.NORMAL))
        if irp.status == SS.NORMAL:
            irp.transferred = irp.byte_count
            if irp.function == IO.DSE:
                self.data[start:end] = bytes(irp.byte_count)
            else:
                view = self.node.window(irp.address, irp.byte_count)
                if irp.function == IO.READPBLK:
                    view[:] = self.data[start:end]
                elif irp.function == IO.WRITEPBLK:
                    self.data[start:end] = view
                elif self.data[start:end] != view:
                    irp.status, irp.transferred = int(SS.DATACHECK), 0
        self.queue_length -= 1
        irp.complete()

    def force_error(self, lbn: int) -> Procedure:
        yield 1000
        self.fails_at[lbn] = SS.FORCEDERROR
        return SS.NORMAL


class Stage:
    """Node A is the host, node B the server with one disk; `said` is what the server says, as bytes."""

    def __init__(self) -> None:
        self.ether = Ether("A", "B")
        self.scs = {name: Scs(port) for name, port in self.ether.ports.items()}
        self.disk = MemoryDisk(self.ether.platforms["B"])
        self.disks: list[Disk] = [self.disk]
        self.server = MscpServer(self.ether.platforms["B"], server_identifier(SYSTEM), lambda: self.disks)
        self.server.start(self.scs["B"])
        self.said: list[bytes] = []
        self.is_open = False
        self.buffer = bytearray(512 * BLOCKS)
        self.ether.start()
        self.ether.run(3.5)
        circuit = self.ether.ports["A"].circuits[SYSTEM]
        self.connection = self.scs["A"].connect(circuit, "MSCP$DISK", "VMS$DISK_CL_DRVR", self)
        self.ether.run(0.1)
        self.name = self.connection.transfers.map(memoryview(self.buffer))

    def opened(self, connection: Connection) -> None:
        self.is_open = True

    def message_came(self, connection: Connection, data: bytes) -> None:
        self.said.append(data)

    def datagram_came(self, connection: Connection, data: bytes) -> None:
        raise AssertionError("the server sends no datagrams")

    def closed(self, connection: Connection, reason: int) -> None:
        self.is_open = False

    def send(self, *texts: str | bytes) -> None:
        for text in texts:
            self.connection.send_message(bytes.fromhex(text) if isinstance(text, str) else text)

    def ask(self, *texts: str | bytes) -> bytes:
        """Send commands; returns the one message that comes back."""
        self.send(*texts)
        return self.answer()

    def answer(self) -> bytes:
        self.ether.run(0.2)
        (answer,) = self.said
        self.said.clear()
        return answer

    def online(self) -> "Stage":
        assert status(self.ask("01000000 0a00 0000 09 00 0000")) == 0
        return self

    def transfer(
        self, opcode: int, lbn: int, byte_count: int, *, offset: int = 0, name: int = 0, modifiers: int = 0
    ) -> bytes:
        longwords = (byte_count, offset, name or self.name, self.connection.conid, lbn)
        header = bytes.fromhex("44330000 0a00 0000") + bytes((opcode, 0)) + modifiers.to_bytes(2, "little")
        return header + b"".join(value.to_bytes(4, "little") for value in longwords)

    def free_bytes(self) -> int:
        return self.ether.platforms["B"].pool.free_bytes


def status(end: bytes) -> int:
    return int.from_bytes(end[10:12], "little")


def count(end: bytes) -> int:
    return int.from_bytes(end[12:16], "little")


def test_set_controller_characteristics_is_answered_as_by_a_vms_server() -> None:
    end = Stage().ask("07000000 0000 0000 04 00 0000 0000 d000 0000 0000 0000000000000000")
    # flags A004, version 47 and 05, class 1, model 4, 28 bytes: measured at a VMS server
    assert end.hex(" ", 4) == "07000000 00000000 84000000 000004a0 78004705 02000000 00000401"


def test_a_wrong_version_of_mscp_is_refused() -> None:
    end = Stage().ask("07000000 0000 0000 04 00 0000 0100 d000")
    assert end.hex(" ", 4) == "07000000 00000000 8000010c"


@pytest.mark.parametrize("opcode", ["00", "05", "0d", "11", "13", "14", "18", "19", "2f", "40", "a1", "ff"])
def test_every_other_opcode_is_an_invalid_command(opcode: str) -> None:
    assert Stage().ask(f"99000000 0a00 0000 {opcode} 00 0000").hex(" ", 4) == "99000000 0a000000 80000108"


def test_the_next_unit_is_found_and_behind_the_last_one_the_walk_begins_again() -> None:
    stage = Stage()
    end = stage.ask("01000000 0000 0000 03 00 0100")
    assert len(end) == 52
    assert end[:12].hex(" ", 4) == "01000000 0a000000 83000400"  # unit 10, available
    assert end[20:32].hex(" ", 4) == "07000000 00001102 5c106425"  # identifier, DU RA92
    assert end[48:50].hex() == "6e00"
    end = stage.ask("02000000 0b00 0000 03 00 0100")
    assert end[4:6].hex() == "0a00"


def test_a_unit_that_is_not_there_is_offline_for_every_command() -> None:
    for opcode in ("03", "07", "08", "09", "0a", "10", "12", "20", "21", "22"):
        assert status(Stage().ask(f"01000000 0500 0000 {opcode} 00 0000")) == 0x0003


def test_a_unit_tells_the_name_that_it_has_at_its_node() -> None:
    end = Stage().ask("01000000 0a00 0000 03 00 0000")
    assert status(end) == 4
    stage = Stage()
    stage.ask("01000000 0000 0000 03 00 0100")
    end = stage.ask("01000000 0a00 0000 07 00 0000")
    assert (status(end), count(end), end[16:25]) == (0, 9, b"$1$DUA10:")


def test_disks_of_other_kinds_have_server_local_numbers() -> None:
    stage = Stage()
    platform = stage.ether.platforms["B"]
    stage.disks += [
        MemoryDisk(platform, "$1$DKA300:", "DK RZ28"),
        MemoryDisk(platform, "$1$DUB300:"),
        MemoryDisk(platform, "$1$DKB300:", "DK HSZ40000"),
    ]
    numbers = {disk.name: number for number, disk in stage.server.known_units().items()}
    assert numbers == {"$1$DUA10:": 10, "$1$DKA300:": 0x412C, "$1$DUB300:": 0x492C, "$1$DKB300:": 0x492D}


def test_a_unit_is_brought_on_line_once_and_given_up() -> None:
    stage = Stage()
    stage.ask("01000000 0000 0000 03 00 0100")
    end = stage.ask("01000000 0a00 0000 09 00 0000")
    assert end[:12].hex(" ", 4) == "01000000 0a000000 89000000"
    assert (len(end), end[36:40].hex()) == (44, "90010000")  # 400 blocks
    assert status(stage.ask("02000000 0a00 0000 09 00 0000")) == 0x0100
    assert status(stage.ask("03000000 0a00 0000 03 00 0000")) == 0
    assert status(stage.ask("04000000 0a00 0000 08 00 0000")) == 0
    assert status(stage.ask(stage.transfer(0x21, 0, 512))) == 0x0004


def test_a_unit_without_volume_does_not_come_on_line() -> None:
    stage = Stage()
    stage.disk.state = UnitState.OFFLINE
    assert status(stage.ask("03000000 0a00 0000 03 00 0100")) == 0x0023
    assert status(stage.ask("01000000 0a00 0000 09 00 0000")) == 0x0023


def ready() -> Stage:
    stage = Stage()
    stage.ask("01000000 0000 0000 03 00 0100")
    return stage.online()


def test_a_write_fetches_the_host_s_data_and_a_read_brings_them() -> None:
    stage = ready()
    free = stage.free_bytes()
    stage.buffer[100 : 100 + len(WRITTEN)] = WRITTEN
    end = stage.ask(stage.transfer(0x22, 5, 1024, offset=100))
    assert end[:16].hex(" ", 4) == "44330000 0a000000 a2000000 00040000"
    assert len(end) == 36
    assert stage.disk.data[2560:3584] == WRITTEN
    end = stage.ask(stage.transfer(0x21, 5, 1024, offset=9000))
    assert end[:16].hex(" ", 4) == "44330000 0a000000 a1000000 00040000"
    assert len(end) == 32
    assert stage.buffer[9000:10024] == WRITTEN
    assert stage.free_bytes() == free


def test_a_long_transfer_goes_in_fragments() -> None:
    stage = ready()
    stage.buffer[:] = bytes(number * 7 // 512 & 0xFF for number in range(512 * BLOCKS))
    end = stage.ask(stage.transfer(0x22, 0, 512 * BLOCKS))
    assert (status(end), count(end)) == (0, 512 * BLOCKS)
    assert stage.disk.data == stage.buffer


def test_compare_access_and_erase() -> None:
    stage = ready()
    stage.disk.data[:1024] = WRITTEN
    stage.buffer[:1024] = WRITTEN
    assert status(stage.ask(stage.transfer(0x20, 0, 1024))) == 0
    assert status(stage.ask(stage.transfer(0x20, 1, 1024))) == 0x0007
    assert status(stage.ask(stage.transfer(0x10, 0, 1024, name=0xDEAD))) == 0
    assert status(stage.ask(stage.transfer(0x12, 0, 512, name=0xDEAD))) == 0
    assert stage.disk.data[:1024] == bytes(512) + WRITTEN[512:]


def test_a_forced_error_is_written_and_read() -> None:
    stage = ready()
    assert status(stage.ask(stage.transfer(0x22, 3, 512, modifiers=0x1000))) == 0
    assert status(stage.ask(stage.transfer(0x21, 3, 512))) == 0x0008


@pytest.mark.parametrize(
    ("lbn", "byte_count", "expected"),
    [(BLOCKS, 512, 0x1C01), (BLOCKS - 1, 1024, 0x0C01), (0, 511, 0x0049), (0xFFFF_FFFF, 0, 0x1C01)],
)
def test_an_extent_that_does_not_fit_is_refused(lbn: int, byte_count: int, expected: int) -> None:
    stage = ready()
    end = stage.ask(stage.transfer(0x22, lbn, byte_count))
    assert (status(end), count(end)) == (expected, 0)


def test_a_buffer_that_is_none_or_too_short_is_the_host_s_error() -> None:
    stage = ready()
    assert status(stage.ask(stage.transfer(0x21, 0, 512, name=0xDEAD))) == 0x00C9
    assert status(stage.ask(stage.transfer(0x22, 0, 512, name=0xDEAD))) == 0x00C9
    assert status(stage.ask(stage.transfer(0x22, 0, 512, offset=512 * BLOCKS))) == 0x00E9
    assert stage.disk.data == bytes(512 * BLOCKS)


def test_a_write_protected_disk_is_not_written() -> None:
    stage = ready()
    stage.disk.write_protected = True
    assert status(stage.ask(stage.transfer(0x22, 0, 512))) == 0x2006
    assert status(stage.ask(stage.transfer(0x12, 0, 512))) == 0x2006


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (SS.PARITY, 0x00E8),
        (SS.CTRLERR, 0x000A),
        (SS.DRVERR, 0x000B),
        (SS.MEDOFL, 0x0023),
        (SS.TIMEOUT, 0x000A),
    ],
)
def test_an_error_of_the_disk_is_told_with_what_was_done_before(error: SS, expected: int) -> None:
    stage = ready()
    stage.disk.fails_at[127] = error  # the second fragment
    end = stage.ask(stage.transfer(0x21, 0, 512 * 200))
    assert (status(end), count(end)) == (expected, 512 * 127)


def test_available_waits_for_a_read_and_holds_back_the_next_one() -> None:
    stage = ready()
    stage.disk.holds = True
    available = bytes.fromhex("05000000 0a00 0000 08 00 0000")
    stage.send(stage.transfer(0x21, 0, 512), available, stage.transfer(0x21, 0, 512))
    stage.ether.run(0.2)
    assert stage.said == []
    stage.disk.go_on()
    stage.ether.run(0.2)
    assert [(end[8], status(end)) for end in stage.said] == [(0xA1, 0), (0x88, 0), (0xA1, 4)]


def test_command_status_counts_what_is_left_and_a_command_can_be_aborted() -> None:
    stage = ready()
    stage.disk.holds = True
    stage.send(stage.transfer(0x21, 0, 512 * 200))
    end = stage.ask("08000000 0a00 0000 02 00 0000 44330000")
    assert end.hex(" ", 4) == "08000000 0a000000 82000000 44330000 00900100"  # 102400 bytes
    end = stage.ask("09000000 0a00 0000 01 00 0000 44330000")
    assert end.hex(" ", 4) == "09000000 0a000000 81000000 44330000"
    stage.disk.go_on()
    end = stage.answer()
    assert (end[8], status(end)) == (0xA1, 0x0002)
    assert stage.ask("08000000 0a00 0000 02 00 0000 44330000")[16:20] == bytes(4)


def test_a_command_that_waits_is_aborted_at_once() -> None:
    stage = ready()
    stage.disk.holds = True
    stage.send(stage.transfer(0x21, 0, 512), "05000000 0a00 0000 08 00 0000")
    stage.send("09000000 0a00 0000 01 00 0000 05000000")
    stage.ether.run(0.2)
    assert [(end[8], status(end)) for end in stage.said] == [(0x88, 2), (0x81, 0)]


def test_a_unit_that_appears_is_announced_to_hosts_that_want_to_know() -> None:
    stage = Stage()
    stage.disks.append(MemoryDisk(stage.ether.platforms["B"], "$1$DUA11:"))
    stage.ether.run(2)
    assert stage.said == []
    stage.ask("07000000 0000 0000 04 00 0000 0000 8000")
    stage.disks.append(MemoryDisk(stage.ether.platforms["B"], "$1$DUA12:"))
    stage.ether.run(2)
    (attention,) = stage.said
    assert len(attention) == 32
    assert attention[:12].hex(" ", 4) == "00000000 0c000000 40000000"


def test_a_host_that_leaves_gets_no_answer_and_leaves_no_memory_behind() -> None:
    stage = ready()
    free = stage.free_bytes()
    stage.disk.holds = True
    stage.send(stage.transfer(0x21, 0, 512), "05000000 0a00 0000 08 00 0000")
    stage.ether.run(0.1)
    stage.connection.disconnect()
    stage.ether.run(0.1)
    assert stage.server.hosts == []
    stage.disk.go_on()
    stage.ether.run(0.1)
    assert stage.said == []
    assert stage.free_bytes() == free


def test_a_host_that_leaves_while_data_move_leaves_no_memory_behind() -> None:
    stage = ready()
    free = stage.free_bytes()
    stage.send(stage.transfer(0x22, 0, 512 * BLOCKS))
    assert stage.ether.clock.run_until(lambda: stage.free_bytes() < free)
    stage.connection.circuit.close()
    stage.ether.run(0.5)
    assert stage.server.hosts == []
    assert stage.free_bytes() == free


def test_a_host_with_endless_commands_loses_its_connection() -> None:
    stage = ready()
    stage.disk.holds = True
    stage.send(*(stage.transfer(0x21, 0, 512) for _ in range(100)))
    stage.ether.run(1)
    assert not stage.is_open
    assert stage.server.hosts == []


def test_a_disk_that_dropped_from_on_line_is_available_again() -> None:
    stage = ready()
    stage.disk.state = UnitState.AVAILABLE
    assert status(stage.ask(stage.transfer(0x21, 0, 512))) == 0x0004
    stage.online()
    assert status(stage.ask(stage.transfer(0x21, 0, 512))) == 0


def test_short_and_long_messages_are_commands_too() -> None:
    stage = ready()
    assert stage.ask(b"")[8:12].hex() == "80000108"
    assert stage.ask(b"\x01")[8:12].hex() == "80000108"
    assert status(stage.ask(bytes.fromhex("03000000 0a00 0000 03 00 0000") + bytes(200))) == 0
