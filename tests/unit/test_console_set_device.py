"""SET DEVICE and DISMOUNT/ABORT at the console: costs, times, and sets and members that are waited for."""

import pytest

from emu.core.clock import SECOND_NS
from tests.unit.test_console import A, B, C, Console


@pytest.fixture
def mounted() -> Console:
    console = Console()
    console.well(f"INIT/SHADOW=({A},{B},{C}) PAYROLL", f"MOUNT DSA42:/SHADOW=({A},{B},{C}) PAYROLL")
    return console


def fields(lines: list[str]) -> str:
    """What was said, with one blank between words."""
    return " ".join(" ".join(lines).split())


def pull_out(console: Console, *numbers: int) -> None:
    """Take disks away while writes are under way, and let the node find out."""
    controller = console.world.controllers[0]
    console.well("LOAD DSA42: /WRITES=1000 /RATE=50")
    for number in numbers:
        controller.detach_unit(number)
    console.well("WAIT 00:00:05")


def test_costs_and_times_are_shown_as_they_were_set_until_the_set_is_dismounted(mounted: Console) -> None:
    mounted.well(f"SET DEVICE/READ_COST=77/MEMBER_TIMEOUT=16777215/COPY_SOURCE {A}")
    mounted.well("SET DEVICE/MVTIMEOUT=%X10 DSA42:")
    said = mounted.well("SHOW SHADOW DSA42:")
    assert "VU Timeout Value 16 " in fields(said)
    place = next(number for number, line in enumerate(said) if "$1$DUA10" in line)
    assert fields(said[place + 1 : place + 3]).startswith("Read Cost 77 Operations ")
    assert said[place + 2].startswith("    Member Timeout  16777215 ")
    full = fields(mounted.well(f"SHOW DEVICE/FULL {A}"))
    assert "Read cost 77 Member time-out 16777215 Copy source named" in full
    assert "Mount verification time-out 16 " in fields(mounted.well("SHOW DEVICE/FULL DSA42"))
    mounted.well("DISMOUNT DSA42:", f"MOUNT DSA42:/SHADOW=({A},{B},{C}) PAYROLL")
    assert "VU Timeout Value 3600 " in fields(mounted.well("SHOW SHADOW DSA42:"))
    assert "Read cost 2 Member time-out 120 Copy source any" in fields(mounted.well(f"SHOW DEVICE/FULL {A}"))


def test_sites_are_shown(mounted: Console) -> None:
    mounted.well("SET DEVICE/SITE=7 DSA42:", f"SET DEVICE/SITE=8/MEMBER_TIMEOUT=60 {A}")
    said = fields(mounted.well("SHOW SHADOW DSA42:"))
    assert "VU Site Value 7 " in said
    assert "Read Cost 42 " in said
    assert "Site 8 " in said


def test_the_copy_source_of_a_virtual_unit_is_its_master_member(mounted: Console) -> None:
    mounted.well(f"SET DEVICE/COPY_SOURCE {B}", "SET DEVICE/COPY_SOURCE DSA42:")
    assert mounted.world.nodes["ALPHA1"].shadow.units["DSA42:"].copy_source == A


@pytest.mark.parametrize(
    ("line", "idents"),
    [
        ("SET DEVICE/READ_COST=0 DUA10:", ["CLI-F-IVVALU"]),
        ("SET DEVICE/READ_COST=4294967296 DUA10:", ["CLI-F-IVVALU"]),
        ("SET DEVICE/MEMBER_TIMEOUT=0 DUA10:", ["CLI-F-IVVALU"]),
        ("SET DEVICE/MEMBER_TIMEOUT=16777216 DUA10:", ["CLI-F-IVVALU"]),
        ("SET DEVICE/MVTIMEOUT=0 DSA42:", ["CLI-F-IVVALU"]),
        ("SET DEVICE/SITE=0 DSA42:", ["CLI-F-IVVALU"]),
        ("SET DEVICE/SITE=256 DUA10:", ["CLI-F-IVVALU"]),
        ("SET DEVICE/MVTIMEOUT=16777216 DSA42:", ["CLI-F-IVVALU"]),
        ("SET DEVICE/MVTIMEOUT=10 DSA7:", ["SYSTEM-F-DEVNOTMOUNT"]),
        (f"SET DEVICE/MVTIMEOUT=10 {A}", ["SET-E-NOTSHDWVU"]),
        (f"SET DEVICE/ABORT_VIRTUAL_UNIT {A}", ["SET-E-NOTSHDWVU"]),
        ("SET DEVICE/READ_COST=5 DSA42:", ["SET-E-NOTSHDWDEV"]),
        ("SET DEVICE/MEMBER_TIMEOUT=5 DSA42:", ["SET-E-NOTSHDWDEV"]),
        ("SET DEVICE/FORCE_REMOVAL DSA42:", ["SET-E-NOTSHDWDEV"]),
        (f"SET DEVICE/READ_COST=5 {C}", ["SET-E-NOTMEMBER"]),
        (f"SET DEVICE/COPY_SOURCE {C}", ["SET-E-NOTMEMBER"]),
        (f"SET DEVICE/FORCE_REMOVAL {C}", ["SET-E-NOTMEMBER"]),
        ("SET DEVICE/FORCE_REMOVAL DUA99:", ["SET-E-NOTSET", "SYSTEM-W-NOSUCHDEV"]),
        ("SET DEVICE/ABORT_VIRTUAL_UNIT DSA42:", ["SYSTEM-E-UNSUPPORTED"]),
        (f"SET DEVICE/MVTIMEOUT=10/READ_COST=10 {A}", ["DCL-W-CONFLICT"]),
        ("DISMOUNT/ABORT/POLICY=MINICOPY DUA10:", ["DCL-W-CONFLICT"]),
    ],
)
def test_what_cannot_be_set_is_refused(mounted: Console, line: str, idents: list[str]) -> None:
    mounted.well(f"DISMOUNT {C}")
    assert mounted.refused(line) == idents


