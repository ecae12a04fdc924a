"""DCL as a language: symbols, expressions, lexical functions, command procedures."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.console.dcl import DclError
from emu.console.dcl.expressions import evaluate, evaluate_list
from emu.console.dcl.symbols import Symbol, substitute, substitute_ampersands
from tests.unit.test_console import A, B, Console

SYMBOLS: dict[str, Symbol] = {"A": 5, "NAME": "PAYROLL", "EMPTY": "", "INDIRECT": "'NAME'", "LOOP": "'LOOP'"}


def lookup(name: str) -> Symbol | None:
    return SYMBOLS.get(name.upper())


def value(text: str) -> Symbol:
    return evaluate(text, lookup, lambda name, arguments: f"{name}/{len(arguments)}")


def run(console: Console, text: str, *parameters: str) -> list[str]:
    """Carry out a procedure; returns what it said."""
    console.files.contents["TEST.COM"] = text.encode()
    return console.do(" ".join(("@TEST", *parameters)))


@pytest.fixture(scope="module")
def console() -> Console:
    return Console()


# ---- expressions


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1+2*3", 7),
        ("(1+2)*3", 9),
        ("-7/2", -3),
        ("%X10+%O10", 24),
        ("2147483647+1", -2147483648),
        ('"PAY"+"ROLL"', "PAYROLL"),
        ('"PAYROLL"-"ROLL"', "PAY"),
        ('"5"+1', 6),
        ('A .EQ. 5 .AND. NAME .EQS. "PAYROLL"', 1),
        ("A.EQ.4.OR.A.EQ.5", 1),
        (".NOT. A .EQ. 4", -1),
        ("1 .XOR. 3", 2),
        ('"ABC" .LTS. "ABD"', 1),
        ('"TRUE" .AND. "YES"', 1),
        ("A .GE 5", 1),
        ('"say ""hello"""', 'say "hello"'),
        ("F$X(1,,3)", "F$X/3"),
        ("name + empty", "PAYROLL"),
    ],
)
def test_an_expression_has_its_value(text: str, wanted: Symbol) -> None:
    assert value(text) == wanted


@pytest.mark.parametrize(
    ("text", "ident"),
    [("1+", "EXPSYN"), ("(1", "EXPSYN"), ("5X", "EXPSYN"), ("NOWHERE", "UNDSYM"), ("", "EXPSYN")],
)
def test_a_bad_expression_is_refused_by_name(text: str, ident: str) -> None:
    with pytest.raises(DclError) as caught:
        value(text)
    assert caught.value.ident == ident


def test_a_list_of_expressions_is_evaluated_from_left_to_right() -> None:
    assert evaluate_list('"A is ", A, ".", NAME', lookup, lambda *_: 0) == ("A is ", 5, ".", "PAYROLL")


@given(st.text(alphabet="1A\"'.+-*/()&!$%@,= NOT.EQS", max_size=60))
def test_no_expression_makes_the_evaluator_fail_in_another_way(text: str) -> None:
    with suppress(DclError):
        value(text)


def test_a_thousand_signs_are_refused() -> None:
    with pytest.raises(DclError):
        value("-" * 3000 + "1")


# ---- substitution


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("MOUNT DSA1: 'NAME'", "MOUNT DSA1: PAYROLL"),
        ("MOUNT DSA1: 'NAME", "MOUNT DSA1: PAYROLL"),
        ("X'A'Y", "X5Y"),
        ("SHOW 'NOWHERE' X", "SHOW  X"),
        ("WRITE \"it is ''NAME' here\"", 'WRITE "it is PAYROLL here"'),
        ("WRITE \"one apostrophe: 'NAME'\"", "WRITE \"one apostrophe: 'NAME'\""),
        ("SHOW 'INDIRECT'", "SHOW PAYROLL"),
        ("SHOW X ! 'NAME'", "SHOW X ! 'NAME'"),
    ],
)
def test_apostrophes_are_replaced(line: str, wanted: str) -> None:
    assert substitute(line, lookup, value) == wanted


def test_a_symbol_that_holds_itself_is_refused() -> None:
    with pytest.raises(DclError):
        substitute("SHOW 'LOOP'", lookup, value)


