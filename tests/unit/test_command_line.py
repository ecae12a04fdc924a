"""The command line, as a user's shell sees it."""

import os
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from emu.__main__ import main

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": str(ROOT),
    "TERM": "xterm",
    "PROMPT_TOOLKIT_NO_CPR": "1",  # nobody answers where the cursor is
}
READ_LBN_5 = "07000000 00000000 21000000 00020000 00000000 00000000 00000000 05000000"


def hbvs(*arguments: str, text: str = "", cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "emu", *arguments],
        input=text,
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        cwd=cwd,
        timeout=30,
        check=False,
    )


def test_version() -> None:
    result = hbvs("--version")
    assert (result.returncode, result.stdout) == (0, "hbvs 0.1.0\n")


@pytest.mark.parametrize("arguments", [(), ("nonsense",), ("decode",), ("console", "--nonsense")])
def test_wrong_usage_ends_with_2(arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


def test_decode_explains_a_packet() -> None:
    result = hbvs("decode", READ_LBN_5)
    assert result.returncode == 0
    assert "P.LBN" in result.stdout
    result = hbvs("decode", "-", text=f"{READ_LBN_5}\n# nothing\nxyz\n")
    assert result.returncode == 1
    assert "P.LBN" in result.stdout
    assert result.stderr == "%HBVS-F-DECODE, line 3: 'x' is no hexadecimal digit\n"


def test_firmware_is_listed_and_verified() -> None:
    assert "hbvs-shadow" in hbvs("firmware", "list").stdout
    result = hbvs("firmware", "verify", "nothing")
    assert result.returncode == 1
    assert result.stderr.startswith("%HBVS-F-FIRMWARE, no firmware 'nothing'")


def test_a_reader_that_leaves_is_no_error() -> None:
    command = f"{sys.executable} -m emu console -c 'HELP; HELP MOUNT; HELP COPY; HELP DUMP' | head -1"
    result = subprocess.run(
        command, shell=True, capture_output=True, text=True, env=ENVIRONMENT, timeout=30, check=False
    )
    assert result.stderr == ""


def test_a_script_works_on_images_and_leaves_them_closed(tmp_path: Path) -> None:
    first = hbvs(
        "console", "--new", "a.img=2M", "--new", "b.img=4096", "-c", "INIT DUA10 PAYROLL", cwd=tmp_path
    )
    assert (first.returncode, first.stderr) == (0, "")
    assert (tmp_path / "a.img").stat().st_size == (tmp_path / "b.img").stat().st_size == 2 << 20
    script = "MOUNT DSA1: -\n  /SHADOW=(DUA10,DUA11) PAYROLL\nWAIT DSA1:\nSHOW DEVICE DSA1\n"
    second = hbvs("console", "a.img", "b.img", text=script, cwd=tmp_path)
    assert second.returncode == 0
    assert "ShadowSetMember      0  (member of DSA1:)" in second.stdout
    assert second.stdout.endswith("%SHUTDOWN-I-DISMOUNTDEV, dismounting device _DSA1: on node ALPHA1\n")
    assert (tmp_path / "a.img").read_bytes()[512:] == (tmp_path / "b.img").read_bytes()[512:]


def test_the_exit_status_of_a_script_tells_of_failures(tmp_path: Path) -> None:
    for text, status, said in (
        ("SHOW TIME", 0, 1),
        ("SHOW TIME; FOO; SHOW TIME", 1, 3),
        ("DISMOUNT DSA1:; SHOW TIME", 1, 2),
    ):
        result = hbvs("console", "-c", text)
        assert result.returncode == status
        assert len(result.stdout.splitlines()) == said
    result = hbvs("console", "--keep-going", "-c", "FOO; SHOW TIME")
    assert (result.returncode, len(result.stdout.splitlines())) == (1, 3)


def test_disks_on_a_scsi_bus_are_units_of_the_console_too(tmp_path: Path) -> None:
    for name in ("a.img", "b.img"):
        (tmp_path / name).write_bytes(bytes(1 << 20))
    disks = ("--unit", "DKA100=a.img", "--unit", "DKA101=b.img", "--nodes", "alpha:A,alpha:B,vax:C")
    members = "DSA1:/SHADOW=($1$DKA100:,$1$DKA101:) PAYROLL"
    result = hbvs(
        "console", *disks, "-c", f"INIT{members[5:]}; MOUNT {members}; DISMOUNT DSA1:", cwd=tmp_path
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("is now a valid member of the shadow set") == 2
    assert (tmp_path / "a.img").read_bytes() == (tmp_path / "b.img").read_bytes() != bytes(1 << 20)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("missing.img",), "missing.img cannot be opened"),
        (("--unit", "nonsense"), "a unit is written DUA0=PATH"),
        (("--unit", "DUB0=odd.img"), "there are only 1 controllers"),
        (("odd.img",), "is truncated"),
        (("--new", "odd.img=1M"), "cannot be created: File exists"),
        (("--new", "x.img=huge"), "wanted PATH=DRIVE or PATH=SIZE"),
        (("--nodes", "pdp:ELEVEN"), "a node is written"),
        (("--nodes", "alpha:A,vax:A"), "two nodes"),
        (("--controller", "nothing"), "no firmware"),
        (("--unit", "DKA700=good.img"), "wanted an identifier from 0 to 6"),
        (("--unit", "DKA108=good.img"), "a unit from 00 to 07"),
        (("--unit", "DKA100=good.img", "--nodes", "vax:V"), "only an Alpha has a SCSI bus"),
        (("--unit", "DKA100=good.img,drive=RZ26"), "an RZ26 has 2050860 blocks"),
        (("--unit", "DKA100=good.img,drive=RA92"), "RA92 is none of RZ23"),
        (("--unit", "DKA100=good.img,mechanics"), "no mechanics"),
        (("--unit", "DKA100=good.img", "--unit", "DKA100=other.img"), "LUN 0 is taken"),
        (("--unit", "DKA100=marked.img"), "not a unit's record"),
        (("--unit", "DUA1=good.img,drive=RA92"), "RA92"),
        (("good.img", "good.img"), "in use"),
        (("--script", "none.com", "good.img"), "none.com cannot be read"),
        (("--satellite", "VAX1", "good.img"), "--nodes has no such node"),
        (("--sysgen", "VAX1:MSCP_LOAD=1", "good.img"), "--nodes has no such node"),
        (("--sysgen", "MSCP_LOAD", "good.img"), "NAME=NUMBER"),
        (("--sysgen", "MSCP_LAOD=1", "good.img"), "no such parameter"),
        (("--sysgen", "MSCP_SERVE_ALL=16", "good.img"), "MSCP_SERVE_ALL is 0 to 15, not 16"),
    ],
)
def test_what_cannot_be_set_up_is_said_in_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "odd.img").write_bytes(b"x" * 1000)
    for name in ("good.img", "other.img", "marked.img"):
        (tmp_path / name).write_bytes(bytes(1 << 20))
    (tmp_path / "marked.img.scsi").write_bytes(b"nonsense")
    commands = () if "--script" in arguments else ("-c", "SHOW TIME")
    assert main(("console", *arguments, *commands)) == 1
    said = capsys.readouterr()
    assert len(said.err.splitlines()) == 1
    assert said.err.startswith("%HBVS-F-")
    assert words in said.err
    assert said.out == ""


