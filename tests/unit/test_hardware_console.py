"""The consoles for the hardware: whole sessions as text, and bad input for every verb."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.console.hardware import Cabinet, Grammar, HardwareConsole
from emu.console.hardware.grammar import parse
from emu.console.hardware.help import reference
from emu.console.hardware.operations import OPERATIONS
from emu.console.host_files import HostFileError, HostFileExists
from emu.core.block import BlockDevice
from emu.core.bus import BusError, NonexistentMemory, Run
from emu.core.clock import MILLISECOND_NS, SECOND_NS
from emu.media.memory import MemoryDevice
from emu.media.slow import SlowDevice, fixed_times
from emu.shells.firmware_files import load_firmware
from emu.sim.mirror import MirrorMedia, MirrorSet
from emu.sim.world import World, drive_for
from tests.dumb_host import DATA, DumbHost, status

RX33_BLOCKS = 2400


class Output:
    """A file being made."""

    def __init__(self, files: "Files", name: str) -> None:
        self._files = files
        self._name = name
        self._data = bytearray()
        files.open += 1

    def write(self, view: memoryview) -> None:
        if self._files.full:
            raise HostFileError("no space left")
        self._data += view

    def keep(self) -> None:
        self._files.contents[self._name] = bytes(self._data)

    def close(self) -> None:
        self._files.open -= 1


class Lines:
    """A text file that grows."""

    def __init__(self, files: "Files", name: str) -> None:
        self._files = files
        self._name = name
        files.open += 1
        files.contents.setdefault(name, b"")

    def write_line(self, line: str) -> None:
        if self._files.full:
            raise HostFileError("no space left")
        self._files.contents[self._name] += line.encode() + b"\n"

    def close(self) -> None:
        self._files.open -= 1


class Image(MemoryDevice):
    """An image that remembers whether it was closed."""

    def __init__(self, block_count: int, *, write_protected: bool = False) -> None:
        super().__init__(block_count, write_protected=write_protected)
        self.closed = False

    def close(self) -> None:
        self.closed = True


class Files:
    """A host whose files are in memory: text by name, images by name and size."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        self.sizes: dict[str, int] = {"x.dsk": RX33_BLOCKS, "y.dsk": RX33_BLOCKS, "small.dsk": 7}
        self.images: dict[str, Image] = {}
        self.open = 0
        self.full = False

    def open_own_blocks(self, image: str, block_count: int, *, write_protected: bool) -> BlockDevice:
        if f"{image}.rct" in self.sizes:
            raise HostFileError(f"{image}.rct has {self.sizes[f'{image}.rct']} blocks, not {block_count}")
        return MemoryDevice(block_count, write_protected=write_protected)

    def open_image(self, path: str, *, read_only: bool, new_blocks: int | None) -> BlockDevice:
        present = self.images.get(path)
        if present is not None and not present.closed:
            raise HostFileError(f"{path} is in use")
        if new_blocks is not None:
            if path in self.sizes:
                raise HostFileError(f"{path} exists")
            self.sizes[path] = new_blocks
        if path not in self.sizes:
            raise HostFileError(f"{path} cannot be opened: No such file or directory")
        self.images[path] = Image(self.sizes[path], write_protected=read_only)
        return self.images[path]

    def read_text(self, name: str) -> str:
        if name not in self.contents:
            raise HostFileError(f"{name} cannot be read: No such file or directory")
        return self.contents[name].decode("latin-1")

    def create(self, name: str, *, overlay: bool) -> Output:
        if name in self.contents and not overlay:
            raise HostFileExists(f"{name} exists")
        return Output(self, name)

    def append(self, name: str) -> Lines:
        return Lines(self, name)


class Line:
    """A line whose other end answers what it was taught to."""

    def __init__(self, url: str, clock: "World") -> None:
        self.url = url
        self.sent = b""
        self.closed = False
        self.answers: dict[bytes, bytes] = {}
        self.hear: Callable[[bytes], None] = lambda data: None
        self._world = clock

    def send(self, data: bytes) -> None:
        self.sent += data
        if data in self.answers:
            self._world.clock.call_after(MILLISECOND_NS, lambda: self.hear(self.answers[data]))

    def listen(self, hear: Callable[[bytes], None]) -> None:
        self.hear = hear

    def close(self) -> None:
        self.closed = True


