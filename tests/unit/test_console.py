"""The console: whole sessions, text in and text out."""

from collections.abc import Callable, Iterator

import pytest

from emu.console.completion import suggestions
from emu.console.host_files import HostFileExists, HostFileMissing
from emu.console.interpreter import Interpreter
from emu.media.memory import MemoryDevice
from emu.media.slow import BLOCK_NS, SEEK_NS, SlowDevice, fixed_times
from emu.shells.firmware_files import load_firmware
from emu.shells.host_files import DiskFiles
from emu.sim.world import NO_CHANGES, SERVES_DISKS, World, drive_for
from emu.wire.generated.ods2 import HomeBlock
from tests.simulation.test_membership import make_ods5

BLOCKS = 20_000
BLOCK = 512
A, B, C = "$1$DUA10:", "$1$DUA11:", "$1$DUA12:"
BOOT_TIME = 0x00AB_0000_0000_0000


class MemoryInput:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    @property
    def size(self) -> int:
        return len(self._data)

    def read_into(self, view: memoryview) -> int:
        part = self._data[self._position : self._position + len(view)]
        view[: len(part)] = part
        self._position += len(part)
        return len(part)

    def close(self) -> None:
        pass


class MemoryOutput:
    def __init__(self, files: "MemoryFiles", name: str) -> None:
        self._files = files
        self._name = name
        self._data = bytearray()

    def write(self, view: memoryview) -> None:
        self._files.written()
        self._data += view

    def reopen(self) -> MemoryInput:
        return MemoryInput(bytes(self._data))

    def keep(self) -> None:
        self._files.contents[self._name] = bytes(self._data)

    def close(self) -> None:
        self._files.open_outputs -= 1


class MemoryLines:
    def __init__(self, files: "MemoryFiles", name: str) -> None:
        self._files = files
        self._name = name
        files.contents.setdefault(name, b"")

    def write_line(self, line: str) -> None:
        self._files.contents[self._name] += line.encode() + b"\n"

    def close(self) -> None:
        pass