def test_a_satellite_reaches_the_disks_that_are_served_and_no_others(tmp_path: Path) -> None:
    nodes = ["--nodes", "alpha:ALPHA1,vax:VAX1", "--satellite", "vax1", "--new", "a.img=2M"]
    commands = ["-c", "SET HOST VAX1; SHOW DEVICE"]
    alone = hbvs("console", *nodes, *commands, cwd=tmp_path)
    assert "$1$DUA10:" not in alone.stdout
    served = hbvs(
        "console",
        *(nodes[:-2]),
        "a.img",
        "--sysgen=alpha1:mscp_load=1",
        "--sysgen=MSCP_SERVE_ALL=2",
        *commands,
        cwd=tmp_path,
    )
    assert "$1$DUA10:   (ALPHA1)    Online" in served.stdout


def test_a_person_at_a_terminal(tmp_path: Path) -> None:
    hbvs("console", "--new", "a.img=2M", "-c", "INIT DUA10 PAYROLL", cwd=tmp_path)
    child = pexpect.spawn(
        sys.executable,
        ["-m", "emu", "console", "a.img"],
        env=ENVIRONMENT,
        cwd=str(tmp_path),
        encoding="utf-8",
        timeout=15,
    )
    try:
        child.expect("EXIT ends")
        child.expect(r"\x1b\[\?2004h.*\$")
        child.send("SHOX\x7fW TIME\r")  # a slip, taken back
        child.expect(r"\d\d:\d\d:\d\d")
        child.send("SHOW CLUS")
        child.send("\x03")  # Ctrl-C drops the line
        child.send("MOUNT DUA10\r")
        child.expect("_Label:")
        child.send("PAYROLL\r")
        child.expect("%MOUNT-I-MOUNTED, PAYROLL mounted")
        child.send("WAIT 9999-00:00:00\r")
        for _ in range(30):
            child.send("\x03")
            if child.expect(["WAIT-F-ABORT, operation canceled", pexpect.TIMEOUT], timeout=0.5) == 0:
                break
        child.send("EXIT\r")
        child.expect("SHUTDOWN-I-DISMOUNTDEV")
        child.expect(pexpect.EOF)
    finally:
        child.close()
    assert child.exitstatus == 0