def test_a_lexical_function_may_stand_between_apostrophes() -> None:
    assert substitute("X 'F$Y(1,\")\")' Z", lookup, value) == "X F$Y/2 Z"


def test_ampersands_are_replaced_once_and_not_in_strings() -> None:
    assert substitute_ampersands('SHOW &NAME "&NAME"', lookup) == 'SHOW PAYROLL "&NAME"'


# ---- lexical functions


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('F$LENGTH("PAYROLL")', 7),
        ('F$LEN("")', 0),
        ('F$EXTRACT(3,4,"PAYROLL")', "ROLL"),
        ('F$ELEMENT(1,",","A,B,C")', "B"),
        ('F$ELEMENT(3,",","A,B,C")', ","),
        ('F$LOCATE("ROLL","PAYROLL")', 3),
        ('F$LOCATE("X","PAYROLL")', 7),
        ('F$EDIT("  a   b ","TRIM,COMPRESS,UPCASE")', "A B"),
        ('F$INTEGER("%X1F")', 31),
        ("F$STRING(12)", "12"),
        ('F$TYPE("X")', ""),
        ('F$GETSYI("NODENAME")', "ALPHA1"),
        ('F$GETSYI("ARCH_NAME","VAX1")', "VAX"),
        ('F$PRIVILEGE("LOG_IO,OPER")', "TRUE"),
        ('F$PRIVILEGE("NOOPER")', "FALSE"),
        ("F$MESSAGE(%X24)", "%SYSTEM-F-NOPRIV"),
        ('F$CVTIME("5-MAY-2000 13:30:25.30",,"DATETIME")', "2000-05-05 13:30:25.30"),
        ('F$CVTIME("5-MAY-2000",,"WEEKDAY")', "Friday"),
    ],
)
def test_a_lexical_function_has_its_value(console: Console, text: str, wanted: Symbol) -> None:
    assert console.well(f"WRITE SYS$OUTPUT {text}") == [str(wanted)]


@pytest.mark.parametrize(
    "line", ["MOUNT DUA99: PAYROLL", "INITIALIZE DUA99: PAYROLL", "LOAD DUA99:", "DUMP DUA99:"]
)
def test_a_device_that_is_not_there_is_an_error_to_a_procedure(console: Console, line: str) -> None:
    said = run(
        console, f'$ ON ERROR THEN GOTO FAILED\n$ {line}\n$ EXIT\n$FAILED:\n$ WRITE SYS$OUTPUT "caught"\n'
    )
    assert said[-1] == "caught"


def test_mount_makes_a_system_status_its_own(console: Console) -> None:
    assert console.do("MOUNT DUA99: PAYROLL") == ["%MOUNT-F-NOSUCHDEV, no such device available"]
    assert console.well("WRITE SYS$OUTPUT $STATUS") == ["%X1072090C"]
    for status, message in (
        ("%X1072090C", "%MOUNT-F-NOSUCHDEV, no such device available"),
        ("%X00000908", "%SYSTEM-W-NOSUCHDEV, no such device available"),
        ("%X00000144", "%SYSTEM-F-IVDEVNAM, invalid device name"),
    ):
        assert console.well(f"WRITE SYS$OUTPUT F$MESSAGE({status})") == [message]


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("OPEN LIST none.dat", "%X10018292"),
        ("@NOWHERE", "%X10018292"),
        ("OPEN LIST DUA99:X.DAT", "%X100184C4"),
        ("TYPE X.TXT", "%X100184C4"),
    ],
)
def test_status_tells_why_a_file_could_not_be_had(console: Console, line: str, status: str) -> None:
    console.do(line)
    assert console.well("WRITE SYS$OUTPUT $STATUS") == [status]


