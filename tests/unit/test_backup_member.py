"""SYS$EXAMPLES:BACKUP_MEMBER.COM: the guidelines for removing a member for backup, carried out."""

import pytest

from tests.unit.test_console import BLOCK, A, B, C, Console

CALL = f'@SYS$EXAMPLES:BACKUP_MEMBER DSA42: {B} "monday.dsk"'


@pytest.fixture
def console() -> Console:
    return with_set(Console())


def with_set(console: Console) -> Console:
    console.well(f"INIT/SHADOW=({A},{B},{C}) PAYROLL", f"MOUNT/SYSTEM DSA42:/SHADOW=({A},{B},{C}) PAYROLL")
    return console


def idents(said: list[str]) -> list[str]:
    return [line.split(",")[0].split("-")[-1] for line in said if line.startswith("%")]


def test_a_member_is_saved_and_returns_while_the_application_goes_on(console: Console) -> None:
    console.well("LOAD DSA42:/WRITES=2000/RATE=500", "WAIT 00:00:01")
    said = console.well(CALL)
    assert idents(said) == ["REMOVED", "SAVED", "SHDWMEMMCPY", "RETURNED"]
    assert any(line.startswith("DSA42:            00010001") for line in said)
    console.well("WAIT/LOAD")
    assert console.lines[-1].endswith(", 0 faults")
    saved = console.files.contents["monday.dsk"]
    assert len(saved) == len(console.content(1))
    assert saved != console.content(1)
    assert console.content(0)[BLOCK:] == console.content(1)[BLOCK:] == console.content(2)[BLOCK:]
    assert console.well("SHOW DEVICE/BITMAP DSA42:") == ["no bitmaps active"]


def test_the_application_is_stopped_only_for_the_cut(console: Console) -> None:
    said = console.well(f'{CALL} "WRITE SYS$OUTPUT ""stop""" "WRITE SYS$OUTPUT ""go"""')
    assert said[:2] == ["stop", "go"]
    assert idents(said)[0] == "REMOVED"


def test_the_application_goes_on_when_the_member_cannot_leave(console: Console) -> None:
    console.well("SET PROCESS/PRIVILEGES=NOLOG_IO")
    said = console.do(f'{CALL} "WRITE SYS$OUTPUT ""stop""" "WRITE SYS$OUTPUT ""go"""')
    assert said[0] == "stop"
    assert said[-1] == "go"
    assert idents(said) == ["NOPRIV"]
    assert not console.interpreter.succeeded


@pytest.mark.parametrize("stop", ["FLUSH_ALL", "STOP/LOAD DSA42:"])
def test_a_member_stays_when_the_application_could_not_be_stopped(console: Console, stop: str) -> None:
    said = console.do(f'{CALL} "{stop}" "WRITE SYS$OUTPUT ""go"""')
    assert idents(said) == ["IVVERB" if stop == "FLUSH_ALL" else "NOLOAD"]
    assert said[-1] == "go"
    assert not console.interpreter.succeeded
    assert B in " ".join(console.well("SHOW DEVICE DSA42"))


def test_a_member_whose_backup_fails_returns(console: Console) -> None:
    console.files.contents["monday.dsk"] = b"sunday"
    said = console.do(CALL)
    assert idents(said) == ["REMOVED", "OPENOUT", "SHDWMEMMCPY", "RETURNED"]
    assert not console.interpreter.succeeded
    assert console.files.contents["monday.dsk"] == b"sunday"


def test_an_interrupted_backup_leaves_a_whole_set(console: Console) -> None:
    console.files.written = console.interpreter.interrupt
    said = console.do(CALL)
    assert idents(said)[-1] == "RETURNED"
    assert "monday.dsk" not in console.files.contents
    assert not console.interpreter.succeeded


@pytest.mark.parametrize(
    ("parameters", "ident"),
    [
        (f"DSA7: {B} X", "NOTMOUNTED"),
        (f"{A} {B} X", "NOTSET"),
        ("DSA42: DUA99: X", "NOSUCHDEV"),
        (f"DSA42: {B} X stop go 3", "REDUNDANCY"),
    ],
)
def test_what_the_guidelines_forbid_is_refused(console: Console, parameters: str, ident: str) -> None:
    before = console.content(1)
    assert idents(console.do(f"@SYS$EXAMPLES:BACKUP_MEMBER {parameters}")) == [ident]
    assert not console.interpreter.succeeded
    assert console.content(1) == before


def test_a_set_in_the_midst_of_a_copy_is_left_alone() -> None:
    console = with_set(Console(slow=True))
    console.well(f"DISMOUNT {C}", f"MOUNT DSA42:/SHADOW={C} PAYROLL")
    assert idents(console.do(CALL)) == ["UNSTEADY"]


def test_a_set_that_is_being_merged_is_left_alone() -> None:
    console = with_set(Console(slow=True))
    console.well("SET HOST VAX1", "MOUNT DSA42: PAYROLL", "LOAD DSA42:/WRITES=1000", "WAIT 00:00:01")
    console.do("RUN SYS$SYSTEM:OPCCRASH")
    console.do("WAIT 00:00:22")  # until the cluster is sure that the VAX is gone
    assert console.well('WRITE SYS$OUTPUT F$GETDVI("DSA42:","SHDW_MERGE_COPYING")') == ["TRUE"]
    assert idents(console.do(CALL)) == ["UNSTEADY"]


def test_a_disk_that_is_no_member_is_refused(console: Console) -> None:
    console.well(f"DISMOUNT {B}")
    assert idents(console.do(CALL)) == ["NOTMEMBER"]


def test_who_answers_nothing_is_told_what_is_needed(console: Console) -> None:
    console.answers = ["DSA42:", None, None]
    assert idents(console.do("@SYS$EXAMPLES:BACKUP_MEMBER")) == ["MISSING"]
    assert not console.interpreter.succeeded
