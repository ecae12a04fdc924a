"""SYSGEN: the dialogue, the one-line form, and what parameters do not allow."""

import pytest

from tests.unit.test_console import Console
from tests.unit.test_dcl_language import run


@pytest.fixture
def console() -> Console:
    return Console()


def values(console: Console) -> dict[str, int]:
    """All active values."""
    parameters = console.world.nodes["ALPHA1"].platform.parameters
    return {parameter.name: parameters[parameter.name] for parameter in parameters}


def test_a_parameter_is_shown_in_one_line(console: Console) -> None:
    said = console.well("MCR SYSGEN SHOW SHADOW_MAX_COPY")
    assert said[2].split() == ["SHADOW_MAX_COPY", "4", "4", "0", "200", "Threads", "D"]


def test_all_parameters_that_begin_so_are_shown(console: Console) -> None:
    names = [line.split()[0] for line in console.well("MCR SYSGEN SHOW WBM")[2:]]
    assert names == ["WBM_MSG_INT", "WBM_MSG_UPPER", "WBM_MSG_LOWER", "WBM_OPCOM_LVL"]


def test_a_vax_has_the_defaults_of_a_vax(console: Console) -> None:
    console.well("SET HOST VAX1")
    assert console.well("MCR SYSGEN SHOW SHADOW_MAX_UNIT")[2].split()[1] == "100"


def test_a_value_is_active_when_it_is_written(console: Console) -> None:
    parameters = console.world.nodes["ALPHA1"].platform.parameters
    console.answers = ["SET SHADOW_MBR_TMO 60", "SHOW SHADOW_MBR_TMO", "WRITE ACTIVE", "EXIT"]
    said = console.well("RUN SYS$SYSTEM:SYSGEN")
    assert console.prompts == ["SYSGEN> "] * 4
    assert said[2].split()[:2] == ["SHADOW_MBR_TMO", "60"]
    assert parameters["SHADOW_MBR_TMO"] == 60
    assert parameters.current("SHADOW_MBR_TMO") == 120


def test_a_value_that_is_not_written_is_forgotten(console: Console) -> None:
    console.answers = ["SET SHADOW_MBR_TMO 60"]
    console.well("MCR SYSGEN")
    assert console.world.nodes["ALPHA1"].platform.parameters["SHADOW_MBR_TMO"] == 120


def test_what_is_not_dynamic_waits_for_the_next_boot(console: Console) -> None:
    parameters = console.world.nodes["ALPHA1"].platform.parameters
    console.answers = ["SET SHADOW_MAX_UNIT 600", "WRITE ACTIVE", "WRITE CURRENT"]
    console.well("MCR SYSGEN")
    assert parameters["SHADOW_MAX_UNIT"] == 500
    assert parameters.current("SHADOW_MAX_UNIT") == 600


def test_current_values_outlive_a_crash_and_active_ones_do_not() -> None:
    console = Console(served=True)
    console.well(
        "SET HOST VAX1",
        "MCR SYSGEN SET SHADOW_MBR_TMO 60",  # a dialogue of its own: forgotten
    )
    console.answers = ["SET SHADOW_MBR_TMO 60", "WRITE ACTIVE", "USE CURRENT", "SET SHADOW_MAX_UNIT 600"]
    console.answers += ["WRITE CURRENT", "EXIT"]
    console.well("MCR SYSGEN")
    console.well("RUN OPCCRASH", "BOOT VAX1")
    parameters = console.world.nodes["VAX1"].platform.parameters
    assert (parameters["SHADOW_MBR_TMO"], parameters["SHADOW_MAX_UNIT"]) == (120, 600)


def test_disks_are_served_from_the_boot_on_that_finds_the_parameters() -> None:
    console = Console()
    assert "not loaded" in console.do("SHOW DEVICE/SERVED")[0]
    console.answers = ["SET MSCP_LOAD 1", "SET MSCP_SERVE_ALL 1", "WRITE CURRENT", "EXIT"]
    console.well("SET HOST VAX1", "MCR SYSGEN", "RUN OPCCRASH", "BOOT VAX1", "SET HOST VAX1")
    said = console.well("SHOW DEVICE/SERVED")
    assert said[4].split() == ["$1$DUA10", "Avail", "0", "0", "0", "0"]


def test_the_system_disk_alone_is_no_disk_to_serve() -> None:
    console = Console()
    console.answers = ["SET MSCP_LOAD 1", "SHOW MSCP_SERVE_ALL", "WRITE CURRENT", "EXIT"]
    said = console.well("SET HOST VAX1", "MCR SYSGEN")
    assert said[-1].split()[:2] == ["MSCP_SERVE_ALL", "4"]
    console.well("RUN OPCCRASH", "BOOT VAX1", "SET HOST VAX1")
    assert "not loaded" in console.do("SHOW DEVICE/SERVED")[0]


def test_who_uses_served_disks_is_shown() -> None:
    console = Console(served=True)
    console.well("INITIALIZE $1$DUA10: PAYROLL", "SET HOST VAX1", "MOUNT/SYSTEM $1$DUA10: PAYROLL", "LOGOUT")
    rows = [line.split() for line in console.well("SHOW DEVICE/SERVED")[4:]]
    assert [(row[0], row[1], row[-1]) for row in rows] == [
        ("$1$DUA10", "Online", "1"),
        ("$1$DUA11", "Avail", "0"),
        ("$1$DUA12", "Avail", "0"),
    ]
    assert int(rows[0][4]) > 0


def test_a_procedure_gives_its_lines_to_the_dialogue(console: Console) -> None:
    said = run(console, '$ MCR SYSGEN\nSET SHADOW_MAX_COPY 0\nWRITE ACTIVE\n$ WRITE SYS$OUTPUT "done"\n')
    assert said == ["done"]
    assert console.world.nodes["ALPHA1"].platform.parameters["SHADOW_MAX_COPY"] == 0


@pytest.mark.parametrize(
    ("line", "ident"),
    [
        ("SET SHADOW_MAX_COPY 201", "SYSGEN-W-ABOVEMAX"),
        ("SET WBM_MSG_INT 9", "SYSGEN-W-BELOWMIN"),
        ("SET SHADOW_MAX_COPY MANY", "DCL-W-NUMBER"),
        ("SET SHADOW 1", "DCL-W-ABKEYW"),
        ("SET SHADOW_MAX_COPY", "DCL-W-INSFPRM"),
        ("SHOW NOTHING", "SYSGEN-W-NOPARAM"),
        ("USE NOTHING", "DCL-W-IVKEYW"),
        ("WRITE DEFAULT", "DCL-W-IVKEYW"),
        ("FROBNICATE", "DCL-W-IVVERB"),
    ],
)
def test_what_sysgen_refuses(console: Console, line: str, ident: str) -> None:
    before = values(console)
    assert console.refused(f"MCR SYSGEN {line}") == [ident]
    console.answers = [line, "WRITE ACTIVE"]
    console.well("MCR SYSGEN")
    assert values(console) == before


def test_writing_asks_for_its_privilege(console: Console) -> None:
    console.well("SET PROCESS/PRIVILEGES=NOCMKRNL")
    assert console.refused("MCR SYSGEN WRITE ACTIVE") == ["SYSTEM-F-NOPRIV"]


def test_another_image_is_not_found(console: Console) -> None:
    assert console.refused("MCR AUTHORIZE") == ["DCL-W-ACTIMAGE", "CLI-E-IMAGEFNF"]
