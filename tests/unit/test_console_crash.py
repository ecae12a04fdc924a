"""A node crashes under its operator, and boots again."""

import re

import pytest

from tests.unit.test_console import A, B, C, Console


@pytest.fixture
def console() -> Console:
    console = Console()
    console.well(f"INIT/SHADOW=({A},{B}) PAYROLL", f"MOUNT DSA42:/SHADOW=({A},{B}) PAYROLL")
    return console


def test_a_console_goes_where_a_node_is_up(console: Console) -> None:
    console.do("RUN SYS$SYSTEM:OPCCRASH")
    assert console.do("SHOW TIME")[0] == "%HBVS-W-NODEDOWN, node ALPHA1 is down, this console is at VAX1 now"
    assert console.interpreter.prompt == "VAX1$ "


def test_a_remote_login_ends_with_its_node(console: Console) -> None:
    console.well("SET HOST VAX1")
    console.do("RUN SYS$SYSTEM:OPCCRASH")
    said = console.well("SHOW SYMBOL $STATUS")
    assert said[:2] == [
        "%REM-F-NETERR, path to node VAX1 is lost",
        "%REM-S-END, control returned to node _ALPHA1::",
    ]
    assert console.refused("SET HOST VAX1") == ["SYSTEM-F-UNREACHABLE"]


def test_a_command_ends_with_its_node(console: Console) -> None:
    console.world.clock.call_after(5_000_000_000, lambda: console.world.crash("ALPHA1"))
    assert console.refused("WAIT 10:00:00") == ["SYSTEM-F-NODELEAVE"]


def test_a_load_ends_with_its_node(console: Console) -> None:
    console.well("SET HOST VAX1", "MOUNT DSA42: PAYROLL", "LOAD DSA42:/WRITES=100000/RATE=100")
    console.do("RUN SYS$SYSTEM:OPCCRASH")
    console.well("WAIT/LOAD")


def test_a_node_boots_and_mounts_again(console: Console) -> None:
    console.well("SET HOST VAX1", "MOUNT DSA42: PAYROLL")
    console.do("RUN SYS$SYSTEM:OPCCRASH")
    assert console.well("BOOT VAX1")[-1] == "%BOOT-S-UP, node VAX1 is up"
    assert console.refused("BOOT VAX1") == ["BOOT-F-RUNNING"]
    assert console.refused("BOOT NOWHERE") == ["SYSTEM-F-NOSUCHNODE"]
    console.well("SET HOST VAX1", "MOUNT DSA42: PAYROLL")
    assert console.well("SHOW DEVICE DSA42")[2].endswith(" 2")


def test_when_all_nodes_are_down_there_is_nobody_to_ask(console: Console) -> None:
    console.world.crash("ALPHA1")
    console.world.crash("VAX1")
    assert console.refused("SHOW TIME") == ["HBVS-F-NODEDOWN"]


def test_when_all_nodes_are_down_one_can_be_booted(console: Console) -> None:
    console.world.crash("VAX1")
    console.world.crash("ALPHA1")
    assert console.well("BOOT ALPHA1")[-1] == "%BOOT-S-UP, node ALPHA1 is up"
    console.well(f"MOUNT DSA42:/SHADOW=({A},{B}) PAYROLL")


@pytest.mark.parametrize("line", ["EXIT", "LOGOUT", "SHUTDOWN"])
def test_when_all_nodes_are_down_a_console_can_be_left(console: Console, line: str) -> None:
    console.world.crash("ALPHA1")
    console.world.crash("VAX1")
    assert console.well(line) == []
    assert console.interpreter.ended


def test_volumes_are_mounted_and_dismounted_on_the_nodes_that_are_up(console: Console) -> None:
    console.well("SET HOST VAX1", "MOUNT DSA42: PAYROLL")
    console.do("RUN SYS$SYSTEM:OPCCRASH")
    console.well("WAIT 00:01:00", "DISMOUNT/CLUSTER DSA42:")
    console.well(f"MOUNT/CLUSTER DSA42:/SHADOW=({A},{B}) PAYROLL", "WAIT DSA42:")
    assert console.well("SHUTDOWN") == ["%SHUTDOWN-I-DISMOUNTDEV, dismounting device _DSA42: on node ALPHA1"]