class Desk:
    """A world with an RQDX3, and operators who type."""

    def __init__(self, *, lines: bool = False) -> None:
        self.world = World()
        self.controller = self.world.add_controller(load_firmware("rqdx3"))
        self.files = Files()
        self.given: list[Line] = []
        self.cabinet = Cabinet(
            self.world, self.files, open_line=self._open_line if lines else None, product="hbvs 1.2"
        )
        self.said: list[str] = []
        self.simh = self.console(Grammar.SIMH)
        self.hsz = self.console(Grammar.HSOF)

    def _open_line(self, url: str) -> Line:
        if url == "tcp://nowhere":
            raise HostFileError(f"{url}: nobody answers")
        self.given.append(Line(url, self.world))
        return self.given[-1]

    def console(self, grammar: Grammar) -> HardwareConsole:
        return HardwareConsole(self.world, self.files, self.said.append, grammar, cabinet=self.cabinet)

    def do(self, *lines: str) -> list[str]:
        """Type lines at `hbvs>`; returns what they said."""
        return self._type(self.simh, lines)

    def hs(self, *lines: str) -> list[str]:
        """Type lines at `HBVS>`."""
        return self._type(self.hsz, lines)

    def _type(self, console: HardwareConsole, lines: tuple[str, ...]) -> list[str]:
        self.said.clear()
        for line in lines:
            console.execute(line)
        return list(self.said)

    def host(self) -> DumbHost:
        """Plug in a host, running, with unit 0 on line if there is one."""
        host = DumbHost(self.controller, 2)
        host.start()
        host.scc()
        if self.controller.units:
            assert status(host.online()) == 0
        return host


def with_host() -> tuple[Desk, DumbHost]:
    desk = Desk()
    desk.do("ATTACH DUA0 x.dsk")
    return desk, desk.host()


# ---- hbvs>


def test_a_session_at_the_simh_prompt() -> None:
    desk = Desk()
    assert desk.do(
        "attach -n dua0 new.dsk,rx33",
        "at -r dua1 y.dsk",
        "set dua0 locked",
        "show configuration",
        "sh dua0",
        "show ver",
        "set dua0 writeenabled",
        "det dua1",
        "show units",
    ) == [
        "DUA0: creating new file",
        "hbvs 1.2 configuration",
        "",
        "PUA, RQDX3, 2 units, plugged into no host",
        "  DUA0, RX33, 2400 blocks, attached to new.dsk, write locked",
        "  DUA1, RX33, 2400 blocks, attached to y.dsk, write locked",
        "DUA0, RX33, 2400 blocks, attached to new.dsk, write locked",
        "hbvs 1.2",
        "DUA0, RX33, 2400 blocks, attached to new.dsk, write enabled",
        "DUA1, RX33, 2400 blocks, not attached, write enabled",
    ]
    assert desk.files.images["y.dsk"].closed


def test_the_registers_of_a_running_port_are_shown_and_nothing_is_polled() -> None:
    desk, host = with_host()
    host.put(host.command(0x03))
    said = desk.do("EXAMINE PUA STATE", "E -h PUA SA", "E PUA CSTA,CQIDX")
    assert said[:4] == ["IP:\t000000", "SA:\t000000", "CSTA:\tRUN", "VEC:\t154"]
    assert "RQBA:\t00000010010" in said
    assert said[-3:] == ["SA:\t0000", "CSTA:\tRUN", "CQIDX:\t2"]
    assert host.take() is None


def test_a_deposit_in_ip_is_a_bus_initialise() -> None:
    desk, host = with_host()
    assert desk.do("DEPOSIT PUA IP 0", "EXAMINE PUA CSTA", "WAIT 2MS", "EXAMINE PUA CSTA,SA") == [
        "CSTA:\tRESET",
        "CSTA:\tS1",
        "SA:\t005500",
    ]
    assert host.line.withdrawn


def test_memory_is_shown_in_octal_hexadecimal_and_characters_and_can_be_changed() -> None:
    desk, host = with_host()
    host.ram.write(0x200, b"hbvs")
    assert desk.do("EXAMINE 1000-1003", "E PUA MEMORY 1000/2", "E -h 200", "E -a 1000", "E -d 512") == [
        "1000:\t061150",
        "1002:\t071566",
        "1000:\t061150",
        "1002:\t071566",
        "200:\t6268",
        "1000:\thb",
        "512:\t25192",
    ]
    assert desk.do("DEPOSIT 1000/2 177777", "D -h PUA MEMORY 204 BEEF", "E -h 200-205") == [
        "200:\tFFFF",
        "202:\tFFFF",
        "204:\tBEEF",
    ]


def test_blocks_are_shown_whole_with_their_characters() -> None:
    desk, host = with_host()
    host.ram.write(DATA, b"a block of a disk" + bytes(495))
    host.write(7, 512)
    said = desk.do("EXAMINE DUA0 7-8")
    assert said[:3] == [
        "DUA0 LBN 7",
        "0000:\t020141 066142 061557 020153 063157 060440 062040 071551  a block of a dis",
        "0020:\t000153 000000 000000 000000 000000 000000 000000 000000  k...............",
    ]
    assert said[33] == "DUA0 LBN 8"
    assert desk.do("EXAMINE -a DUA0 7")[1] == "0000:\ta block of a dis"


def test_a_block_is_changed_only_when_no_host_has_the_unit() -> None:
    desk, host = with_host()
    assert desk.do("DEPOSIT DUA0 7:10 123") == ["Command not allowed: a host has DUA0 on line"]
    host.reset()
    assert desk.do("DEPOSIT DUA0 7:10 123", "SET DUA0 LOCKED", "DEPOSIT DUA0 7 1") == [
        "Read only argument: DUA0 is write locked"
    ]
    assert desk.do("EXAMINE DUA0 7")[1].split()[5] == "000123"