class MemoryFiles:
    """A host whose files are in memory; `written` is called at each write."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        self.open_outputs = 0
        self.written: Callable[[], None] = lambda: None

    def open(self, name: str) -> MemoryInput:
        if name not in self.contents:
            raise HostFileMissing(f"{name} cannot be opened: No such file or directory")
        return MemoryInput(self.contents[name])

    def read_text(self, name: str) -> str:
        if name not in self.contents:
            raise HostFileMissing(f"{name} cannot be read: No such file or directory")
        return self.contents[name].decode()

    def append(self, name: str) -> MemoryLines:
        return MemoryLines(self, name)

    def read_example(self, name: str) -> str:
        return DiskFiles().read_example(name)

    def create(self, name: str, *, overlay: bool) -> MemoryOutput:
        if name in self.contents and not overlay:
            raise HostFileExists(f"{name} exists; /OVERLAY replaces it")
        self.open_outputs += 1
        return MemoryOutput(self, name)


class Console:
    """An Alpha and a VAX, three disks between them, and somebody who types.

    served: the VAX has no controller, the Alpha serves it the disks.
    """

    def __init__(self, disks: int = 3, *, slow: bool = False, served: bool = False) -> None:
        firmware = load_firmware("hbvs-shadow")
        self.world = World(boot_time=BOOT_TIME)
        controller = self.world.add_controller(firmware)
        self.media = [MemoryDevice(BLOCKS) for _ in range(disks)]
        for index, medium in enumerate(self.media):
            disk = SlowDevice(medium, self.world.clock, fixed_times(SEEK_NS, BLOCK_NS)) if slow else medium
            controller.attach_unit(10 + index, disk, drive_for(firmware, medium))
        self.world.add_alpha(
            "ALPHA1", controller, memory_bytes=2 << 20, parameters=SERVES_DISKS if served else NO_CHANGES
        )
        self.world.add_vax("VAX1", *(() if served else (controller,)), memory_bytes=2 << 20)
        self.world.boot()
        self.files = MemoryFiles()
        self.lines: list[str] = []
        self.answers: list[str | None] = []
        self.prompts: list[str] = []
        self.interpreter = Interpreter(self.world, self.files, self.lines.append, self._ask)

    def _ask(self, prompt: str) -> str | None:
        self.prompts.append(prompt)
        return self.answers.pop(0) if self.answers else None

    def do(self, line: str) -> list[str]:
        """Carry out a line; returns what it said."""
        self.lines.clear()
        self.interpreter.execute(line)
        return list(self.lines)

    def well(self, *lines: str) -> list[str]:
        """Carry out lines that must succeed; returns what the last one said."""
        said: list[str] = []
        for line in lines:
            said = self.do(line)
            assert self.interpreter.succeeded, (line, said)
        return said

    def refused(self, line: str) -> list[str]:
        """Carry out a line that must fail; returns the identifications."""
        said = self.do(line)
        assert not self.interpreter.succeeded, (line, said)
        return [text.split(",")[0].lstrip("%-") for text in said if text[0] in "%-"]

    def content(self, index: int) -> bytes:
        return bytes(self.media[index].content)


@pytest.fixture
def console() -> Console:
    return Console()


@pytest.fixture
def mounted(console: Console) -> Console:
    console.well(f"INIT/SHADOW=({A},{B},{C}) PAYROLL", f"MOUNT/SYSTEM DSA42:/SHADOW=({A},{B},{C}) PAYROLL")
    return console


def test_a_served_disk_is_shown_with_the_node_that_serves_it() -> None:
    console = Console(served=True)
    text = " ".join(" ".join(console.well(f"SHOW DEVICE/FULL {A}")).split())
    assert "served to cluster via MSCP Server" in text
    console.well("SET HOST VAX1")
    assert console.well(f"SHOW DEVICE {A}")[2] == "$1$DUA10:   (ALPHA1)    Online               0"
    text = " ".join(" ".join(console.well(f"SHOW DEVICE/FULL {A}")).split())
    assert text.startswith("Disk $1$DUA10: (ALPHA1), device type RA82, is online")
    assert "served by another node" in text


# ---- the session of the manual


def test_a_member_leaves_is_backed_up_and_returns_by_minicopy(mounted: Console) -> None:
    assert mounted.well("SHOW DEVICE DSA42") == [
        "Device                  Device           Error    Volume         Free  Trans Mnt",
        " Name                   Status           Count     Label        Blocks Count Cnt",
        "DSA42:      (ALPHA1)    Mounted              0  PAYROLL         19965     1   1",
        "$1$DUA10:   (ALPHA1)    ShadowSetMember      0  (member of DSA42:)",
        "$1$DUA11:   (ALPHA1)    ShadowSetMember      0  (member of DSA42:)",
        "$1$DUA12:   (ALPHA1)    ShadowSetMember      0  (member of DSA42:)",
    ]
    assert mounted.well(f"DISMOUNT/POLICY=MINICOPY {B}") == []
    at_the_cut = mounted.content(1)
    assert mounted.well("LOAD DSA42: /WRITES=100", "WAIT/LOAD")
    assert mounted.well("SHOW DEVICE/BITMAP DSA42")[:2] == [
        "Device              BitMap    Size      Percent of",
        " Name                 ID     (Bytes)    Full Copy",
    ]
    assert mounted.lines[2].startswith("DSA42:            00010001       20 ")
    assert mounted.well(f"MOUNT/NOWRITE {B} PAYROLL") == [
        "%MOUNT-W-VOLSHDWMEM, mounting a shadow member, volume is write-locked",
        "%MOUNT-I-MOUNTED, PAYROLL mounted on _$1$DUA11:",
    ]
    assert "Mounted wrtlck" in mounted.well(f"SHOW DEVICE {B}")[2]
    mounted.well(f"BACKUP/PHYSICAL/VERIFY {B} PAY.BCK")
    assert mounted.files.contents["PAY.BCK"] == at_the_cut == mounted.content(1)
    mounted.well(f"DISMOUNT/NOUNLOAD {B}")
    assert mounted.well(f"MOUNT/SYSTEM/POLICY=MINICOPY DSA42:/SHADOW={B} PAYROLL") == [
        "%MOUNT-I-SHDWMEMMCPY, _$1$DUA11: (ALPHA1) added to the shadow set with a minicopy operation"
    ]
    (copying,) = [line for line in mounted.well("SHOW DEVICE DSA42") if "DUA11" in line]
    assert copying.startswith("$1$DUA11:   (ALPHA1)    ShadowCopying        0  (copy trgt DSA42: ")
    assert copying.endswith("% copied)")
    mounted.well("WAIT DSA42:")
    assert "ShadowSetMember" in next(line for line in mounted.well("SHOW DEV DSA42") if "DUA11" in line)
    assert mounted.well("SHOW DEVICE/BITMAP DSA42") == ["no bitmaps active"]
    assert mounted.content(1)[BLOCK:] == mounted.content(0)[BLOCK:] != at_the_cut[BLOCK:]


def test_a_former_member_mounted_with_override_returns_by_full_copy(mounted: Console) -> None:
    mounted.well(
        f"DISMOUNT/POLICY=MINICOPY {B}",
        f"MOUNT/OVERRIDE=SHADOW_MEMBERSHIP {B} PAYROLL",
        f"DISMOUNT {B}",
    )
    assert mounted.refused(f"MOUNT/POLICY=MINICOPY DSA42:/SHADOW={B} PAYROLL") == ["MOUNT-F-REQ_WBM_FAIL"]
    assert "SHDWMEMCOPY" in mounted.well(f"MOUNT DSA42:/SHADOW={B} PAYROLL")[-1]


def test_deleting_a_bitmap_costs_the_minicopy(mounted: Console) -> None:
    mounted.well(f"DISMOUNT/POLICY=MINICOPY {B}")
    assert mounted.well("DELETE/BITMAP/LOG 00010001") == ["%DELETE-I-DELETED, 00010001 deleted"]
    assert mounted.refused("DELETE/BITMAP 00010001") == ["DELETE-E-NOSUCHBITMAP"]
    assert mounted.refused(f"MOUNT/POLICY=MINICOPY DSA42:/SHADOW={B} PAYROLL") == ["MOUNT-F-REQ_WBM_FAIL"]


# ---- a VAX


def test_a_vax_does_not_know_the_words_of_minicopy(mounted: Console) -> None:
    mounted.well("SET HOST VAX1", "MOUNT DSA42: PAYROLL")
    assert mounted.do(f"DISMOUNT/POLICY=MINICOPY {B}") == [
        "%DCL-W-IVQUAL, unrecognized qualifier - check validity, spelling, and placement",
        " \\POLICY\\",
    ]
    assert mounted.do(f"MOUNT/POLICY=MINICOPY DSA42:/SHADOW={B} PAYROLL") == [
        "%DCL-W-IVKEYW, unrecognized keyword - check validity and spelling",
        " \\MINICOPY\\",
    ]
    assert mounted.refused("SHOW DEVICE/BITMAP") == ["DCL-W-IVQUAL"]
    assert mounted.refused("DELETE/BITMAP 00010001") == ["DCL-W-IVQUAL"]
    assert mounted.refused(f"SET DEVICE/READ_COST=5 {A}") == ["DCL-W-IVQUAL"]
    assert mounted.refused(f"INITIALIZE/SHADOW=({A},{B}) X") == ["DCL-W-IVQUAL"]
    assert not any("WBM" in line for line in mounted.well("SHOW MEMORY"))
    assert not any("bitmaps" in line for line in mounted.well("SHOW DEVICE/FULL DSA42"))
    assert mounted.well("HELP DISMOUNT POLICY")[1] == "Sorry, no documentation on DISMOUNT POLICY"


def test_a_set_is_mounted_on_all_nodes_and_dismounted_from_all(mounted: Console) -> None:
    mounted.well("DISMOUNT DSA42:")
    mounted.well(f"MOUNT/CLUSTER DSA42:/SHADOW=({A},{B}) PAYROLL")
    assert [list(node.shadow.units) for node in mounted.world.nodes.values()] == [["DSA42:"], ["DSA42:"]]
    assert mounted.well("SHOW DEVICE DSA42")[2].endswith(" 2")
    mounted.well("DISMOUNT/CLUSTER DSA42:")
    assert [list(node.shadow.units) for node in mounted.world.nodes.values()] == [[], []]


def test_a_set_mounted_nowrite_is_written_to_by_others_only(mounted: Console) -> None:
    mounted.well("SET HOST VAX1", "MOUNT/NOWRITE DSA42: PAYROLL")
    assert "Mounted wrtlck" in mounted.well("SHOW DEVICE DSA42")[2]
    assert mounted.well('WRITE SYS$OUTPUT F$GETDVI("DSA42","SWL")') == ["TRUE"]
    assert mounted.refused("LOAD DSA42: /WRITES=10") == ["SYSTEM-F-WRITLCK"]
    assert mounted.refused("CREATE/DIRECTORY DSA42:[REPORTS]")[-1] == "SYSTEM-F-WRITLCK"
    mounted.well("LOGOUT", "LOAD DSA42: /WRITES=10", "WAIT/LOAD")


def test_set_host_and_logout_move_between_nodes(console: Console) -> None:
    assert console.well("SET HOST VAX1") == ["        Welcome to node VAX1, a model of OpenVMS VAX V7.3"]
    said = console.well("SHOW CLUSTER")
    assert said[0].startswith("View of Cluster from system ID ")
    assert "  node: VAX1 " in said[0]
    assert said[6:8] == [
        "| ALPHA1 | VMS V7.3    | 10001 | MEMBER | MINICOPY|",
        "| VAX1   | VMS V7.3    | 10002 | MEMBER | MINICOPY|",
    ]
    assert console.well("LOGOUT") == ["%REM-S-END, control returned to node _ALPHA1::"]
    assert not console.interpreter.ended
    console.well("LOGOUT")
    assert console.interpreter.ended


# ---- bad input


@pytest.mark.parametrize(
    ("line", "idents"),
    [
        ("INITIALIZE DUA99: X", ["INIT-F-NOSUCHDEV"]),
        ("INITIALIZE/SHADOW=(DUA99:,DUA12:) X", ["INIT-F-NOSUCHDEV"]),
        (f"INITIALIZE/ERASE/SHADOW=(DUA12:,{C}) X", ["INIT-F-DEVSHAMEM"]),
        ("INITIALIZE DSA1: X", ["INIT-F-NOTSHDWDEV"]),
        (f"INITIALIZE {A} PAYROLL", ["INIT-F-DEVMOUNT"]),
        ("MOUNT DUA99: X", ["MOUNT-F-NOSUCHDEV"]),
        ("MOUNT [X] X", ["MOUNT-F-IVDEVNAM"]),
        ("MOUNT DSA99999: X", ["MOUNT-F-NOSUCHDEV"]),
        ("MOUNT DSA7:/SHADOW=DUA99: X", ["MOUNT-F-NOSUCHDEV"]),
        ("MOUNT DSA42:/SHADOW=(DUA99:,DUA12:) PAYROLL", ["MOUNT-F-NOSUCHDEV"]),
        ("MOUNT DSA42: PAYROLL", ["MOUNT-F-DEVMOUNT"]),
        ("MOUNT DSA7: PAYROLL", ["MOUNT-F-NOSHDWMEM"]),
        (f"MOUNT DSA7:/SHADOW={A} PAYROLL", ["MOUNT-F-DEVSHAMEM"]),
        ("MOUNT DSA7:/SHADOW=DSA42: PAYROLL", ["MOUNT-F-NOTSHDWDEV"]),
        (f"MOUNT {A}/SHADOW={B} PAYROLL", ["MOUNT-F-NOTSHDWVU"]),
        (f"MOUNT {A} PAYROLL", ["MOUNT-F-DEVSHAMEM"]),
        (f"MOUNT/POLICY=MINICOPY {A} PAYROLL", ["DCL-W-CONFLICT"]),
        ("MOUNT/NOWRITE DSA42: PAYROLL", ["MOUNT-F-DEVMOUNT"]),
        ("MOUNT/POLICY=NEVER DSA42: PAYROLL", ["DCL-W-IVKEYW"]),
        ("DISMOUNT DUA99:", ["DISM-W-CANNOTDMT", "SYSTEM-W-NOSUCHDEV"]),
        ("DISMOUNT/FORCE_REMOVAL=DUA99: DSA42:", ["DISM-W-CANNOTDMT", "SYSTEM-W-NOSUCHDEV"]),
        ("DISMOUNT/FORCE_REMOVAL=DSA42: DSA42:", ["DISM-F-NOTSHDWDEV"]),
        ("DISMOUNT DSA7:", ["DISM-W-CANNOTDMT", "SYSTEM-F-DEVNOTMOUNT"]),
        ("DELETE 00010001", ["DELETE-E-DELVER"]),
        ("DELETE/BITMAP XYZ", ["DCL-W-NUMBER"]),
        ("DELETE/BITMAP FFFF", ["DELETE-E-NOSUCHBITMAP"]),
        ("SHOW DEVICE NOTHING", ["SYSTEM-W-NOSUCHDEV"]),
        ("SHOW DEVICE [X]", ["SYSTEM-F-IVDEVNAM"]),
        (f"SHOW DEVICE/BITMAP {A}", ["SHOW-W-NOTSHADOW"]),
        ("SHOW SHADOW DSA7:", ["SYSTEM-W-NOSUCHDEV"]),
        ("SHOW SHADOW A:B:", ["SYSTEM-F-IVDEVNAM"]),
        ("SHOW NOTHING", ["DCL-W-IVKEYW"]),
        ("BACKUP DUA10: FILE", ["DCL-W-CONFLICT"]),
        (f"BACKUP/PHYSICAL {A} FILE", ["BACKUP-F-SHADMEMBER"]),
        (f"BACKUP/IMAGE {A} FILE", ["BACKUP-F-NOSAVESET", "BACKUP-I-PHYSICAL"]),
        (f"BACKUP/IMAGE {A} PAY.BCK/SAVE", ["BACKUP-F-NOSAVESET", "BACKUP-I-PHYSICAL"]),
        (f"BACKUP/PHYSICAL {A} PAY.BCK/SAVE", ["BACKUP-F-NOSAVESET", "BACKUP-I-PHYSICAL"]),
        (f"BACKUP/IMAGE/PHYSICAL {A} FILE", ["DCL-W-CONFLICT"]),
        ("BACKUP/PHYSICAL DSA42: FILE", ["BACKUP-F-NOTPHYSICAL", "BACKUP-I-MEMBER"]),
        ("COPY ONE TWO", ["COPY-F-ONEFILE"]),
        ("COPY DSA42: DUA10:", ["COPY-F-ONEFILE"]),
        ("COPY NONE DSA42: /START=100", ["COPY-E-OPENIN", "RMS-E-FNF"]),
        ("COPY NONE DSA42:", ["COPY-F-NOSTART"]),
        (f"COPY NONE {A} /START=100", ["COPY-F-SHADMEMBER"]),
        ("COPY DSA42: FILE /START=20000", ["SYSTEM-F-ILLBLKNUM"]),
        ("COPY DUA99: FILE", ["COPY-E-OPENIN", "SYSTEM-W-NOSUCHDEV"]),
        ("COPY FILE DUA99: /START=0", ["COPY-E-OPENOUT", "SYSTEM-W-NOSUCHDEV"]),
        ("BACKUP/PHYSICAL DUA99: FILE", ["BACKUP-F-OPENIN", "SYSTEM-W-NOSUCHDEV"]),
        ("DUMP DUA99:", ["DUMP-E-OPENIN", "SYSTEM-W-NOSUCHDEV"]),
        ("DUMP DSA7:", ["DUMP-E-OPENIN", "SYSTEM-F-DEVNOTMOUNT"]),
        ("DUMP/BLOCKS=START:20000 DSA42:", ["SYSTEM-F-ILLBLKNUM"]),
        ("DUMP/BLOCKS=(COUNT:1,END:2) DSA42:", ["DCL-W-CONFLICT"]),
        ("DUMP/BLOCKS=(START:1,COUNT:0) DSA42:", ["CLI-F-IVVALU"]),
        ("DUMP/BLOCKS=(START:10,END:1) DSA42:", ["CLI-F-IVVALU"]),
        ("LOAD DSA7:", ["LOAD-F-DEVNOTMOUNT"]),
        ("LOAD DUA99:", ["LOAD-F-NOSUCHDEV"]),
        (f"LOAD {A}", ["LOAD-F-NOTSHDWVU"]),
        ("LOAD DSA42: /BLOCKS=0", ["CLI-F-IVVALU"]),
        ("LOAD DSA42: /READS=50", ["DCL-W-CONFLICT"]),
        ("STOP/LOAD", ["STOP-W-NOLOAD"]),
        ("STOP", ["DCL-W-CONFLICT"]),
        ("WAIT 25:00:00", ["DCL-W-IVDTIME"]),
        ("WAIT -1", ["DCL-W-IVDTIME"]),
        ("WAIT SOON", ["DCL-W-IVDTIME"]),
        ("WAIT DSA7:", ["WAIT-F-DEVNOTMOUNT"]),
        ("WAIT", ["DCL-W-INSFPRM"]),
        ("SET HOST NOWHERE", ["SYSTEM-F-NOSUCHNODE"]),
        ("SET DEVICE DUA10:", ["DCL-W-INSFPRM"]),
        ("REPLY", ["DCL-W-CONFLICT"]),
        ("REPLY/ENABLE/DISABLE", ["DCL-W-CONFLICT"]),
    ],
)
def test_what_cannot_be_done_is_refused(mounted: Console, line: str, idents: list[str]) -> None:
    before = [mounted.content(index) for index in range(3)]
    assert mounted.refused(line) == idents
    assert [mounted.content(index) for index in range(3)] == before


def test_a_virtual_unit_has_a_number_of_four_digits_at_most(console: Console) -> None:
    console.well(f"INIT {A} PAYROLL", f"MOUNT DSA9999:/SHADOW={A} PAYROLL", "DISMOUNT DSA9999:")
    assert console.refused(f"MOUNT DSA10000:/SHADOW={A} PAYROLL") == ["MOUNT-F-NOTSHDWVU"]


def test_a_label_has_twelve_characters_at_most(console: Console) -> None:
    assert console.refused(f"INITIALIZE {A} THIRTEEN_LONG") == ["INIT-F-BADVOLLBL"]
    assert console.refused(f'INITIALIZE {A} " "') == ["INIT-F-BADVOLLBL"]


def test_a_member_is_removed_by_force(mounted: Console) -> None:
    assert mounted.refused(f"DISMOUNT/FORCE_REMOVAL={B} DSA7:") == ["DISM-W-CANNOTDMT", "DISM-F-NOTMEMBER"]
    mounted.well(f"DISMOUNT/FORCE_REMOVAL={B} DSA42:")
    assert len(mounted.well("SHOW DEVICE DSA42")) == 5
    assert mounted.refused(f"DISMOUNT/FORCE_REMOVAL={B} DSA42:") == ["DISM-W-CANNOTDMT", "DISM-F-NOTMEMBER"]


def test_a_set_in_use_is_dismounted_with_its_checks_overridden_when_the_load_has_ended(
    mounted: Console,
) -> None:
    mounted.well("LOAD DSA42: /WRITES=50 /RATE=100")
    assert mounted.refused("DISMOUNT DSA42:") == ["DISM-W-CANNOTDMT", "DISM-W-USERFILES"]
    said = mounted.well("DISMOUNT/OVERRIDE=CHECKS/UNIT DSA42:")
    assert said[:2] == [
        "%DISM-W-USERFILES, a load is running on the volume",
        "%DISM-I-MARKEDDMT, DSA42: has been marked for dismount",
    ]
    assert said[2].startswith("%LOAD-I-ENDED, DSA42: 50 writes")
    assert mounted.refused("SHOW SHADOW DSA42:") == ["SYSTEM-W-NOSUCHDEV"]


def home_block(console: Console, line: str) -> HomeBlock:
    """The home block of the first disk after INITIALIZE."""
    console.well(line)
    return HomeBlock.unpack(console.content(0)[BLOCK : 2 * BLOCK])


@pytest.mark.parametrize(
    ("qualifier", "field", "value"),
    [
        ("/OWNER_UIC=[100,7]", "volowner", 0o100 << 16 | 7),
        ("/OWNER_UIC=[SYSTEM]", "volowner", 1 << 16 | 4),
        ("/DATA_CHECK", "volchar", 2),
        ("/DATA_CHECK=READ", "volchar", 1),
        ("/DATA_CHECK=(READ,WRITE)", "volchar", 3),
        ("/INDEX=5000", "ibmaplbn", 5_000),
        ("/INDEX=MIDDLE", "ibmaplbn", 10_000),
    ],
)
def test_initialize_writes_what_its_qualifiers_say(
    console: Console, qualifier: str, field: str, value: int
) -> None:
    assert getattr(home_block(console, f"INIT{qualifier} {A} PAYROLL"), field) == value


@pytest.mark.parametrize(
    ("qualifier", "ident"),
    [
        ("/OWNER_UIC=[8,1]", "INIT-F-IVUIC"),
        ("/OWNER_UIC=[1]", "INIT-F-IVUIC"),
        ("/OWNER_UIC=[77777,1]", "INIT-F-IVUIC"),
        ("/INDEX=20000", "INIT-F-ALLOCFAIL"),
        ("/INDEX=NOWHERE", "DCL-W-IVKEYW"),
    ],
)
def test_initialize_refuses_what_no_volume_can_have(console: Console, qualifier: str, ident: str) -> None:
    before = console.content(0)
    assert console.refused(f"INIT{qualifier} {A} PAYROLL") == [ident]
    assert console.content(0) == before


def test_the_last_source_member_stays(console: Console) -> None:
    console.well(f"INIT {A} PAYROLL", f"MOUNT DSA1:/SHADOW={A} PAYROLL")
    assert console.refused(f"DISMOUNT {A}") == ["DISM-W-CANNOTDMT", "DISM-F-SRCMEM"]
    assert console.interpreter.status == "F"
    assert console.refused("DISMOUNT/POLICY=MINICOPY DSA1:") == ["DISM-W-CANNOTDMT", "DISM-F-WBMFAIL"]
    console.well("DISMOUNT/POLICY=MINICOPY=OPTIONAL DSA1:")


def test_a_whole_set_with_minicopy_is_dismounted_from_all_nodes_or_from_none(mounted: Console) -> None:
    mounted.well("SET HOST VAX1", "MOUNT DSA42: PAYROLL", "LOGOUT", "DISMOUNT/CLUSTER/POLICY=MINICOPY DSA42:")
    mounted.well(f"MOUNT/CLUSTER DSA42:/SHADOW={A} PAYROLL")
    assert mounted.refused("DISMOUNT/CLUSTER/POLICY=MINICOPY DSA42:") == [
        "DISM-W-CANNOTDMT",
        "DISM-F-WBMFAIL",
    ]
    assert [list(node.shadow.units) for node in mounted.world.nodes.values()] == [["DSA42:"], ["DSA42:"]]


def test_a_file_name_with_a_slash_brings_advice(mounted: Console) -> None:
    said = mounted.do("COPY tmp/ledger DSA42:")
    assert said[1] == " \\LEDGER\\"
    assert "quotation marks" in said[2]


# ---- questions


def test_missing_parameters_are_asked_for(console: Console) -> None:
    console.answers = [A, "PAYROLL"]
    console.well("INITIALIZE")
    assert console.prompts == ["_Device: ", "_Label: "]
    assert b"PAYROLL" in console.content(0)[BLOCK : 2 * BLOCK]


def test_control_z_at_a_prompt_leaves_the_command(console: Console) -> None:
    console.answers = [None]
    assert console.refused("INITIALIZE") == ["DCL-W-INSFPRM"]


def confirmed(console: Console, *answers: str | None) -> list[str]:
    console.well(f"INIT {A} PAYROLL", f"INIT {B} OLD_DATA")
    console.answers = list(answers)
    return console.do(f"MOUNT/CONFIRM DSA1:/SHADOW=({A},{B}) PAYROLL")


def test_confirm_names_the_owner_of_the_disk(console: Console) -> None:
    console.well(f"INIT {A} PAYROLL", f"INIT/OWNER_UIC=[100,7] {B} OLD_DATA")
    said = console.do(f"MOUNT/CONFIRM DSA1:/SHADOW=({A},{B}) PAYROLL")
    assert said[3] == "     $1$DUA11: (ALPHA1)       OLD_DATA      [100,7]"


def test_confirm_asks_before_a_disk_is_overwritten(console: Console) -> None:
    assert confirmed(console, "maybe", "y")[:4] == [
        "%MOUNT-F-SHDWCOPYREQ, shadow copy required",
        "Virtual Unit - DSA1                    Volume Label - PAYROLL",
        "     Member                   Volume Label  Owner UIC",
        "     $1$DUA11: (ALPHA1)       OLD_DATA      [SYSTEM]",
    ]
    assert console.prompts == ["Allow FULL shadow copy on the above member(s)? [N]: "] * 2
    assert console.interpreter.succeeded
    console.well("WAIT DSA1:")
    assert console.content(0)[BLOCK:] == console.content(1)[BLOCK:]


@pytest.mark.parametrize("answer", ["n", "", "NO", None])
def test_anything_but_yes_mounts_nothing(console: Console, answer: str | None) -> None:
    confirmed(console, answer)
    assert console.interpreter.status == "F"
    assert not console.world.nodes["ALPHA1"].shadow.units
    assert b"OLD_DATA" in console.content(1)[BLOCK : 2 * BLOCK]


def test_nocopy_refuses_a_copy(console: Console) -> None:
    console.well(f"INIT {A} PAYROLL")
    assert console.refused(f"MOUNT/NOCOPY DSA1:/SHADOW=({A},{B}) PAYROLL") == ["MOUNT-F-SHDWCOPYREQ"]


def test_include_forms_the_set_as_it_was(mounted: Console) -> None:
    mounted.well("DISMOUNT DSA42:")
    said = mounted.well(f"MOUNT/INCLUDE DSA42:/SHADOW={B} PAYROLL")
    assert [line.split(",")[0] for line in said] == [
        "%MOUNT-I-MOUNTED",
        "%MOUNT-I-SHDWMEMSUCC",
        "%MOUNT-I-AUTOMEMSUCC",
        "%MOUNT-I-AUTOMEMSUCC",
    ]


def test_verify_label_copies_onto_scratch_disks_only(console: Console) -> None:
    console.well(f"INIT {A} PAYROLL", f"INIT {B} OLD_DATA", f"INIT {C} SCRATCH_DISK")
    mount = "MOUNT/POLICY=VERIFY_LABEL DSA1:/SHADOW=({A},{device}) PAYROLL"
    before = console.content(1)
    assert console.refused(mount.format(A=A, device=B)) == ["MOUNT-F-POLICYFAIL"]
    assert console.content(1) == before
    console.well(mount.format(A=A, device=C), "WAIT DSA1:")
    assert console.content(0)[BLOCK:] == console.content(2)[BLOCK:]


# ---- BACKUP, COPY, DUMP


def test_backup_reads_and_changes_nothing(console: Console) -> None:
    console.well(f"INIT {A} PAYROLL")
    before = console.content(0)
    said = console.well(f"BACKUP/PHYSICAL/LOG {A} pay.img")
    assert said[0] == "%BACKUP-I-PROGRESS, _$1$DUA10:  10%, 2032 of 20000 blocks saved"
    assert said[-1] == "%BACKUP-S-CREATED, created pay.img, 20000 blocks of _$1$DUA10:"
    assert console.files.contents["pay.img"] == console.content(0) == before
    assert console.refused(f"BACKUP/PHYSICAL {A} pay.img") == ["BACKUP-F-OPENOUT", "HOST-E-FILE"]
    console.well(f"BACKUP/PHYSICAL/OVERLAY {A} pay.img")
    assert console.files.open_outputs == 0


def test_backup_refuses_a_disk_that_is_mounted_for_writing(console: Console) -> None:
    console.well(f"INIT {A} PAYROLL", f"MOUNT {A} PAYROLL")
    assert console.refused(f"BACKUP/PHYSICAL {A} pay.img") == ["BACKUP-F-WRITABLE"]


def test_control_c_ends_a_backup_and_leaves_everything_sane(console: Console) -> None:
    console.well(f"INIT {A} PAYROLL")
    free_bytes = console.world.nodes["ALPHA1"].platform.pool.free_bytes
    console.files.written = console.interpreter.interrupt
    assert console.refused(f"BACKUP/PHYSICAL {A} pay.img") == ["BACKUP-F-ABORT"]
    assert "pay.img" not in console.files.contents
    assert console.files.open_outputs == 0
    assert console.world.nodes["ALPHA1"].platform.pool.free_bytes == free_bytes
    console.files.written = lambda: None
    console.well(f"BACKUP/PHYSICAL {A} pay.img", f"MOUNT {A} PAYROLL")


def test_copy_moves_blocks_both_ways(mounted: Console) -> None:
    data = bytes(range(256)) * 7
    mounted.files.contents["in.dat"] = data
    assert mounted.well("COPY/LOG in.dat DSA42: /START=100") == [
        "%COPY-S-COPIED, in.dat copied to _DSA42: (4 blocks)"
    ]
    for index in range(3):
        assert mounted.content(index)[100 * BLOCK : 104 * BLOCK] == data.ljust(4 * BLOCK, b"\0")
    mounted.well("COPY DSA42: out.dat /START=100 /COUNT=3")
    assert mounted.files.contents["out.dat"] == data[: 3 * BLOCK]
    mounted.well(f"COPY {B} member.dat /START=100 /COUNT=3")
    assert mounted.files.contents["member.dat"] == data[: 3 * BLOCK]
    assert mounted.refused("COPY in.dat DSA42: /START=19998") == ["COPY-F-TOOBIG"]
    assert mounted.refused("COPY in.dat DSA42: /START=34") == ["COPY-F-SCB"]


def test_copy_writes_to_a_disk_only_where_it_is_mounted_for_writing(console: Console) -> None:
    console.files.contents["in.dat"] = b"\7" * BLOCK
    console.well(f"INIT {A} PAYROLL")
    assert console.refused(f"COPY in.dat {A} /START=9") == ["SYSTEM-F-DEVNOTMOUNT"]
    console.well(f"MOUNT/NOWRITE {A} PAYROLL")
    assert console.refused(f"COPY in.dat {A} /START=9") == ["SYSTEM-F-WRITLCK"]
    console.well(f"DISMOUNT {A}", f"MOUNT {A} PAYROLL", f"COPY in.dat {A} /START=9")
    assert console.content(0)[9 * BLOCK : 10 * BLOCK] == b"\7" * BLOCK


def test_dump_shows_longwords_from_right_to_left(mounted: Console) -> None:
    mounted.files.contents["in.dat"] = b"\0q3\0This is a sa    mple file to"
    mounted.well("COPY in.dat DSA42: /START=100")
    said = mounted.well("DUMP/BLOCKS=(START:100,COUNT:2) DSA42:")
    assert said[1].startswith("Dump of device DSA42: on ")
    assert said[2:7] == [
        "",
        "Logical block number 100 (00000064), 512 (0200) bytes",
        "",
        " 61732061 20736920 73696854 00337100 .q3.This is a sa 000000",
        " 6F742065 6C696620 656C706D 20202020     mple file to 000010",
    ]
    assert sum(line.startswith("Logical block number") for line in said) == 2


# ---- load, time, interruption


def test_a_load_runs_while_commands_go_on_and_checks_its_data(mounted: Console) -> None:
    mounted.well("LOAD DSA42: /WRITES=300 /READS=40 /SEED=7")
    assert "running" in mounted.well("SHOW LOAD")[1]
    assert mounted.refused("LOAD DSA42: /WRITES=1") == ["LOAD-F-RUNNING"]
    assert mounted.refused("DISMOUNT DSA42:") == ["DISM-W-CANNOTDMT", "DISM-W-USERFILES"]
    mounted.well(f"DISMOUNT/POLICY=MINICOPY {B}", f"MOUNT/POLICY=MINICOPY DSA42:/SHADOW={B} PAYROLL")
    assert mounted.well("WAIT/LOAD")[-1].startswith("%LOAD-I-ENDED, DSA42: 300 writes (")
    assert mounted.lines[-1].endswith(", 0 faults")
    mounted.well("WAIT DSA42:")
    assert mounted.content(0)[BLOCK:] == mounted.content(1)[BLOCK:]


def test_loads_of_two_nodes_share_what_they_know_of_the_blocks(mounted: Console) -> None:
    mounted.well("LOAD DSA42: /WRITES=300 /READS=40", "SET HOST VAX1", "MOUNT DSA42: PAYROLL")
    mounted.well("LOAD DSA42: /WRITES=300 /READS=40", f"DISMOUNT {B}", "SET HOST ALPHA1")
    mounted.well("WAIT/LOAD")
    assert [line.endswith(", 0 faults") for line in mounted.lines] == [True, True]
    mounted.well("LOAD DSA42: /READS=0 /WRITES=10", "WAIT/LOAD")


def test_a_load_without_writes_reads_until_it_is_stopped(mounted: Console) -> None:
    before = mounted.content(0)
    mounted.well("LOAD DSA42:", "WAIT 00:00:00.05")
    assert ": 0 writes (0 blocks) and " in " ".join(mounted.well("STOP/LOAD DSA42:")).replace("DSA42:", ":")
    assert mounted.content(0) == before


def test_a_paced_load_takes_its_virtual_time(mounted: Console) -> None:
    start_ns = mounted.world.clock.now_ns
    mounted.well("LOAD DSA42: /WRITES=50 /RATE=100", "WAIT/LOAD")
    assert 0.4e9 < mounted.world.clock.now_ns - start_ns < 0.6e9


def test_wait_lets_virtual_time_pass(console: Console) -> None:
    start_ns = console.world.clock.now_ns
    console.well("WAIT 01:00:00")
    assert console.world.clock.now_ns - start_ns >= 3_600_000_000_000


def test_control_c_ends_a_wait(console: Console) -> None:
    start_ns = console.world.clock.now_ns
    console.world.clock.call_after(10_000_000_000, console.interpreter.interrupt)
    assert console.refused("WAIT 23:00:00") == ["WAIT-F-ABORT"]
    assert console.world.clock.now_ns - start_ns < 11_000_000_000


def test_control_c_leaves_a_command_that_cannot_be_canceled_to_the_background(mounted: Console) -> None:
    mounted.world.clock.call_soon(mounted.interpreter.interrupt)
    assert mounted.refused(f"DISMOUNT {B}") == ["DCL-W-CONTINUES"]
    mounted.world.clock.run_for(600_000_000_000)
    assert len(mounted.world.nodes["ALPHA1"].shadow.units["DSA42:"].members) == 2


def test_operator_messages_are_shown_when_enabled(mounted: Console) -> None:
    mounted.well(f"DISMOUNT {B}", "REPLY/ENABLE", f"MOUNT DSA42:/SHADOW={B} PAYROLL")
    said = mounted.well("WAIT DSA42:")
    mounted.world.clock.run_for(600_000_000_000)
    said = mounted.lines
    assert any("shadow copy has been completed" in line for line in said)
    assert any(line.startswith("%%%%%%%%%%%  OPCOM  ") for line in said)
    assert "Message from user SYSTEM on ALPHA1" in said


def test_an_operator_may_be_enabled_for_some_messages(mounted: Console) -> None:
    mounted.well(f"DISMOUNT {B}", "REPLY/ENABLE=CLUSTER", f"MOUNT DSA42:/SHADOW={B} PAYROLL")
    assert not any("OPCOM" in line for line in mounted.well("WAIT DSA42:"))
    assert mounted.well("REPLY/STATUS")[1] == "  CLUSTER"
    mounted.well(f"DISMOUNT {B}", "REPLY/ENABLE=DISKS")
    mounted.do(f"MOUNT DSA42:/SHADOW={B} PAYROLL")
    assert any("OPCOM" in line for line in [*mounted.lines, *mounted.well("WAIT DSA42:")])


def test_an_operator_sees_from_which_node_a_message_is() -> None:
    console = Console(slow=True)
    console.well(
        f"INIT {A} PAYROLL", f"MOUNT DSA42:/SHADOW={A} PAYROLL", "SET HOST VAX1", "MOUNT DSA42: PAYROLL"
    )
    console.well("LOGOUT", f"MOUNT DSA42:/SHADOW={B} PAYROLL", "REPLY/ENABLE", "SET HOST VAX1")
    said = console.well("WAIT DSA42:")
    place = next(number for number, line in enumerate(said) if "SSRVCMPFCPY" in line)
    assert said[place - 2].startswith("(from node ALPHA1 at ")
    assert said[place - 1] == "Message from user SYSTEM on ALPHA1"


def test_the_operator_log_keeps_all_messages(mounted: Console) -> None:
    mounted.well('DEFINE OPC$LOGFILE_NAME "op.log"', "REPLY/LOG", f"DISMOUNT {B}")
    mounted.well(f"MOUNT DSA42:/SHADOW={B} PAYROLL", "WAIT DSA42:", "REPLY/NOLOG")
    log = mounted.files.contents["op.log"].decode()
    assert log.startswith("%%%%%%%%%%%  OPCOM  ")
    assert "shadow copy has been completed." in log
    mounted.well(f"DISMOUNT {B}", f"MOUNT DSA42:/SHADOW={B} PAYROLL", "WAIT DSA42:")
    assert mounted.files.contents["op.log"].decode() == log


def test_shutdown_leaves_volumes_that_need_no_copy(mounted: Console) -> None:
    mounted.well("LOAD DSA42: /WRITES=100000", "SET HOST VAX1", "MOUNT DSA42: PAYROLL")
    assert mounted.well("SHUTDOWN")[-2:] == [
        "%SHUTDOWN-I-DISMOUNTDEV, dismounting device _DSA42: on node ALPHA1",
        "%SHUTDOWN-I-DISMOUNTDEV, dismounting device _DSA42: on node VAX1",
    ]
    assert mounted.interpreter.ended
    said = mounted.well(f"MOUNT/NOCOPY DSA42:/SHADOW=({A},{B},{C}) PAYROLL")
    assert sum("SHDWMEMSUCC" in line for line in said) == 3


# ---- displays, help, completion


def test_show_memory_counts_the_bitmaps(mounted: Console) -> None:
    mounted.well(f"DISMOUNT/POLICY=MINICOPY {B}")
    assert mounted.well("SHOW MEMORY")[-3:] == [
        "Write Bitmap (WBM) Memory Summary",
        "  Local bitmap count:     0     Local bitmap memory usage (bytes)        0.00",
        "  Master bitmap count:    1     Master bitmap memory usage (bytes)      20.00",
    ]


def test_another_alpha_keeps_a_local_bitmap(console: Console) -> None:
    console.world.add_alpha("ALPHA2", *console.world.controllers, memory_bytes=2 << 20)
    console.world.boot()
    console.well(f"INIT/SHADOW=({A},{B}) PAYROLL", f"MOUNT/CLUSTER DSA42:/SHADOW=({A},{B}) PAYROLL")
    console.well(f"DISMOUNT/POLICY=MINICOPY {B}", "SET HOST ALPHA2", "LOAD DSA42: /WRITES=20", "WAIT/LOAD")
    assert console.well("SHOW MEMORY")[-2:] == [
        "  Local bitmap count:     1     Local bitmap memory usage (bytes)       20.00",
        "  Master bitmap count:    0     Master bitmap memory usage (bytes)       0.00",
    ]
    words = console.well("SHOW DEVICE/BITMAP/FULL DSA42")[2].split()
    assert words[3] == words[9] != "0%"


def test_show_bitmap_full_names_the_master(mounted: Console) -> None:
    mounted.well(f"DISMOUNT/POLICY=MINICOPY {B}", "LOAD DSA42: /WRITES=20", "WAIT/LOAD")
    (line,) = mounted.well("SHOW DEVICE/BITMAP/FULL DSA42")[2:]
    words = line.split()
    assert words[:3] == ["DSA42:", "00010001", "20"]
    assert words[4] == "Yes"
    assert words[7:9] == ["10001", "127"]
    assert words[-1] == "SHAD$PAYROLL"


def test_a_bitmap_that_directs_a_minicopy_records_no_more_and_will_go() -> None:
    console = Console(slow=True)
    console.well(f"INIT/SHADOW=({A},{B}) PAYROLL", f"MOUNT DSA9999:/SHADOW=({A},{B}) PAYROLL")
    console.well(f"DISMOUNT/POLICY=MINICOPY {B}", "LOAD DSA9999: /WRITES=50", "WAIT/LOAD")
    console.well(f"MOUNT/POLICY=MINICOPY DSA9999:/SHADOW={B} PAYROLL")
    (line,) = console.well("SHOW DEVICE/BITMAP/FULL")[2:]
    words = line.split()
    assert words[:2] == ["DSA9999:", "00010001"]
    assert words[4] == "No"  # active
    assert words[10] == "Yes"  # delete pending


def test_show_device_full_speaks_of_bitmaps(mounted: Console) -> None:
    text = " ".join(" ".join(mounted.well("SHOW DEVICE/FULL DSA42")).split())
    assert "device supports bitmaps (no bitmaps active)." in text
    assert "is online, member of shadow set DSA42:." in text
    mounted.well(f"DISMOUNT/POLICY=MINICOPY {B}")
    text = " ".join(" ".join(mounted.well("SHOW DEVICE/FULL DSA42")).split())
    assert "device supports bitmaps (bitmaps active)." in text


def test_show_shadow_tells_the_state(mounted: Console) -> None:
    said = mounted.well("SHOW SHADOW DSA42:")
    assert said[0] == "_DSA42:  Volume Label: PAYROLL"
    assert said[1] == "  Virtual Unit State:   Steady State"
    assert "  VU Timeout Value    3600    VU Site Value        0" in said
    place = said.index("  Device $1$DUA10               Master Member")
    assert said[place + 1].startswith("    Read Cost              2 ")
    assert said[place + 2].startswith("    Member Timeout       120 ")


def test_show_device_of_a_port(console: Console) -> None:
    assert console.well("SHOW DEVICE PUA0:")[0].startswith("Device PUA0:, UQSSP port, model 27,")


def test_show_device_full_says_where_membership_is_kept(console: Console) -> None:
    node = console.world.nodes["ALPHA1"]
    console.world.run(node, node.utilities.initialize([A], "RAW", shadow=True, files=False))
    console.well(f"MOUNT DSA1:/SHADOW={A} RAW")
    said = console.well("SHOW DEVICE/FULL DSA1")
    assert "  Volume Status:  no file structure, membership kept beside the volume," in said
    assert "    subject to mount verification." in said


def test_show_device_full_names_the_owner_of_a_volume(console: Console) -> None:
    console.well(f"INIT/OWNER_UIC=[11,201] {A} PAYROLL", f"MOUNT {A} PAYROLL")
    said = console.well(f"SHOW DEVICE/FULL {A}")
    assert "    Volume owner UIC        [11,201]    Vol Prot    S:RWCD,O:RWCD,G:RWCD,W:RWCD" in said


def test_mounted_devices_are_shown_without_members(mounted: Console) -> None:
    mounted.well(f"DISMOUNT {C}", f"MOUNT/NOWRITE {C} PAYROLL")
    shown = [line.split()[0] for line in mounted.well("SHOW DEVICE/MOUNTED")[2:]]
    assert shown == ["DSA42:", C]


def test_a_member_is_shown_as_one_without_its_set(mounted: Console) -> None:
    for name in (A, "DUA10", "_$1$DUA10:"):
        said = mounted.well(f"SHOW DEVICE {name}")
        assert said[2:] == ["$1$DUA10:   (ALPHA1)    ShadowSetMember      0  (member of DSA42:)"]
    mounted.well(f"DISMOUNT {B}", f"MOUNT DSA42:/SHADOW={B} PAYROLL")
    assert "(copy trgt DSA42:" in mounted.well(f"SHOW DEVICE {B}")[2]


def test_a_bitmap_without_a_mounted_set_is_shown_and_can_be_deleted(mounted: Console) -> None:
    mounted.well(f"DISMOUNT/POLICY=MINICOPY {C}", "DISMOUNT DSA42:")
    for name in ("", "DSA42", "DSA42:"):
        assert (
            mounted.well(f"SHOW DEVICE/BITMAP {name}")[2] == "DSA42:            00010001       20          0%"
        )
    (line,) = mounted.well("SHOW DEVICE/BITMAP/FULL")[2:]
    assert line.split()[4] == "No"  # nothing is recorded
    assert mounted.well("DELETE/BITMAP/LOG 00010001") == ["%DELETE-I-DELETED, 00010001 deleted"]
    assert mounted.well("SHOW DEVICE/BITMAP") == ["no bitmaps active"]
    assert mounted.refused("SHOW DEVICE/BITMAP DSA42") == ["SYSTEM-W-NOSUCHDEV"]


def test_a_bitmap_whose_set_another_node_has_is_not_deleted_where_the_set_is_dismounted(
    mounted: Console,
) -> None:
    mounted.well("SET HOST VAX1", "MOUNT DSA42: PAYROLL", "LOGOUT")
    mounted.well(f"DISMOUNT/POLICY=MINICOPY {C}", "DISMOUNT DSA42:")
    assert mounted.well("SHOW DEVICE/BITMAP/FULL")[2].split()[4] == "Yes"
    assert mounted.refused("DELETE/BITMAP 00010001") == ["DELETE-F-BITMAPINUSE"]
    mounted.well("MOUNT DSA42: PAYROLL", f"MOUNT/POLICY=MINICOPY DSA42:/SHADOW={C} PAYROLL")


def test_every_node_knows_what_is_free_on_a_volume_that_all_have_mounted(console: Console) -> None:
    console.well(f"INIT/SHADOW=({A},{B}) PAYROLL", f"MOUNT/CLUSTER DSA42:/SHADOW=({A},{B}) PAYROLL")
    console.well("SET HOST VAX1")
    assert console.well("SHOW DEVICE DSA42")[2].split()[5] == "19965"


def test_a_disk_without_a_volume_is_not_mounted_and_told_from_a_wrong_label(console: Console) -> None:
    assert console.refused(f"MOUNT {A} PAYROLL") == ["MOUNT-F-NOHOMEBLK"]
    console.well(f"INITIALIZE {A} OTHER")
    assert console.refused(f"MOUNT {A} PAYROLL") == ["MOUNT-F-INCVOLLABEL"]


def test_of_policies_that_contradict_each_other_the_last_one_counts(mounted: Console) -> None:
    mounted.well(f"DISMOUNT {B}")
    assert mounted.refused(f"MOUNT/POLICY=(NOMINICOPY,MINICOPY) DSA42:/SHADOW={B} PAYROLL") == [
        "MOUNT-F-REQ_WBM_FAIL"
    ]
    mounted.well(f"MOUNT/POLICY=(MINICOPY,NOMINICOPY) DSA42:/SHADOW={B} PAYROLL")


def test_a_disk_is_not_saved_on_a_disk(console: Console) -> None:
    for target in (B, "DUA11", "DSA1:", "NOSUCH:"):
        assert console.refused(f"BACKUP/PHYSICAL {A} {target}") == ["BACKUP-F-ONEFILE"]
    assert not console.files.contents


def test_a_disk_mounted_elsewhere_says_so(mounted: Console) -> None:
    mounted.well("SET HOST VAX1")
    assert mounted.well(f"SHOW DEVICE {A}")[2].endswith("(remote mount)")


def test_help_on_a_vax_speaks_of_no_word_that_it_does_not_know(console: Console) -> None:
    said = " ".join(console.well("HELP MOUNT") + console.well("HELP DELETE"))
    assert "MINICOPY=OPTIONAL" in said
    assert "/BITMAP" in said
    console.well("SET HOST VAX1")
    for topic in ("MOUNT", "MOUNT/POLICY", "DISMOUNT", "DELETE", "SHOW DEVICE", "INITIALIZE", "SET DEVICE"):
        said = " ".join(console.well(f"HELP {topic}")).upper()
        assert "MINICOPY" not in said
        assert "BITMAP" not in said
    assert "VERIFY_LABEL" in " ".join(console.well("HELP MOUNT/POLICY"))


def test_help_explains_verbs_and_qualifiers(console: Console) -> None:
    assert "  @           BACKUP      BOOT        CLOSE       CONTINUE    COPY" in console.well("HELP")
    said = console.well("HELP SHOW DEVICE")
    assert said[1] == "SHOW DEVICES"
    assert "  /BITMAP" in said
    assert console.well("HELP INIT")[-4:-1] == [
        "  Examples:",
        "    $ INITIALIZE $1$DUA10: PAYROLL",
        "    $ INITIALIZE/ERASE/SHADOW=($1$DUA10:,$1$DUA11:) PAYROLL",
    ]
    assert console.well("HELP NONSENSE")[1] == "Sorry, no documentation on NONSENSE"
    policy = console.well("HELP DISMOUNT POLICY")
    assert policy == console.well("HELP DISMOUNT/POLICY") == console.well("HELP DISMOUNT /POL")
    assert "  /POLICY         /CLUSTER        /FORCE_REMOVAL  /ABORT" in console.well("HELP DISMOUNT WHY")


def test_help_asks_for_topics_until_it_is_let_go(console: Console) -> None:
    console.answers = ["SHOW", "DEVICE", "", "", ""]
    console.well("HELP")
    assert console.prompts == [
        "Topic? ",
        "SHOW Subtopic? ",
        "SHOW DEVICES Subtopic? ",
        "SHOW Subtopic? ",
        "Topic? ",
    ]
    assert "  /BITMAP" in console.lines


def test_help_on_a_vax_shows_no_example_that_a_vax_refuses(console: Console) -> None:
    assert "    $ DISMOUNT/POLICY=MINICOPY $1$DUA11:" in console.well("HELP DISMOUNT")
    console.well("SET HOST VAX1")
    said = console.well("HELP DISMOUNT")
    assert "    $ DISMOUNT/CLUSTER DSA1:" in said
    assert not any("MINICOPY" in line for line in said)


def suggested(console: Console, text: str) -> Iterator[str]:
    return (s.text for s in suggestions(console.interpreter.session, text))


def test_completion_knows_verbs_options_qualifiers_and_devices(mounted: Console) -> None:
    assert list(suggested(mounted, "DIS")) == ["DISMOUNT "]
    assert list(suggested(mounted, "SHOW D")) == ["DEVICES "]
    assert list(suggested(mounted, "SHOW DEV/BI")) == ["BITMAP"]
    assert list(suggested(mounted, "DISMOUNT/POLICY=M")) == ["MINICOPY"]
    assert list(suggested(mounted, f"MOUNT DSA1:/SHADOW=({A},DUA11")) == [B]
    assert list(suggested(mounted, "DISMOUNT DS")) == ["DSA42:"]
    assert list(suggested(mounted, "SET HOST V")) == ["VAX1"]
    mounted.well("SET HOST VAX1")
    assert list(suggested(mounted, "DISMOUNT/PO")) == []


def test_files_go_in_and_out_and_free_blocks_are_counted(mounted: Console) -> None:
    mounted.files.contents |= {"a.txt": b"one\ntwo\n", "b.bin": bytes(range(256)) * 5}
    assert "DSA42:      (ALPHA1)    Mounted              0  PAYROLL         19965     1   1" in mounted.well(
        "SHOW DEVICE DSA42:"
    )
    mounted.well("CREATE/DIRECTORY DSA42:[A.B]")
    mounted.well("COPY a.txt DSA42:[A.B]")
    mounted.well("COPY/VARIABLE a.txt DSA42:[A.B]")
    assert mounted.well("COPY/LOG b.bin DSA42:[A.B]C.DAT") == [
        "%COPY-S-COPIED, b.bin copied to DSA42:[A.B]C.DAT;1 (3 blocks)"
    ]
    assert mounted.well("DIRECTORY/SIZE DSA42:[A.B]") == [
        "",
        "Directory DSA42:[A.B]",
        "",
        "A.TXT;2                              1/1",
        "A.TXT;1                              1/1",
        "C.DAT;1                              3/3",
        "",
        "Total of 3 files, 5/5 blocks.",
    ]
    assert mounted.well("TYPE DSA42:[A.B]A.TXT;2") == ["one", "two"]
    mounted.well('COPY DSA42:[A.B]*.* "out/"')
    assert mounted.files.contents["out/a.txt"] == b"one\ntwo\n"
    assert mounted.files.contents["out/c.dat"] == bytes(range(256)) * 5
    assert mounted.well("DELETE/LOG DSA42:[A.B]A.TXT;*") == [
        "%DELETE-I-FILDEL, DSA42:[A.B]A.TXT;2 deleted",
        "%DELETE-I-FILDEL, DSA42:[A.B]A.TXT;1 deleted",
    ]


def test_an_ods5_volume_is_blocks_without_files(console: Console) -> None:
    console.well(f"INIT {A} PAYROLL")
    make_ods5(console.media[0])
    console.well(f"MOUNT DSA42:/SHADOW={A} PAYROLL")
    assert "  Volume Status:  ODS-5, subject to mount verification." in console.well("SHOW DEVICE/FULL DSA42")
    assert "SYSTEM-F-FILESTRUCT" in console.refused("DIRECTORY DSA42:[000000]")
    assert console.refused("LOAD DSA42: /WRITES=10") == ["LOAD-F-FILES"]


def test_a_load_does_not_overwrite_files(mounted: Console) -> None:
    mounted.files.contents["a.txt"] = b"one"
    mounted.well("COPY a.txt DSA42:[]")
    assert mounted.refused("LOAD DSA42: /WRITES=10") == ["LOAD-F-FILES"]


@pytest.mark.parametrize(
    ("line", "idents"),
    [
        ("COPY none.txt DSA42:[]", ["COPY-E-OPENIN", "RMS-E-FNF"]),
        ("COPY a.txt DSA42:[NONE]", ["COPY-E-OPENOUT", "RMS-E-DNF", "SYSTEM-W-NOSUCHFILE"]),
        ("COPY a.txt DSA42:[]A?B.TXT", ["COPY-E-OPENOUT", "RMS-F-FNM"]),
        ("COPY a.txt DUA99:[A]B.TXT", ["COPY-E-OPENOUT", "RMS-F-DEV", "SYSTEM-W-NOSUCHDEV"]),
        ("COPY DSA42:[]NONE.TXT a.txt", ["COPY-E-OPENIN", "RMS-E-FNF"]),
        ("COPY DSA42:[]*.SYS out", ["COPY-F-ONEFILE"]),
        ("COPY DSA42:[]INDEXF.SYS DSA42:[]A.SYS", ["COPY-F-ONEFILE"]),
        ("COPY/FIXED/VARIABLE a.txt DSA42:[]", ["DCL-W-CONFLICT"]),
        ("TYPE DSA42:[]NONE.TXT", ["TYPE-W-SEARCHFAIL", "RMS-E-FNF"]),
        ("TYPE DSA7:[]NONE.TXT", ["TYPE-W-SEARCHFAIL", "RMS-F-DEV", "SYSTEM-F-DEVNOTMOUNT"]),
        ("DIRECTORY NONE.TXT", ["DIRECT-E-OPENIN", "RMS-F-DEV"]),
        ("DIRECTORY DSA42:[]NONE.TXT", ["DIRECT-W-NOFILES"]),
        ("DELETE DSA42:[]INDEXF.SYS", ["DELETE-E-DELVER"]),
        ("DELETE DSA42:[]INDEXF.SYS;1", ["DELETE-W-FILNOTDEL", "SYSTEM-F-NOPRIV"]),
        ("CREATE/DIRECTORY DSA42:[000000]", ["CREATE-E-DIRNOTCRE", "RMS-F-DIR"]),
        ("CREATE/DIRECTORY DUA99:[A]", ["CREATE-E-DIRNOTCRE", "RMS-F-DEV", "SYSTEM-W-NOSUCHDEV"]),
        ("CREATE DSA42:[A]", ["DCL-W-CONFLICT"]),
    ],
)
def test_commands_on_files_that_cannot_be_done_are_refused(
    mounted: Console, line: str, idents: list[str]
) -> None:
    mounted.files.contents["a.txt"] = b"one"
    assert mounted.refused(line) == idents


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("TYPE dsa42:[a]b.txt", "%TYPE-W-SEARCHFAIL, error searching for DSA42:[A]B.TXT;"),
        ("TYPE dsa42:b.txt;2", "%TYPE-W-SEARCHFAIL, error searching for DSA42:[000000]B.TXT;2"),
        ("DELETE dsa42:[]b.*;*", "%DELETE-W-SEARCHFAIL, error searching for DSA42:[000000]B.*;*"),
        ("DIRECTORY dsa42:[a]", "%DIRECT-E-OPENIN, error opening DSA42:[A]*.*;* as input"),
        ("COPY a.txt dsa42:[a]", "%COPY-E-OPENOUT, error opening DSA42:[A]A.TXT; as output"),
        ("COPY dsa42:[a]b.txt c.txt", "%COPY-E-OPENIN, error opening DSA42:[A]B.TXT; as input"),
        ("CREATE/DIRECTORY dua99:[a]", "%CREATE-E-DIRNOTCRE, DUA99:[A] directory file not created"),
        ("@dsa42:[]proc", "%DCL-E-OPENIN, error opening DSA42:[000000]PROC.COM; as input"),
        ("@sys$examples:proc", "%DCL-E-OPENIN, error opening SYS$EXAMPLES:PROC.COM; as input"),
        ("@proc", "%DCL-E-OPENIN, error opening proc.com as input"),
        ("@PROC", "%DCL-E-OPENIN, error opening PROC.COM as input"),
        ("OPEN LIST dua99:list.txt", "%DCL-E-OPENIN, error opening dua99:list.txt as input"),
        ("OPEN/WRITE LIST a.txt", "%DCL-E-OPENOUT, error opening a.txt as output"),
    ],
)
def test_a_file_that_cannot_be_had_is_named_in_full(mounted: Console, line: str, said: str) -> None:
    mounted.files.contents["a.txt"] = b"one"
    assert mounted.do(line)[0] == said


def test_of_a_device_that_is_not_there_no_file_is_missed(mounted: Console) -> None:
    assert mounted.refused("@DUA99:PROC") == ["DCL-E-OPENIN", "RMS-F-DEV", "SYSTEM-W-NOSUCHDEV"]


def test_a_slash_in_the_name_of_a_procedure_brings_advice(mounted: Console) -> None:
    assert "quotation marks" in mounted.do("@/tmp/procedure")[2]


def test_one_file_that_cannot_be_deleted_keeps_no_other(mounted: Console) -> None:
    mounted.files.contents["a.txt"] = b"one"
    mounted.well("COPY a.txt DSA42:[]", "CREATE/DIRECTORY DSA42:[B.C]", "COPY a.txt DSA42:[]z.txt")
    said = mounted.do("DELETE/LOG DSA42:[]*.*;*")
    assert mounted.interpreter.status == "F"
    assert [line for line in said if "FILDEL" in line] == [
        "%DELETE-I-FILDEL, DSA42:[000000]A.TXT;1 deleted",
        "%DELETE-I-FILDEL, DSA42:[000000]Z.TXT;1 deleted",
    ]
    assert "%DELETE-W-FILNOTDEL, error deleting DSA42:[000000]B.DIR;1" in said
    assert "%DELETE-W-FILNOTDEL, error deleting DSA42:[000000]VOLSET.SYS;1" in said


def test_a_parenthesis_that_is_missing_is_said_to_be(console: Console) -> None:
    assert console.refused("MOUNT DSA1:/SHADOW=(DUA10:,DUA11: PAYROLL") == ["DCL-W-NOPAREN"]


def test_a_volume_has_logical_names_while_it_is_mounted(console: Console) -> None:
    def meaning(name: str) -> str:
        return console.well(f'WRITE SYS$OUTPUT F$TRNLNM("{name}")')[0]

    console.well(f"INIT/SHADOW=({A},{B}) PAYROLL", f"MOUNT/SYSTEM DSA42:/SHADOW=({A},{B}) PAYROLL DATA:")
    assert meaning("DATA") == meaning("DISK$PAYROLL") == "DSA42:"
    console.well("SET HOST VAX1")
    assert meaning("DATA") == ""
    console.well("LOGOUT", "DISMOUNT DATA")
    assert meaning("DATA") == meaning("DISK$PAYROLL") == ""
    console.well(f"MOUNT/CLUSTER DSA42:/SHADOW=({A},{B}) PAYROLL", "SET HOST VAX1")
    assert meaning("DISK$PAYROLL") == "DSA42:"
    console.well("DISMOUNT/CLUSTER DISK$PAYROLL:")
    assert meaning("DISK$PAYROLL") == ""


def test_a_logical_name_may_stand_for_a_device_wherever_one_is_wanted(mounted: Console) -> None:
    mounted.files.contents["a.txt"] = b"one\n"
    mounted.well("DEFINE SET DSA42:", f"DEFINE ONE {B}", "DEFINE LEAVES ONE")
    assert mounted.well("SHOW DEVICE SET")[2].startswith("DSA42: ")
    mounted.well("CREATE/DIRECTORY SET:[X]", "COPY a.txt SET:[X]")
    assert mounted.well("TYPE SET:[X]A.TXT") == ["one"]
    assert mounted.well("DIRECTORY SET:[X]")[1] == "Directory DSA42:[X]"
    mounted.well("COPY SET:[X]A.TXT b.txt", "DELETE SET:[X]A.TXT;*")
    assert mounted.files.contents["b.txt"] == b"one\n"
    mounted.well("DISMOUNT/POLICY=MINICOPY LEAVES")
    assert "SHDWMEMMCPY" in mounted.well("MOUNT SET/SHADOW=LEAVES PAYROLL")[0]
    mounted.well("WAIT SET", "SET DEVICE/READ_COST=9 ONE")
    assert mounted.well('WRITE SYS$OUTPUT F$GETDVI("SET:","VOLNAM")') == ["PAYROLL"]
    assert mounted.refused("SHOW DEVICE _SET") == ["SYSTEM-W-NOSUCHDEV"]