def test_only_operators_set_devices(mounted: Console) -> None:
    mounted.well("SET PROCESS/PRIVILEGES=(NOALL,TMPMBX)")
    assert mounted.refused("SET DEVICE/MVTIMEOUT=10 DSA42:") == ["SYSTEM-F-NOPRIV"]


@pytest.mark.parametrize("line", [f"SET DEVICE/FORCE_REMOVAL {C}", f"DISMOUNT/ABORT {C}"])
def test_a_member_that_is_waited_for_is_put_out_at_once(mounted: Console, line: str) -> None:
    pull_out(mounted, 12)
    assert len(mounted.well("SHOW DEVICE DSA42")) == 6
    before_ns = mounted.world.clock.now_ns
    mounted.well(line, "WAIT/LOAD")
    assert mounted.world.clock.now_ns - before_ns < 60 * SECOND_NS
    assert len(mounted.well("SHOW DEVICE DSA42")) == 5


def test_the_last_source_member_is_not_put_out_by_force(mounted: Console) -> None:
    mounted.well(f"SET DEVICE/FORCE_REMOVAL {A}", f"SET DEVICE/FORCE_REMOVAL {B}")
    assert mounted.refused(f"SET DEVICE/FORCE_REMOVAL {C}") == ["DISM-W-CANNOTDMT", "DISM-F-SRCMEM"]


def test_a_set_in_mount_verification_is_aborted_shown_and_dismounted(mounted: Console) -> None:
    pull_out(mounted, 10, 11, 12)
    assert "Virtual Unit State: Mount Verification in Progress" in fields(mounted.well("SHOW SHADOW"))
    assert "mount verification in progress" in fields(mounted.well("SHOW DEVICE/FULL DSA42"))
    assert "MntVerifyInProgress" in mounted.well("SHOW DEVICE DSA42")[2]
    mounted.well("SET DEVICE/ABORT_VIRTUAL_UNIT DSA42:")
    assert "Virtual Unit State: Aborted" in fields(mounted.well("SHOW SHADOW"))
    full = fields(mounted.well("SHOW DEVICE/FULL DSA42"))
    assert "mount verification timed out" in full
    assert "Shadow set members 0" in full
    assert "MntVerifyTimeout" in mounted.well("SHOW DEVICE DSA42")[2]
    mounted.do("WAIT/LOAD")
    mounted.well("DISMOUNT/ABORT DSA42:")
    assert mounted.refused("SHOW SHADOW DSA42:") == ["SYSTEM-W-NOSUCHDEV"]


def test_a_wide_status_leaves_the_volume_in_its_column(mounted: Console) -> None:
    mounted_line = mounted.well("SHOW DEVICE DSA42")[2]
    pull_out(mounted, 10, 11, 12)
    line = mounted.well("SHOW DEVICE DSA42")[2]
    assert line[24:46].split() == ["MntVerifyInProgress", "0"]
    assert line.index("PAYROLL") == mounted_line.index("PAYROLL")


def test_getdvi_tells_of_mount_verification(mounted: Console) -> None:
    pull_out(mounted, 10, 11, 12)
    assert mounted.well('WRITE SYS$OUTPUT (F$GETDVI("DSA42","STS")/16384).AND.1') == ["1"]
    assert mounted.well(f'WRITE SYS$OUTPUT (F$GETDVI("{A}","STS")/16).AND.1') == ["0"]  # off line


def test_dismount_with_abort_ends_mount_verification_and_the_load(mounted: Console) -> None:
    pull_out(mounted, 10, 11, 12)
    before_ns = mounted.world.clock.now_ns
    mounted.well("DISMOUNT/ABORT DSA42:")
    assert mounted.world.clock.now_ns - before_ns < 60 * SECOND_NS
    assert mounted.refused("SHOW SHADOW DSA42:") == ["SYSTEM-W-NOSUCHDEV"]
    assert mounted.refused("STOP/LOAD") == ["STOP-W-NOLOAD"]


def test_dismount_with_abort_ends_a_load_on_a_set_that_is_well(mounted: Console) -> None:
    mounted.well("LOAD DSA42: /WRITES=1000 /RATE=10")
    said = mounted.well("DISMOUNT/ABORT DSA42:")
    assert [line.split(",")[0] for line in said] == ["%LOAD-I-ENDED"]
    assert mounted.refused("SHOW SHADOW DSA42:") == ["SYSTEM-W-NOSUCHDEV"]


def test_what_a_member_costs_is_shown_by_the_node_it_costs(mounted: Console) -> None:
    mounted.well(f"SET DEVICE/READ_COST=77 {A}", "SET HOST VAX1")
    alone = fields(mounted.well(f"SHOW DEVICE/FULL {A}"))
    assert "mounted on another node" in alone
    assert "Read cost" not in alone
    mounted.well("MOUNT DSA42: PAYROLL")
    assert "Read cost 2 Member time-out 120" in fields(mounted.well(f"SHOW DEVICE/FULL {A}"))
    mounted.well("LOGOUT")
    assert "Read cost 77 Member time-out 120" in fields(mounted.well(f"SHOW DEVICE/FULL {A}"))