def test_the_rings_are_told_with_their_messages() -> None:
    desk, host = with_host()
    host.put(host.command(0x21, parameters=(512).to_bytes(4, "little") + bytes(12) + b"\x05\0\0\0"))
    assert desk.do("SHOW RINGS") == [
        "Responses, 4 descriptors at 10010, next is 2",
        "   0  port F 0000020004  "
        "SET CONTROLLER CHARACTERISTICS end: crf 0x1, unit 0, cntf RPL, success, +15 credits",
        "   1  port F 0000020104  ONLINE end: crf 0x2, unit 0, unsz 2400, success, +2 credits",
        "   2  port, empty, up to 3",
        "Commands, 4 descriptors at 10030, next is 2",
        "   0  host F 0000020404  SET CONTROLLER CHARACTERISTICS: crf 0x1, unit 0",
        "   1  host F 0000020504  ONLINE: crf 0x2, unit 0",
        "   2  port F 0000020604  READ: crf 0x0, unit 0, bcnt 512, lbn 5".replace("0x0", f"{host.crf:#x}"),
        "   3  host, empty",
    ]


def test_a_descriptor_that_points_nowhere_is_told_as_such() -> None:
    desk, host = with_host()
    host.ram.write_longword(host.command_ring + 8, 0xC030_0000)
    assert desk.do("SHOW RINGS PUA")[-2] == "   2  port F 0014000000  (nothing answers there)"


class FarMemory:
    """The far end: answers a millisecond later."""

    def __init__(self, world: World, host: DumbHost) -> None:
        self._clock = world.clock
        self._ram = host.ram
        self.distant = self
        self.read_longword = host.ram.read_longword

    def fetch(self, runs: list[Run], done: Callable[[list[memoryview], BusError | None], None]) -> None:
        ((address, length),) = runs

        def answer() -> None:
            try:
                done([self._ram.read(address, length)], None)
            except NonexistentMemory as error:
                done([], error)

        self._clock.call_after(MILLISECOND_NS, answer)

    def store(
        self, runs: list[Run], views: list[memoryview], done: Callable[[BusError | None], None]
    ) -> None:
        ((address, _),) = runs
        self._clock.call_after(MILLISECOND_NS, lambda: (self._ram.write(address, views[0]), done(None))[0])


def test_memory_at_the_far_end_of_a_link_is_fetched() -> None:
    desk, host = with_host()
    host.port._memory = FarMemory(desk.world, host)  # type: ignore[assignment]  # what the console asks of it
    assert desk.do("DEPOSIT 1000-1003 52525", "EXAMINE 1000-1005", "EXAMINE 4000000") == [
        "1000:\t052525",
        "1002:\t052525",
        "1004:\t000000",
        "Address space exceeded: NonexistentMemory at bus address 0x100000",
    ]
    assert "ONLINE end" in desk.do("SHOW RINGS")[2]


def test_what_was_saved_comes_back() -> None:
    desk = Desk()
    desk.do("ATTACH DUA0 x.dsk", "ATTACH -r DUA2 y.dsk", "SET DUA0 LOCKED", "SAVE lab.ini")
    before = desk.do("SHOW CONFIGURATION")
    text = desk.files.contents["lab.ini"].decode()
    assert text.splitlines()[3:] == [
        "ASSERT PUA FIRMWARE=RQDX3",
        'ATTACH DUA0 "x.dsk",RX33',
        "SET DUA0 LOCKED",
        'ATTACH -r DUA2 "y.dsk",RX33',
    ]
    desk.do("DETACH ALL", "SET DUA0 WRITEENABLED")
    assert desk.do("RESTORE lab.ini", "SHOW CONFIGURATION") == before


def test_a_configuration_of_another_controller_is_not_restored() -> None:
    desk = Desk()
    desk.files.contents["kda.ini"] = b"ASSERT PUA FIRMWARE=KDA50\nATTACH DUA0 x.dsk\n"
    assert desk.do("RESTORE kda.ini", "SHOW UNITS") == [
        "kda.ini> ASSERT PUA FIRMWARE=KDA50",
        "Assertion failed: PUA FIRMWARE is RQDX3",
    ]


def test_a_unit_in_use_is_not_restored_over_and_a_file_not_replaced_unasked() -> None:
    desk, _ = with_host()
    assert desk.do("SAVE s.ini", "SAVE s.ini", "SAVE -o s.ini", "RESTORE s.ini") == [
        "File open error: s.ini exists, -o replaces it",
        "Command not allowed: a host has DUA0 on line",
    ]


def test_an_image_that_is_pulled_out_under_a_host_takes_the_unit_off_line() -> None:
    desk, host = with_host()
    assert desk.do("DETACH DUA0") == []
    assert status(host.read(0, 512)) == 0x0023
    assert desk.files.images["x.dsk"].closed