def test_what_only_a_dead_node_had_mounted_is_free(console: Console) -> None:
    console.well("SET HOST VAX1", f"INITIALIZE {C} SCRATCH", f"MOUNT {C} SCRATCH")
    console.do("RUN SYS$SYSTEM:OPCCRASH")
    assert not console.well(f"SHOW DEVICE {C}")[2].endswith("(remote mount)")
    console.well(f"INITIALIZE {C} SCRATCH")


def test_a_disk_is_free_again_when_the_node_dies_that_saves_it() -> None:
    console = Console(slow=True)
    console.well("SET HOST VAX1")
    console.world.clock.call_after(5_000_000, lambda: console.world.crash("VAX1"))
    assert console.refused(f"BACKUP/PHYSICAL {A} A.BCK") == ["SYSTEM-F-NODELEAVE"]
    console.well(f"INITIALIZE {A} SCRATCH", "SHUTDOWN")


def test_a_merge_and_a_copy_that_goes_first_are_shown() -> None:
    console = Console(slow=True)
    console.well(f"INIT/SHADOW=({A},{B}) PAYROLL", f"MOUNT DSA42:/SHADOW=({A},{B}) PAYROLL")
    console.well("SET HOST VAX1", "MOUNT DSA42: PAYROLL", "LOAD DSA42:/WRITES=100000", "WAIT 00:00:01")
    console.do("RUN SYS$SYSTEM:OPCCRASH")
    for _ in range(60):  # until the cluster has given the VAX up
        console.well("WAIT 00:00:01")
        state = console.well("SHOW SHADOW DSA42:")[1]
        if "Merge" in state:
            break
    assert re.fullmatch(r"  Virtual Unit State:   Merge Active \(\d+%\) on ALPHA1", state)
    brief = r"\$1\$DUA10: +\(ALPHA1\) +ShadowMergeMbr +0  \(merging DSA42: +\d+% merged\)"
    assert re.fullmatch(brief, console.well("SHOW DEVICE DSA42")[3])
    console.well(f"MOUNT DSA42:/SHADOW={C} PAYROLL")
    said = console.well("SHOW SHADOW DSA42:")
    assert re.fullmatch(r".* Copy Active \(\d+%\),Merge Pending \(\d+%\) on ALPHA1", said[1])
    assert re.search(r"DUA10 +Master Member, Merging \(\d+%\)\n", "\n".join(said))
    full = "\n".join(console.well("SHOW DEVICE/FULL DSA42"))
    assert re.search(r", merge \d+% complete on\s+ALPHA1\.", full)
    assert "Copy or merge on node     ALPHA1" in full
    assert re.search(r", copy target, \d+% copied", full)
    brief = r"\$1\$DUA12: +\(ALPHA1\) +ShadowCopying +0  \(copy trgt DSA42: +\d+% copied\)"
    assert re.fullmatch(brief, console.well("SHOW DEVICE DSA42")[5])
    console.well("WAIT DSA42:")
    assert console.well("SHOW SHADOW DSA42:")[1] == "  Virtual Unit State:   Steady State"


def merged_under_load(factor: str) -> tuple[float, float]:
    """Merge a set on slow disks while somebody reads: (seconds that took, reads a second)."""
    console = Console(slow=True)
    console.well(f"INIT/SHADOW=({A},{B}) PAYROLL", f"MOUNT DSA42:/SHADOW=({A},{B}) PAYROLL")
    if factor:
        console.well(f"DEFINE/SYSTEM SHAD$MERGE_DELAY_FACTOR_DSA42 {factor}")
    console.well("SET HOST VAX1", "MOUNT DSA42: PAYROLL", "LOAD DSA42:/WRITES=100000", "WAIT 00:00:01")
    console.do("RUN SYS$SYSTEM:OPCCRASH")
    while "Merge" not in console.well("SHOW SHADOW DSA42:")[1]:
        console.well("WAIT 00:00:00.1")
    console.well("WAIT 00:00:01")
    began_ns = console.world.clock.now_ns
    console.well("LOAD DSA42:/DEPTH=8", "WAIT DSA42:")
    seconds = (console.world.clock.now_ns - began_ns) / 1e9
    load = console.interpreter.session.loads["ALPHA1", "DSA42:"]
    return seconds, load.application.reads / seconds


def test_a_merge_gives_way_to_applications_as_the_logical_name_says() -> None:
    seconds, reads_a_second = merged_under_load("")
    greedy_seconds, fewer_reads_a_second = merged_under_load("10000")
    assert seconds > 1.2 * greedy_seconds
    assert reads_a_second > 1.05 * fewer_reads_a_second