def test_getdvi_tells_members_and_targets() -> None:
    console = Console()
    console.well(f"INIT/SHADOW=({A},{B}) PAYROLL", f"MOUNT DSA42:/SHADOW=({A},{B}) PAYROLL")

    def item(device: str, name: str) -> str:
        return console.well(f'WRITE SYS$OUTPUT F$GETDVI("{device}","{name}")')[0]

    assert item("DSA42", "SHDW_MASTER") == item(A, "SHDW_MEMBER") == "TRUE"
    assert item("DSA42:", "SHDW_NEXT_MBR_NAME") == f"_{A}"
    assert item(A, "SHDW_NEXT_MBR_NAME") == f"_{B}"
    assert item(B, "SHDW_NEXT_MBR_NAME") == ""
    assert item(B, "SHDW_MASTER_NAME") == "_DSA42:"
    assert item("DSA42:", "VOLNAM") == "PAYROLL"
    assert item("DUA99:", "EXISTS") == "FALSE"
    assert item("DUA10:[PAY]ROLL.DAT", "SHDW_MEMBER") == "TRUE"  # what is behind the colon does not count
    assert console.refused('WRITE SYS$OUTPUT F$GETDVI("[PAY]","EXISTS")') == ["SYSTEM-F-IVDEVNAM"]
    console.well(f"DISMOUNT {B}", f"MOUNT DSA42:/SHADOW={B} PAYROLL")
    assert item(B, "SHDW_CATCHUP_COPYING") == "TRUE"
    console.well("WAIT DSA42:")
    assert item(B, "SHDW_CATCHUP_COPYING") == "FALSE"


@pytest.mark.parametrize(
    ("item", "of_the_set", "of_a_member"),
    [
        ("ALLOCLASS", "1", "1"),
        ("CLUSTER", "1", "1"),
        ("DEVCHAR2", str(1 << 19 | 1 << 18), str(1 << 18 | 1 << 6 | 1 << 5)),  # VRT, SHD; SHD, SSM, MSCP
        ("HOST_NAME", "ALPHA1", "ALPHA1"),
        ("REMOTE_DEVICE", "FALSE", "FALSE"),
        ("SERVED_DEVICE", "FALSE", "FALSE"),
        ("STS", str(1 << 11 | 1 << 4), str(1 << 11 | 1 << 4)),  # VALID, ONLINE
        ("TRANSCNT", "1", "0"),
    ],
)
def test_getdvi_tells_what_a_device_is(item: str, of_the_set: str, of_a_member: str) -> None:
    console = Console()
    console.well(f"INIT/SHADOW=({A},{B}) PAYROLL", f"MOUNT DSA42:/SHADOW=({A},{B}) PAYROLL")
    assert console.well(f'WRITE SYS$OUTPUT F$GETDVI("DSA42","{item}")') == [of_the_set]
    assert console.well(f'WRITE SYS$OUTPUT F$GETDVI("{A}","{item}")') == [of_a_member]


def test_getdvi_tells_which_node_serves_a_disk() -> None:
    console = Console(served=True)
    assert console.well(f'WRITE SYS$OUTPUT F$GETDVI("{A}","SERVED_DEVICE")') == ["TRUE"]
    console.well("SET HOST VAX1")
    assert console.well(f'WRITE SYS$OUTPUT F$GETDVI("{A}","HOST_NAME")') == ["ALPHA1"]
    assert console.well(f'WRITE SYS$OUTPUT F$GETDVI("{A}","REMOTE_DEVICE")') == ["TRUE"]


@pytest.mark.parametrize(
    ("item", "value"), [("SHADOW_MAX_UNIT", "500"), ("WBM_MSG_INT", "10"), ("SHADOWING", "2")]
)
def test_getsyi_tells_the_parameters_of_shadowing(console: Console, item: str, value: str) -> None:
    assert console.well(f'WRITE SYS$OUTPUT F$GETSYI("{item}")') == [value]


@pytest.mark.parametrize(
    ("item", "value"),
    [("CLUSTER_NODES", "2"), ("CLUSTER_VOTES", "3"), ("CLUSTER_QUORUM", "2"), ("NODE_CSID", "00010001")],
)
def test_getsyi_tells_of_the_cluster(console: Console, item: str, value: str) -> None:
    assert console.well(f'WRITE SYS$OUTPUT F$GETSYI("{item}")') == [value]


# ---- procedures


def test_a_procedure_has_parameters_labels_and_loops(console: Console) -> None:
    text = """
$! Counts.
$ N = 0
$LOOP:
$ N = N + 1
$ WRITE SYS$OUTPUT "''N' of ''P1', ", P2, "/", P3
$ IF N .LT. P1 THEN GOTO LOOP
$ EXIT
$ WRITE SYS$OUTPUT "never"
"""
    assert run(console, text, "2", '"a b"') == ["1 of 2, a b/", "2 of 2, a b/"]