def test_trace_events_become_lines_here_or_in_a_file() -> None:
    desk, host = with_host()
    desk.do("SET DEBUG PUA=MESSAGES;BLOCKS")
    host.read(5, 512)
    assert desk.said == [
        "DBG(8000.000)> PUA MESSAGES: H>C READ: crf 0x3, unit 0, bcnt 512, lbn 5",
        "DBG(8000.000)> PUA BLOCKS: unit 0 READ 1 blocks at LBN 5",
        "DBG(8000.000)> PUA MESSAGES: C>H READ end: crf 0x3, unit 0, bcnt 512, success, +1 credit",
    ]
    assert desk.do("SET DEBUG trace.log", "SHOW DEBUG") == [
        'Debug output to "trace.log"',
        'Debug output to "trace.log"',
        "PUA: MESSAGES, BLOCKS",
    ]
    host.read(5, 512)
    assert desk.do("SET NODEBUG PUA=BLOCKS", "SHOW DEBUG")[1:] == ["PUA: MESSAGES"]
    assert desk.files.contents["trace.log"].count(b"\n") == 3
    assert desk.do("SET NODEBUG", "SHOW DEBUG") == ["Debug output disabled"]
    assert not desk.world.tracer.heard
    assert desk.files.open == 0


def test_a_trace_file_that_cannot_be_written_ends_and_the_lines_come_here() -> None:
    desk, host = with_host()
    desk.do("SET DEBUG trace.log")
    desk.files.full = True
    host.poll()
    assert desk.said[-1] == "Debug output comes here again: no space left"
    host.poll()
    assert desk.said[-1] == "DBG(8000.000)> PUA REGISTERS: read IP 000000"


# ---- command files


def test_a_command_file_takes_arguments_and_tells_where_it_failed() -> None:
    desk = Desk()
    desk.files.contents["a.ini"] = b"; a comment\nECHO %1 and %2%%%3\nATTACH DUA0 %1\nFOO\nECHO on\n"
    assert desk.do("DO a.ini x.dsk 'two words'", "SHOW DUA0") == [
        "x.dsk and two words%",
        "a.ini> FOO",
        "Unknown command: FOO is no command; HELP shows what there is",
        "on",
        "DUA0, RX33, 2400 blocks, attached to x.dsk, write enabled",
    ]


def test_the_switches_of_do_show_lines_and_end_at_an_error() -> None:
    desk = Desk()
    desk.files.contents["a.ini"] = b"ECHO 1\nFOO\nECHO 2\n"
    unknown = "Unknown command: FOO is no command; HELP shows what there is"
    assert desk.do("DO -v a.ini") == ["do> ECHO 1", "1", "do> FOO", unknown, "do> ECHO 2", "2"]
    assert desk.do("DO -e a.ini") == ["1", "a.ini> FOO", unknown]
    assert desk.simh.status == "Unknown command"


def test_on_error_does_something_and_can_be_inherited() -> None:
    desk = Desk()
    desk.files.contents["in.ini"] = b"FOO\n"
    desk.files.contents["out.ini"] = b"ON ERROR ECHO caught\nDO in.ini\nDO -o in.ini\nON ERROR\nFOO\n"
    assert [line for line in desk.do("DO out.ini") if "FOO" not in line] == ["caught"]


def test_an_assertion_that_fails_ends_all_files() -> None:
    desk = Desk()
    desk.files.contents["in.ini"] = b"ASSERT PUA SA>=0\nASSERT SA=1\nECHO no\n"
    desk.files.contents["out.ini"] = b"DO in.ini\nECHO no\n"
    desk.host()
    assert desk.do("DO out.ini") == ["in.ini> ASSERT SA=1", "Assertion failed: PUA SA is 000000"]


def test_ten_files_deep_is_deep_enough() -> None:
    desk = Desk()
    desk.files.contents["again.ini"] = b"DO again.ini\n"
    assert desk.do("DO again.ini") == [
        "again.ini> DO again.ini",
        "Nested DO command limit exceeded",
    ]


def test_exit_in_a_file_ends_the_console() -> None:
    desk = Desk()
    desk.files.contents["a.ini"] = b"BYE\nECHO no\n"
    assert desk.do("DO a.ini") == []
    assert desk.simh.ended
    assert not desk.hsz.ended


def test_wait_lets_the_world_go_on() -> None:
    desk = Desk()
    assert desk.do("WAIT 2", "WAIT 5MS", "WAIT 3us", "SHOW TIME") == ["Time:\t2.005003 s"]


def test_a_line_is_sent_to_and_listened_on() -> None:
    desk = Desk(lines=True)
    desk.do("ATTACH LINE tcp://there:2023")
    line = desk.given[0]
    line.answers[b"guest\r"] = b"\r\nPassword:"
    assert desk.do(
        r'SEND "guest\r"', r'EXPECT "word:" SEND "se\"cr;et\015"; ECHO sent', 'EXPECT "never"', "SHOW CONF"
    ) == [
        "sent",
        'Command not completed: "never" did not come within a minute',
        "hbvs 1.2 configuration",
        "",
        "PUA, RQDX3, 0 units, plugged into no host",
        "LINE, attached to tcp://there:2023",
    ]
    assert line.sent == b'guest\rse"cr;et\r'
    desk.do("DETACH LINE")
    assert line.closed


# ---- HBVS>