def test_control_keys_at_a_terminal_drop_a_line_and_end_a_procedure_but_not_the_console(
    tmp_path: Path,
) -> None:
    (tmp_path / "LOOP.COM").write_text("$LOOP:\n$ WAIT 00:00:01\n$ GOTO LOOP\n")
    child = pexpect.spawn(
        sys.executable,
        ["-m", "emu", "console", "--new", "a.img=2M"],
        env=ENVIRONMENT,
        cwd=str(tmp_path),
        encoding="utf-8",
        timeout=15,
    )
    try:
        child.expect("EXIT ends")
        for key in ("\x03", "\x1a", "\x19"):  # Ctrl-C, Ctrl-Z, Ctrl-Y
            child.expect(r"\x1b\[\?2004h.*\$")
            child.send("INITIALIZE DUA10 -\r")
            child.expect(r"_\$")
            child.send(key)
            child.expect(r"\x1b\[\?2004h.*\$")
            child.send("SHOW TIME\r")
            child.expect(r"\d\d:\d\d:\d\d")
        child.send("@LOOP\r")
        for _ in range(30):
            child.send("\x19")
            if child.expect([" Interrupt", pexpect.TIMEOUT], timeout=0.5) == 0:
                break
        child.send("EXIT\r")
        child.expect(pexpect.EOF)
    finally:
        child.close()
    assert child.exitstatus == 0


def test_who_opens_a_mirror_set_is_told_where_its_membership_is(tmp_path: Path) -> None:
    for name in ("a.dsk", "b.dsk"):
        (tmp_path / name).write_bytes(bytes(1 << 20))

    def start(*arguments: str) -> "pexpect.spawn[str]":
        command = ["-m", "emu", *arguments]
        return pexpect.spawn(
            sys.executable, command, env=ENVIRONMENT, cwd=str(tmp_path), encoding="utf-8", timeout=15
        )

    bus = ("serve", "--bus", "tcp://127.0.0.1:0", "--unit")
    child = start(*bus, "DUA0=shadow(a.dsk,b.dsk)", "--create")
    child.expect_exact(
        "MIRROR, M1: membership is in a.dsk.shadow, b.dsk.shadow, the volume itself does not know of it"
    )
    child.kill(15)
    child.expect(pexpect.EOF)
    alone = "a.dsk, one of a mirror set by a.dsk.shadow"
    for arguments in (("console", "a.dsk"), ("console", "--unit", "DKA100=a.dsk")):
        child = start(*arguments)
        child.expect_exact(alone)
        child.close(force=True)
    child = start(*bus, "DUA0=a.dsk")
    child.expect_exact("MIRROR, DUA0 is a.dsk alone, one of a mirror set by a.dsk.shadow")
    child.close(force=True)