@pytest.mark.parametrize(
    ("n", "said"), [("1", ["one", "end"]), ("2", ["even", "two", "end"]), ("4", ["even", "end"])]
)
def test_blocks_nest(console: Console, n: str, said: list[str]) -> None:
    text = """
$ IF P1 .EQ. 1
$ THEN
$   WRITE SYS$OUTPUT "one"
$ ELSE
$   WRITE SYS$OUTPUT "even"
$   IF P1 .EQ. 2 THEN
$     IF 0 THEN WRITE SYS$OUTPUT "never"
$     WRITE SYS$OUTPUT "two"
$   ENDIF
$ ENDIF
$ WRITE SYS$OUTPUT "end"
"""
    assert run(console, text, n) == said


def test_gosub_comes_back(console: Console) -> None:
    text = """
$ GOSUB GREET
$ WRITE SYS$OUTPUT "after"
$ EXIT
$GREET:
$ WRITE SYS$OUTPUT "hello"
$ RETURN
"""
    assert run(console, text) == ["hello", "after"]


def test_symbols_are_local_to_a_level_unless_two_equals_signs_make_them_global(console: Console) -> None:
    run(console, "$ LOCAL = 1\n$ EVERYWHERE == 2\n")
    assert console.refused("SHOW SYMBOL LOCAL") == ["DCL-W-UNDSYM"]
    assert console.well("SHOW SYMBOL EVERYWHERE") == [
        "  EVERYWHERE == 2   Hex = 00000002  Octal = 00000000002"
    ]


def test_a_symbol_may_stand_for_a_command(console: Console) -> None:
    console.well("SAY := WRITE SYS$OUTPUT")
    assert console.well('SAY "yes"') == ["yes"]


def test_an_error_ends_a_procedure_and_a_warning_does_not(console: Console) -> None:
    said = run(
        console, '$ FROBNICATE\n$ WRITE SYS$OUTPUT "on"\n$ MOUNT DSA7: X\n$ WRITE SYS$OUTPUT "never"\n'
    )
    assert said[:3] == [
        "%DCL-W-IVVERB, unrecognized command verb - check validity and spelling",
        " \\FROBNICATE\\",
        "on",
    ]
    assert "never" not in said
    assert console.interpreter.status == "F"


def test_on_error_then_continue_goes_on_and_the_status_stays(console: Console) -> None:
    text = "$ ON ERROR THEN CONTINUE\n$ MOUNT DSA7: X\n$ WRITE SYS$OUTPUT $STATUS\n$ MOUNT DSA7: X\n$ SHOW TIME\n"
    said = run(console, text)
    refused = "%MOUNT-F-NOSHDWMEM, no shadow set members specified"
    assert said == [refused, "%X10728284", refused]


def test_on_counts_once(console: Console) -> None:
    text = """
$ ON ERROR THEN GOTO FAILED
$ MOUNT DSA7: X
$ WRITE SYS$OUTPUT "never"
$FAILED:
$ WRITE SYS$OUTPUT F$MESSAGE($STATUS)
$ MOUNT DSA7: X
$ WRITE SYS$OUTPUT "never"
"""
    said = run(console, text)
    assert "%MOUNT-F-NOSHDWMEM" in said
    assert "never" not in said


def test_set_noon_goes_on_and_status_tells(console: Console) -> None:
    said = run(console, "$ SET NOON\n$ MOUNT DSA7: X\n$ WRITE SYS$OUTPUT $STATUS, $SEVERITY\n")
    assert said[-1] == "%X107282844"


def test_a_procedure_returns_its_status(console: Console) -> None:
    said = run(console, "$ EXIT 44\n")
    assert said == ["%SYSTEM-F-ABORT, abort"]
    assert console.well("SHOW SYMBOL $STATUS") == ['  $STATUS == "%X1000002C"']


def test_a_procedure_that_calls_itself_ends_at_32_levels(console: Console) -> None:
    said = run(console, "$ @TEST\n")
    assert said.count("%DCL-W-NESTLIM, maximum command procedure nesting exceeded - reduce levels") == 1


def test_a_procedure_that_is_not_there_is_an_error(console: Console) -> None:
    assert console.refused("@NOWHERE") == ["DCL-E-OPENIN", "RMS-E-FNF"]