def test_a_session_at_the_hsz_prompt() -> None:
    desk = Desk()
    desk.hs("ADD DISK DISK10100 x.dsk", "ADD UNIT D1 DISK10100", "SET D1 WRITE_PROTECT")
    assert desk.hs("SHOW UNITS FULL") == [
        "Name          Storageset            Uses                  Used by",
        "------------------------------------------------------------------------",
        "D1                                  DISK10100",
        "        Switches:",
        "          RUN                     WRITE_PROTECT",
        "        State:",
        "          AVAILABLE",
        "          RX33",
        "        Size: 2400 blocks",
    ]
    assert desk.hs("SHOW DISKS")[2:] == ["DISK10100     disk                                        D1"]
    assert desk.hs("DELETE DISK10100") == ["Error: DISK10100 is used by D1"]
    assert desk.hs("SET D1 NORUN", "SHOW D1")[6] == "          OFFLINE, stopped by the operator"
    assert desk.hs("SET D1 RUN", "DELETE D1", "DELETE DISK10100", "SHOW DEVICES")[2:] == []
    assert desk.files.images["x.dsk"].closed


def test_both_consoles_see_the_same_disks() -> None:
    desk, _ = with_host()
    assert desk.hs("SHOW DISK10000")[2:] == [
        "DISK10000     disk                                        D0",
        "        Image: x.dsk",
        "        Size: 2400 blocks",
    ]
    assert desk.hs("SET D0 NORUN", "DELETE D0") == ["Error: a host has D0 on line"] * 2
    assert desk.hs("SHOW D0")[6] == "          ONLINE to a host"


def test_a_plain_disk_is_backed_up_when_nobody_can_write_to_it() -> None:
    desk, host = with_host()
    host.ram.write(DATA, b"precious" + bytes(504))
    host.write(9, 512)
    assert desk.hs("BACKUP DISK10000 TO x.bck") == [
        "Error: a host has DISK10000 on line, and may write to it"
    ]
    assert desk.hs("SET D0 WRITE_PROTECT", "BACKUP DISK10000 TO x.bck")[-1] == (
        "DISK10000: 2400 of 2400 blocks, 100%"
    )
    saved = desk.files.contents["x.bck"]
    assert len(saved) == RX33_BLOCKS * 512
    assert saved[9 * 512 : 9 * 512 + 8] == b"precious"
    assert desk.hs("BACKUP DISK10000 TO x.bck") == ["Error: x.bck exists, and is not replaced"]
    assert desk.files.open == 0


def test_the_controller_starts_again() -> None:
    desk, host = with_host()
    assert desk.hs("RESTART THIS_CONTROLLER") == []
    host.run()
    assert host.sa() == 0o5500
    assert "Port 1: QBUS, step 1" in desk.hs("SHOW THIS")[6]


@pytest.mark.parametrize(
    "line",
    [
        "ADD MIRRORSET M1 DISK10000",
        "MIRROR DISK10000 M1",
        "UNMIRROR DISK10000",
        "INITIALIZE DISK10000 NODESTROY",
        "RUN CLONE",
        "SHUTDOWN THIS_CONTROLLER",
    ],
)
def test_what_the_model_cannot_do_is_refused_in_a_sentence(line: str) -> None:
    said = Desk().hs(line)
    assert len(said) == 1
    assert said[0].startswith("Error: a ") or said[0].startswith("Error: there ")


# ---- mirrorsets


def mirrored(*, seek_ns: int = 0) -> tuple[Desk, DumbHost, MirrorSet]:
    """A desk whose unit 0 is a mirrorset of two images, with a host."""
    desk = Desk()
    media = []
    for number in range(2):
        image: BlockDevice = MemoryDevice(RX33_BLOCKS)
        if seek_ns:
            image = SlowDevice(image, desk.world.clock, fixed_times(seek_ns, 0))
        media.append(MirrorMedia(f"{'ab'[number]}.dsk", MemoryDevice(127), image, 0xAB0 + number))
    mirror = desk.world.add_mirror("M1", media, load_firmware("hbvs-shadow"))
    desk.world.run(mirror.node, mirror.create("GUEST"))
    assert desk.world.settle(lambda: all(mirror.state(disk) == "NORMAL" for disk in mirror.disks))
    firmware = desk.controller.firmware
    desk.controller.attach_unit(0, mirror.device, drive_for(firmware, mirror.device))
    host = DumbHost(desk.controller, 2)
    host.start()
    host.scc()
    host.online()
    return desk, host, mirror


def test_a_member_leaves_is_backed_up_and_returns() -> None:
    desk, host, mirror = mirrored()
    host.ram.write(DATA, b"before" + bytes(506))
    host.send(
        0x22, parameters=(512).to_bytes(4, "little") + DATA.to_bytes(4, "little") + bytes(8) + b"\x05\0\0\0"
    )
    desk.world.clock.run_for(SECOND_NS)
    assert desk.hs("REDUCE DISK10100", "SHOW M1") == [
        "Name          Storageset            Uses                  Used by",
        "------------------------------------------------------------------------",
        "M1            mirrorset             DISK10000             D0",
        "                                    DISK10100",
        "        Switches:",
        "          POLICY = NOPOLICY",
        "          COPY = NORMAL",
        "          READ_SOURCE = LEAST_BUSY",
        "          MEMBERSHIP = 1, 1 members present",
        "        State:",
        "          NORMAL",
        "          DISK10000 (member 0) is NORMAL",
        "          DISK10100 (member 1) is REDUCED, 0% of its bitmap is set",
        "        Membership: in a side file beside each image, the volume itself does not know of it",
        "        Size: 2400 blocks",
    ]
    desk.hs("BACKUP DISK10100 TO night.dsk")
    saved = desk.files.contents["night.dsk"]
    assert len(saved) == RX33_BLOCKS * 512
    assert saved[5 * 512 : 5 * 512 + 6] == b"before"
    assert desk.hs("SET M1 REPLACE=DISK10100")[0].startswith("DISK10100 is COPYING, ")
    assert desk.world.settle(lambda: mirror.state(mirror.disks[1]) == "NORMAL")
    assert desk.hs("SHOW DISK10100")[2:] == [
        "DISK10100     disk                                        M1",
        "        Image: b.dsk",
        "        State: NORMAL",
        "        Size: 2400 blocks",
    ]


def test_what_a_mirrorset_does_not_allow_is_refused() -> None:
    desk, _, _ = mirrored()
    assert desk.hs(
        "REDUCE DISK10000 DISK10100",
        "SET M1 REPLACE=DISK10000",
        "SET M1 REPLACE=DISK77777",
        "BACKUP DISK10000 TO x",
        "SET M1 COPY=FAST",
        "SET M1 COPY=NORMAL",
        "DELETE M1",
        "DELETE D0",
        "ADD UNIT D1 M1",
        "SET D0 NORUN",
    ) == [
        "Error: M1 would have no NORMAL member left",
        "Error: DISK10000 is a member of M1",
        "Error: DISK77777 is no disk of a mirrorset",
        "Error: DISK10000 is a member of M1, reduce it first",
        "Error: COPY is NORMAL here, nothing else can be had",
        "Error: a mirrorset lasts as long as the program",
        "Error: a host has D0 on line",
        "Error: M1 got its unit when the program started",
        "Error: a host has D0 on line",
    ]
    assert desk.do("DETACH DUA0", "SET M1 REMOVE=DISK10100") == [
        "Command not allowed: DUA0 shows mirrorset M1, which lasts as long as the program"
    ]
    assert "DISK10100 (member 1) is SPARE" in desk.do("SHOW MIRRORSETS FULL")[-3]
    assert desk.files.open == 0


def test_an_interrupted_backup_leaves_no_file_and_the_disk_free() -> None:
    desk, _, _ = mirrored(seek_ns=20 * MILLISECOND_NS)
    desk.hs("REDUCE DISK10100")
    desk.hsz.start("BACKUP DISK10100 TO night.dsk")
    desk.world.clock.run_for(MILLISECOND_NS)
    assert desk.hsz.busy
    desk.hsz.interrupt()
    desk.world.clock.run_for(SECOND_NS)
    assert not desk.hsz.busy
    assert "night.dsk" not in desk.files.contents
    assert desk.files.open == 0
    assert desk.hs("BACKUP DISK10100 TO night.dsk")[-1].endswith("100%")


def test_a_full_host_disk_ends_a_backup() -> None:
    desk, _, _ = mirrored()
    desk.hs("REDUCE DISK10100")
    desk.files.full = True
    assert desk.hs("BACKUP DISK10100 TO night.dsk") == ["Error: no space left"]
    assert desk.files.open == 0


# ---- the conversation


def test_a_command_that_lasts_can_be_interrupted() -> None:
    desk = Desk()
    ended = []
    desk.simh.changed = lambda: ended.append(desk.simh.status)
    desk.simh.start("WAIT 60")
    desk.world.clock.run_for(SECOND_NS)
    assert desk.simh.busy
    desk.simh.interrupt()
    desk.world.clock.run_soon()
    assert not desk.simh.busy
    assert desk.said == ["Command not completed: interrupted"]
    assert ended == ["Command not completed"]
    desk.simh.interrupt()
    desk.world.clock.run_soon()
    assert desk.do("ECHO on") == ["on"]


def test_an_operator_who_vanishes_leaves_nothing_behind() -> None:
    desk = Desk(lines=True)
    desk.do("SET DEBUG trace.log", "ATTACH LINE tcp://there")
    desk.simh.start("WAIT 60")
    desk.world.clock.run_for(SECOND_NS)
    desk.simh.hang_up()
    desk.world.clock.run_for(90 * SECOND_NS)
    assert desk.said == ['Debug output to "trace.log"']
    assert desk.files.open == 0
    assert desk.given[0].closed
    assert not desk.world.tracer.heard


def test_one_operator_does_not_wait_for_another() -> None:
    desk = Desk()
    desk.simh.start("WAIT 60")
    assert desk.hs("WAIT 1", "SHOW UNITS")
    assert desk.simh.busy
    assert desk.world.clock.now_ns == SECOND_NS