def test_verify_shows_the_lines(console: Console) -> None:
    assert run(console, '$ SET VERIFY\n$ WRITE SYS$OUTPUT "x"\n$ SET NOVERIFY\n') == [
        '$ WRITE SYS$OUTPUT "x"',
        "x",
        "$ SET NOVERIFY",
    ]


def test_a_loop_without_end_is_ended_by_control_y(console: Console) -> None:
    console.world.clock.call_after(50_000_000, console.interpreter.interrupt)
    assert run(console, "$L: GOTO L\n") == [" Interrupt"]
    assert len(console.interpreter.process.levels) == 1


def test_on_control_y_is_done_instead(console: Console) -> None:
    console.world.clock.call_after(50_000_000, console.interpreter.interrupt)
    text = '$ ON CONTROL_Y THEN GOTO OUT\n$L: GOTO L\n$OUT: WRITE SYS$OUTPUT "out"\n'
    assert run(console, text) == ["out"]


@pytest.mark.parametrize("line", ["GOTO NOWHERE", "GOSUB NOWHERE"])
def test_a_label_that_is_not_there_ends_the_procedure_and_not_the_one_that_called_it(
    console: Console, line: str
) -> None:
    console.files.contents["INNER.COM"] = (
        f'$ ON WARNING THEN CONTINUE\n$ {line}\n$ WRITE SYS$OUTPUT "never"\n'.encode()
    )
    said = run(console, '$ @INNER\n$ WRITE SYS$OUTPUT "on ", $SEVERITY\n')
    assert said[-1] == "on 0"
    assert "never" not in said


def test_on_control_y_comes_before_the_failure_of_the_command_that_was_interrupted(console: Console) -> None:
    console.world.clock.call_after(50_000_000, console.interpreter.interrupt)
    text = '$ ON CONTROL_Y THEN GOTO OUT\n$ WAIT 00:10:00\n$ EXIT\n$OUT: WRITE SYS$OUTPUT "out"\n'
    assert run(console, text) == ["%WAIT-F-ABORT, operation canceled by operator", "out"]


def test_on_control_y_counts_for_the_procedures_that_are_called(console: Console) -> None:
    console.world.clock.call_after(50_000_000, console.interpreter.interrupt)
    console.files.contents["INNER.COM"] = b'$L: GOTO L\n$ WRITE SYS$OUTPUT "never"\n'
    text = '$ ON CONTROL_Y THEN GOTO OUT\n$ @INNER\n$ EXIT\n$OUT: WRITE SYS$OUTPUT "out"\n'
    assert run(console, text) == ["out"]


@pytest.mark.parametrize(
    ("text", "ident"),
    [
        ("$ GOTO NOWHERE", "USGOTO"),
        ("$ GOSUB NOWHERE", "USGOSUB"),
        ("$ GOTO IN\n$ IF 1\n$ THEN\n$IN:\n$ ENDIF", "USGOTO"),
        ("$ ENDIF", "INVIFNEST"),
        ("$ ELSE", "INVIFNEST"),
        ("$ IF 1\n$ SHOW TIME", "NOTHEN"),
        ("$ IF THEN SHOW TIME", "EXPSYN"),
        ("$ ON ERROR GOTO X", "NOTHEN"),
        ("$ ON SUNDAY THEN EXIT", "IVKEYW"),
        ("$ WRITE NOWHERE 1", "UNDFIL"),
        ("$ CLOSE NOWHERE", "UNDFIL"),
        ("$ X = F$NOTHING()", "IVFNAM"),
        ("$ X = F$LENGTH()", "ARGREQ"),
        ('$ X = F$GETSYI("NOTHING")', "IVKEYW"),
        ("$ $STATUS = 1", "IVSYMB"),
        (f'$ X = "{"x" * 2000}"', "BUFOVF"),
    ],
)
def test_what_a_procedure_does_wrong_is_said(console: Console, text: str, ident: str) -> None:
    assert any(line.startswith(f"%DCL-W-{ident},") for line in run(console, text)), console.lines


def test_a_label_at_the_prompt_is_ignored(console: Console) -> None:
    assert console.do("HERE: SHOW TIME")[0].startswith("%DCL-W-NOLBLS,")