def test_a_command_that_waits_for_nothing_is_given_up() -> None:
    desk, host = with_host()
    host.port._memory = FarMemory(desk.world, host)  # type: ignore[assignment]
    host.port._memory.fetch = lambda runs, done: None  # type: ignore[attr-defined]  # a link that was reset
    assert desk.do("EXAMINE 1000") == ["Command not completed: it waits for something that never comes"]


def test_the_prompts_are_those_of_the_two_grammars() -> None:
    desk = Desk()
    assert (desk.simh.prompt, desk.hsz.prompt) == ("hbvs> ", "HBVS> ")
    assert desk.simh.question is None


# ---- bad input


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("FOO", "Unknown command"),
        ("RESET PUZ", "Non-existent device"),
        ("EXAMINE", "Too few arguments"),
        ("EXAMINE FOO", "Non-existent device"),
        ("EXAMINE PUA FOO", "Non-existent register"),
        ("EXAMINE PUA.7 SA", "Non-existent device"),
        ("EXAMINE DUA5 0", "Non-existent unit"),
        ("EXAMINE DUA0", "Too few arguments"),
        ("EXAMINE DUA0 2400", "Address space exceeded"),
        ("EXAMINE DUA0 9-3", "Invalid argument"),
        ("EXAMINE 1001", "Invalid argument"),
        ("EXAMINE 99", "Invalid argument"),
        ("EXAMINE 17777777", "Invalid argument"),
        ("EXAMINE 17777776", "Address space exceeded"),
        ("EXAMINE 177777776", "Address space exceeded"),
        ("EXAMINE -q 0", "Invalid switch"),
        ("DEPOSIT PUA", "Too few arguments"),
        ("DEPOSIT PUA 1", "Too few arguments"),
        ("DEPOSIT PUA SA 1A", "Invalid argument"),
        ("DEPOSIT PUA FOO 1", "Non-existent register"),
        ("DEPOSIT PUA VEC 0", "Read only argument"),
        ("DEPOSIT 1000 200000", "Invalid argument"),
        ("DEPOSIT 1000 8", "Invalid argument"),
        ("DEPOSIT DUA0 0:1000 1", "Address space exceeded"),
        ("ATTACH DUA9", "Too few arguments"),
        ("ATTACH DUA9 nosuch", "File open error"),
        ("ATTACH DUA0 y.dsk", "Unit already attached"),
        ("ATTACH DUA1 x.dsk", "File open error"),
        ("ATTACH DUA1 y.dsk,RA92", "Invalid argument"),
        ("ATTACH DUA1 small.dsk", "Invalid argument"),
        ("ATTACH DUA99999 y.dsk", "Invalid argument"),
        ("ATTACH DUZ0 y.dsk", "Non-existent device"),
        ("ATTACH -n DUA1 y.dsk", "Missing value"),
        ("ATTACH -n DUA1 new.dsk,XX99", "Non-existent parameter"),
        ("ATTACH -n DUA1 x.dsk,RX33", "File open error"),
        ("ATTACH -rn DUA1 new.dsk,RX33", "Invalid switch"),
        ('ATTACH DUA1 ""', "Too few arguments"),
        ("ATTACH LINE tcp://there", "Command not allowed"),
        ("DETACH", "Too few arguments"),
        ("DETACH DUA5", "Non-existent unit"),
        ("DETACH LINE", "Unit not attached"),
        ("SAVE", "Too few arguments"),
        ("RESTORE nosuch", "File open error"),
        ("EXIT now", "Too many arguments"),
        ("SET", "Too few arguments"),
        ("SET DUA0", "Too few arguments"),
        ("SET DUA0 FOO", "Non-existent parameter"),
        ("SET DUA5 LOCKED", "Non-existent unit"),
        ("SET M1 REPLACE=DISK10000", "Non-existent device"),
        ("SET M1 REPLACE", "Missing value"),
        ("SET DEBUG PUZ", "Non-existent device"),
        ("SET DEBUG PUA=FOO", "Invalid argument"),
        ("SET DEBUG FOO=MESSAGES", "Non-existent device"),
        ("SET NODEBUG PUA", "Non-existent parameter"),
        ("SET NODEBUG foo", "Invalid argument"),
        ("SHOW FOO", "Non-existent device"),
        ("SHOW DUA5", "Non-existent unit"),
        ("SHOW RINGS PUZ", "Non-existent device"),
        ("DO", "Too few arguments"),
        ("DO nosuch", "File open error"),
        ("ON ERROR ECHO", "Command not allowed"),
        ("ON", "Too few arguments"),
        ("ASSERT", "Too few arguments"),
        ("ASSERT PUA SA", "Missing value"),
        ("ASSERT PUA FOO=1", "Non-existent register"),
        ("ASSERT PUA SA=9", "Invalid argument"),
        ("ASSERT PUA CSTA<>RUN", "Assertion failed"),
        ("WAIT", "Too few arguments"),
        ("WAIT ever", "Invalid argument"),
        ("SEND x", "Invalid argument"),
        ('SEND "x"', "Unit not attached"),
        ('EXPECT "x"', "Unit not attached"),
        ('EXPECT ""', "Missing value"),
        ("REDUCE", "Too few arguments"),
        ("REDUCE DISK10000", "Non-existent device"),
        ("BACKUP DISK10000", "Too few arguments"),
        ("BACKUP DISK77777 TO x", "Non-existent device"),
        ("HELP FOO", "Invalid argument"),
    ],
)
def test_bad_input_is_answered_in_the_words_of_simh(line: str, answer: str) -> None:
    desk, _ = with_host()
    said = desk.do(line)
    assert len(said) == 1
    assert said[0].split(":")[0] == answer
    assert desk.simh.status == answer


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("FOO", "FOO is no command"),
        ("S", "S is ambiguous: SET, SHOW, SHUTDOWN"),
        ("ADD", "ADD needs more"),
        ("ADD DISK D1 x.dsk", "D1 is no name for a disk"),
        ("ADD DISK DISK10000 y.dsk", "DISK10000 is there already"),
        ("ADD DISK DISK20000 nosuch", "nosuch cannot be opened"),
        ("ADD UNIT D1 NOSUCH", "NOSUCH is no disk here"),
        ("ADD UNIT D1 DISK10000", "DISK10000 is used by D0"),
        ("ADD UNIT FOO DISK10000", "FOO is no unit"),
        ("DELETE FOO", "FOO is no disk here"),
        ("DELETE D7", "there is no unit DUA7"),
        ("SET D0", "SET needs more"),
        ("SET D0 FOO", "FOO is not what SET takes here"),
        ("SET D7 RUN", "there is no unit DUA7"),
        ("SET M1 POLICY=BEST_FIT", "M1 is no mirrorset"),
        ("SET M1 REMOVE=DISK10000", "M1 is no mirrorset"),
        ("SHOW FOO", "FOO is no disk here"),
        ("SHOW D7", "there is no unit DUA7"),
        ("SHOW", "SHOW needs more"),
        ("REDUCE DISK10000", "DISK10000 is no disk of a mirrorset"),
        ("RESTART FOO", "FOO is not what RESTART takes here"),
        ("BACKUP FOO TO y", "FOO is no disk here"),
        ("HELP FOO", "there is no command FOO"),
    ],
)
def test_bad_input_is_answered_with_an_error_at_the_hsz_prompt(line: str, sentence: str) -> None:
    desk, _ = with_host()
    said = desk.hs(line)
    assert len(said) == 1
    assert said[0].startswith(f"Error: {sentence}")


def test_blank_lines_and_comments_say_nothing() -> None:
    assert Desk().do("", "   ", "; a comment", "# another", "! a third") == []


def test_help_explains_every_verb_in_both_grammars() -> None:
    desk = Desk()
    for grammar, type_ in ((Grammar.SIMH, desk.do), (Grammar.HSOF, desk.hs)):
        verbs = [form.verb for each in OPERATIONS for form in each.forms(grammar)]
        said = "\n".join(type_("HELP"))
        for verb in verbs:
            assert verb in said
            assert type_(f"HELP {verb}")[0].startswith(verb)
            assert verb in reference(OPERATIONS, grammar)


def test_simh_takes_the_first_verb_that_begins_so() -> None:
    for typed, verb in (
        ("E", "EXAMINE"),
        ("D", "DEPOSIT"),
        ("DE", "DEPOSIT"),
        ("DET", "DETACH"),
        ("R", "RESET"),
    ):
        call = parse(f"{typed} DUA0 0 0" if verb == "DEPOSIT" else f"{typed} PUA", OPERATIONS, Grammar.SIMH)
        assert call is not None
        assert call.form.verb == verb


_WORDS = sorted(
    {
        word.strip("[]<>.").split("=")[0]
        for each in OPERATIONS
        for g in Grammar
        for f in each.forms(g)
        for word in f.text.split()
    }
)
_WORD = st.one_of(
    st.sampled_from(_WORDS),
    st.sampled_from(
        ["PUA", "PUA.1", "DUA0", "DUA1", "D0", "D1", "M1", "DISK10000", "x.dsk", "y.dsk,RX33", "a.ini"]
    ),
    st.sampled_from(
        ["-r", "-n", "-h", "0", "7-9", "1000/3", "=", "REPLACE=DISK10000", '"x', "'y'", "%1", "100US"]
    ),
    st.text(max_size=4),
)
_LINE = st.one_of(st.text(max_size=40), st.lists(_WORD, max_size=5).map(" ".join))


@settings(derandomize=True, deadline=None, max_examples=100)
@given(lines=st.lists(st.tuples(_LINE, st.booleans()), max_size=8))
def test_no_line_ever_raises(lines: list[tuple[str, bool]]) -> None:
    desk, _ = with_host()
    desk.files.contents["a.ini"] = b"DO a.ini\nSHOW %1\nSET DUA0 LOCKED\n"
    for line, hsz in lines:
        console = desk.console(Grammar.HSOF if hsz else Grammar.SIMH)
        console.execute(line)
        assert not console.busy
        console.hang_up()
    assert desk.files.open == 0