def test_a_line_that_ends_with_a_hyphen_goes_on(console: Console) -> None:
    assert console.do("WRITE SYS$OUTPUT -  ! goes on") == []
    assert console.interpreter.prompt == "_ALPHA1$ "
    assert console.do('"x"') == ["x"]


def test_inquire_asks_and_read_ends_at_the_end_of_the_file(console: Console) -> None:
    console.answers = ["  which   one "]
    console.well('INQUIRE DISK "Which"')
    assert console.prompts[-1] == "Which: "
    assert console.well("SHOW SYMBOL DISK") == ['  DISK = "WHICH ONE"']
    console.files.contents["LIST.DAT"] = b"one\ntwo\n"
    text = """
$ OPEN LIST LIST.DAT
$ OPEN/WRITE OUT out.txt
$LOOP:
$ READ/END_OF_FILE=DONE LIST LINE
$ WRITE OUT LINE, "!"
$ GOTO LOOP
$DONE:
$ CLOSE LIST
$ CLOSE OUT
"""
    assert run(console, text) == []
    assert console.files.contents["out.txt"] == b"one!\ntwo!\n"


def test_a_procedure_may_lie_on_a_volume() -> None:
    console = Console()
    console.well(f"INIT {A} WORK", f"MOUNT {A} WORK", f"DEFINE WORK {A}")
    console.files.contents["GREET.COM"] = b'$ WRITE SYS$OUTPUT "hello ", P1\n'
    console.files.contents["LIST.DAT"] = b"one\n"
    console.well(f"COPY GREET.COM {A}[000000]", f"COPY LIST.DAT {A}[000000]")
    assert console.well("@WORK:[000000]GREET you") == ["hello YOU"]
    console.well("OPEN LIST WORK:[000000]LIST", "READ LIST LINE", "CLOSE LIST")
    assert console.well("SHOW SYMBOL LINE") == ['  LINE = "one"']
    assert console.refused(f"@{A}[000000]NOTHING") == ["DCL-E-OPENIN", "RMS-E-FNF"]


# ---- privileges


def test_a_command_asks_for_its_privileges() -> None:
    console = Console()
    console.well(f"INIT/SHADOW=({A},{B}) PAYROLL", f"MOUNT DSA42:/SHADOW=({A},{B}) PAYROLL")
    console.well("SET PROCESS/PRIVILEGES=NOLOG_IO")
    assert console.refused(f"DISMOUNT/POLICY=MINICOPY {B}") == ["SYSTEM-F-NOPRIV"]
    console.well("SET PROCESS/PRIVILEGES=ALL", f"DISMOUNT/POLICY=MINICOPY {B}")


def test_a_name_in_the_system_table_is_every_users_and_ends_with_the_node() -> None:
    console = Console()
    console.well("DEFINE/SYSTEM PAYROLL DSA42:", "SET HOST VAX1")
    assert console.well('WRITE SYS$OUTPUT F$TRNLNM("PAYROLL")') == [""]
    console.well("LOGOUT")
    assert console.well("SHOW LOGICAL PAYROLL") == ['  "PAYROLL" = "DSA42:" (LNM$SYSTEM_TABLE)']
    console.well("DEFINE PAYROLL DSA7:")
    assert console.well('WRITE SYS$OUTPUT F$TRNLNM("PAYROLL")') == ["DSA7:"]
    assert console.well("SHOW LOGICAL/SYSTEM PAYROLL") == ['  "PAYROLL" = "DSA42:" (LNM$SYSTEM_TABLE)']
    console.well("DEASSIGN PAYROLL")
    assert console.well('WRITE SYS$OUTPUT F$TRNLNM("PAYROLL")') == ["DSA42:"]
    console.well("SET HOST VAX1")
    console.world.crash("ALPHA1")
    console.well("BOOT ALPHA1", "SET HOST ALPHA1")
    assert console.well('WRITE SYS$OUTPUT F$TRNLNM("PAYROLL")') == [""]


def test_the_system_table_takes_a_privilege(console: Console) -> None:
    console.well("SET PROCESS/PRIVILEGES=NOSYSNAM")
    assert console.refused("DEFINE/SYSTEM PAYROLL DSA42:") == ["SYSTEM-F-NOPRIV"]
    console.well("SET PROCESS/PRIVILEGES=SYSNAM")
