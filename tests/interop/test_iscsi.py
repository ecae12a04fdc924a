"""The iSCSI target under foreign initiators: libiscsi's suite and tools, QEMU; and under initiators that vanish."""

import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest

from emu.shells.iscsi_scores import FAILED, SKIPPED, SUITES, UNITS, Verdicts, judge_all, serve_ours
from tests.interop.iscsi_judges import qemu_io, require, run
from tests.interop.serving import ROOT
from tests.unit.iscsi_initiator import Initiator

MEBIBYTE = 1 << 20
NAME = "iqn.2026-01.test:disk"
PATIENCE_S = 20

SKIPPED_BY_DESIGN = {  # they want physical blocks of several logical ones, or that a count of 0 means to the end
    "CompareAndWrite.InvalidDataOutSize",
    "WriteSame10.InvalidDataOutSize",
    "WriteSame10.UnmapUnaligned",
    "WriteSame16.InvalidDataOutSize",
    "WriteSame16.UnmapUnaligned",
    "WriteSame10.ZeroBlocks",
    "WriteSame16.ZeroBlocks",
}


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with serve_ours(tmp_path_factory.mktemp("iscsi")) as urls:
        yield dict(urls)


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> Verdicts:
    """What the whole suite says."""
    require("iscsi-test-cu")
    return judge_all(serve_ours, tmp_path_factory.mktemp("verdicts"))


@pytest.mark.parametrize("suite", SUITES)
def test_the_conformance_suite_finds_no_fault(verdicts: Verdicts, suite: str) -> None:
    of_suite = {name: verdict for name, verdict in verdicts.items() if name.startswith(f"{suite}.")}
    assert of_suite, "the suite has run"
    assert {name: verdict.words for name, verdict in of_suite.items() if verdict.result == FAILED} == {}


def test_the_conformance_suite_skips_nothing_that_we_have(verdicts: Verdicts) -> None:
    assert len(verdicts) == 229  # all but one that takes a minute, Sanitize.Reset
    assert {name for name, verdict in verdicts.items() if verdict.result == SKIPPED} <= SKIPPED_BY_DESIGN


# ---- QEMU and libiscsi's tools


def portal(url: str) -> tuple[str, int]:
    host, _, port = url.split("/")[2].rpartition(":")
    return host, int(port)


def test_the_target_and_its_units_are_found(units: dict[str, str]) -> None:
    host, port = portal(units["main"])
    said = run("iscsi-ls", "-s", f"iscsi://{host}:{port}")
    assert f"Target:{NAME} Portal:{host}:{port},1" in said
    assert said.count("DIRECT_ACCESS (Size:") == len(UNITS)


def test_an_image_goes_there_and_comes_back_the_same(units: dict[str, str], tmp_path: Path) -> None:
    original, copy = tmp_path / "original", tmp_path / "copy"
    original.write_bytes(random.Random(1).randbytes(16 * MEBIBYTE) + bytes(48 * MEBIBYTE))
    url = units["paths"]
    run("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", original, url)
    assert "identical" in run("qemu-img", "compare", "-f", "raw", "-F", "raw", original, url)
    run("qemu-img", "convert", "-f", "raw", "-O", "raw", url, copy)
    assert copy.read_bytes() == original.read_bytes()


def test_patterns_zeros_and_holes_read_back(units: dict[str, str]) -> None:
    qemu_io(
        units["paths"],
        "write -P 0x5a 0 4M",
        "write -P 0xa5 1536 3584",
        "read -P 0x5a 0 1536",
        "read -P 0xa5 1536 3584",
        "discard 1M 1M",
        "read -P 0 1M 1M",
        "write -z 2M 1M",
        "read -P 0 2M 1M",
        "read -P 0x5a 3M 1M",
        "writev -P 7 32M 512 4096 65536",
        "readv -P 7 32M 65536 4096 512",
        "flush",
    )


def test_qemus_benchmark_gets_an_answer_to_every_request(units: dict[str, str]) -> None:
    for write in ((), ("-w", "--pattern=119")):
        said = run(
            "qemu-img", "bench", "-f", "raw", "-t", "none", "-c", "3000", "-d", "32", *write, units["paths"]
        )
        assert "Run completed in" in said
    qemu_io(units["paths"], "read -P 119 0 8M")  # 3000 times 4096 bytes, one behind the other


def test_an_image_is_dumped_block_by_block(units: dict[str, str], tmp_path: Path) -> None:
    qemu_io(units["paths"], "write -P 0x21 0 1M", "write -P 0x22 1M 1M")
    dump = tmp_path / "dump"
    run(
        "qemu-img", "dd", "-f", "raw", "-O", "raw", "bs=4k", "count=512", f"if={units['paths']}", f"of={dump}"
    )
    assert dump.read_bytes() == b"\x21" * MEBIBYTE + b"\x22" * MEBIBYTE


@pytest.mark.parametrize("options", [("-b", "8"), ("-b", "8", "-r"), ("-b", "128", "-m", "4")], ids=" ".join)
def test_libiscsis_load_gets_an_answer_to_every_request(
    units: dict[str, str], options: tuple[str, ...]
) -> None:
    said = run("iscsi-perf", "-t", "1", *options, units["main"])
    assert "finished." in said
    assert "error" not in said.lower()


def test_libiscsis_tools_are_told_who_the_unit_is(units: dict[str, str]) -> None:
    assert "Vendor:HBVS" in run("iscsi-inq", units["main"])
    assert "Page:0xb0 BLOCK_LIMITS" in run("iscsi-inq", "-e", "1", "-c", "0", units["main"])
    assert int(run("iscsi-readcapacity16", "-s", units["main"])) == 64 * MEBIBYTE


def test_software_write_protection_is_set_and_taken_away_by_a_tool(units: dict[str, str]) -> None:
    url = units["main"]
    run("iscsi-swp", "-s", "on", url)
    command = [require("qemu-io"), "-f", "raw", "-c", "write -P 1 0 4k", url]
    refused = subprocess.run(command, capture_output=True, timeout=PATIENCE_S, check=False)
    assert refused.returncode != 0
    run("iscsi-swp", "-s", "off", url)
    qemu_io(url, "write -P 1 0 4k", "read -P 1 0 4k")


def test_fio_reads_what_it_wrote(units: dict[str, str], tmp_path: Path) -> None:
    """By way of QEMU's NBD server: Debian's fio has no engine for iSCSI."""
    fio, path = require("fio"), tmp_path / "nbd"
    server = [require("qemu-nbd"), "-f", "raw", "-t", "-e", "4", "-k", str(path), units["paths"]]
    with subprocess.Popen(server) as process:
        try:
            deadline = monotonic() + PATIENCE_S
            while not path.exists():
                assert monotonic() < deadline
                assert process.poll() is None
                sleep(0.02)
            job = [
                fio,
                "--name=verify",
                "--ioengine=nbd",
                f"--uri=nbd+unix:///?socket={path}",
                "--rw=randwrite",
            ]
            job += ["--bsrange=512-64k", "--size=16M", "--iodepth=32", "--verify=crc32c", "--randseed=1"]
            done = subprocess.run(job, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
        finally:
            process.terminate()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "err= 0" in done.stdout


def test_a_header_digest_is_agreed_on_with_qemu(units: dict[str, str]) -> None:
    host, port = portal(units["paths"])
    options = (
        f'json:{{"driver":"iscsi","transport":"tcp","portal":"{host}:{port}","target":"{NAME}","lun":{UNITS.index("paths")},'
        '"header-digest":"crc32c"}'
    )
    words = [word for command in ("write -P 9 8M 2M", "read -P 9 8M 2M") for word in ("-c", command)]
    assert "failed" not in run("qemu-io", *words, options)


def test_two_initiators_work_side_by_side(units: dict[str, str]) -> None:
    program = require("qemu-io")
    commands = [
        [
            program,
            "-f",
            "raw",
            *(w for c in (f"write -P {n} {n}0M 8M", f"read -P {n} {n}0M 8M") * 3 for w in ("-c", c)),
        ]
        for n in (1, 2)
    ]
    both = [
        subprocess.Popen([*command, units["paths"]], stdout=subprocess.PIPE, text=True)
        for command in commands
    ]
    for process in both:
        said, _ = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, said
        assert "failed" not in said


def test_nobody_comes_in_without_the_secret(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    secrets.write_text("# who may come\nincoming fred SECRETSECRET\n")
    with serve_ours(tmp_path, "--chap-file", str(secrets)) as urls:
        url = urls["main"]
        with_secret = url.replace("iscsi://", "iscsi://fred%SECRETSECRET@")
        assert "wrote 4096/4096" in qemu_io(with_secret, "write -P 1 0 4k")
        for wrong in (url, url.replace("iscsi://", "iscsi://fred%SECRETSECREX@")):
            refused = subprocess.run(
                [require("qemu-io"), "-f", "raw", "-c", "read 0 4k", wrong],
                capture_output=True,
                timeout=PATIENCE_S,
                check=False,
            )
            assert refused.returncode != 0


def test_a_mirror_set_is_a_unit_too(tmp_path: Path) -> None:
    images = [tmp_path / "a.dsk", tmp_path / "b.dsk"]
    for image in images:
        image.write_bytes(bytes(2 * MEBIBYTE))
    shadow = f"DUA0=shadow({images[0]},{images[1]})"
    extra = ("--bus", f"unix://{tmp_path}/bus", "--unit", shadow, "--create", "--lun", "M1")
    with serve_ours(tmp_path, *extra) as urls:
        url = urls["main"].rpartition("/")[0] + f"/{len(UNITS)}"
        qemu_io(url, "write -P 0x77 64k 512k", "read -P 0x77 64k 512k", "flush")
    for image in images:
        assert image.read_bytes()[65536 : 65536 + 524288] == b"\x77" * 524288


# ---- initiators that vanish


class _Wire:
    """The other end of a socket, in the place of a connection of ours."""

    def __init__(self, url: str) -> None:
        self.peer = socket.create_connection(portal(url), PATIENCE_S)

    def receive(self, data: bytes) -> None:
        self.peer.sendall(data)

    def outgoing(self) -> list[bytes]:
        self.peer.settimeout(0.05)
        try:
            data = self.peer.recv(MEBIBYTE)
        except TimeoutError:
            return []
        return [data] if data else []

    def take(self, count: int) -> bytes:
        self.peer.settimeout(PATIENCE_S)
        data = b""
        while len(data) < count:
            more = self.peer.recv(count - len(data))
            assert more, "the target hung up"
            data += more
        return data


def _log_in(url: str, number: int) -> tuple[Initiator, _Wire]:
    wire = _Wire(url)
    initiator = Initiator(wire)  # type: ignore[arg-type]
    text = f"InitiatorName=iqn.2026-01.test:i{number} TargetName={NAME} InitialR2T=No"
    initiator.send(initiator.login_pdu(text))
    head = wire.take(48)
    length = int.from_bytes(head[5:8], "big")
    wire.take(length + -length % 4)
    assert head[36:38] == b"\0\0"
    return initiator, wire


def test_two_hundred_initiators_that_vanish_in_mid_transfer_leave_nothing_behind(
    units: dict[str, str],
) -> None:
    url = units["main"]
    before = _open_sockets(portal(url)[1])
    for number in range(200):
        initiator, wire = _log_in(url, number)
        if number % 4 == 0:
            initiator.send(initiator.write_pdu(0, 2000, bytes(65536)))  # R2Ts are never answered
        elif number % 4 == 1:
            initiator.send(
                b"".join(initiator.read_pdu(0, 2000, tag=tag) for tag in range(16))
            )  # nobody reads
        elif number % 4 == 2:
            initiator.send(initiator.write_pdu(0, 64, bytes(32768))[: 48 + number])
        else:
            initiator.send(initiator.read_pdu(0, 1))
        if number % 2:
            linger = (1).to_bytes(4, sys.byteorder) + bytes(4)
            wire.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)  # RST
        wire.peer.close()
    initiator, wire = _log_in(url, 1000)
    for _ in range(4):  # unit attentions first
        initiator.send(initiator.read_pdu(0, 8))
        head = wire.take(48)
        length = int.from_bytes(head[5:8], "big")
        wire.take(length + -length % 4)
        if head[0] == 0x25:
            break
    assert (head[0], head[3], length) == (0x25, 0, 4096)
    wire.peer.close()
    deadline = monotonic() + PATIENCE_S
    while _open_sockets(portal(url)[1]) > before:
        assert monotonic() < deadline, "a connection that has gone is closed here too"
        sleep(0.05)


def _open_sockets(port: int) -> int:
    """Count the connections that the server at this port of the loopback still has open."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    orphaned = "0"  # no process has the socket any more: TIME_WAIT
    return sum(row[1] == f"0100007F:{port:04X}" and row[9] != orphaned for row in rows)


def test_serve_says_goodbye(tmp_path: Path) -> None:
    image = tmp_path / "disk.img"
    image.write_bytes(bytes(MEBIBYTE))
    command = [sys.executable, "-m", "emu", "serve", "--iscsi", "tcp://127.0.0.1:0", "--iscsi-name", NAME]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    log = tmp_path / "log"
    with (
        log.open("w") as out,
        subprocess.Popen([*command, "--lun", str(image)], stdout=out, env=environment) as process,
    ):
        deadline = monotonic() + PATIENCE_S
        while "awaited at" not in log.read_text():
            assert monotonic() < deadline
            sleep(0.02)
        address = log.read_text().split("awaited at tcp://")[1].split()[0]
        initiator, wire = _log_in(f"iscsi://{address}/{NAME}/0", 1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
        head = wire.take(48)
        assert (head[0], head[36]) == (0x32, 3)
        assert wire.peer.recv(1) == b""
        wire.peer.close()
    assert initiator.cmd_sn == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--iscsi", "tcp://0.0.0.0:0"), "can be reached from other machines"),
        (("--iscsi", "unix:///tmp/x"), "goes over tcp"),
        (("--iscsi", "tcp://127.0.0.1:0", "--iscsi-name", "disk"), "no iSCSI name"),
        (("--iscsi", "tcp://127.0.0.1:0", "--lun", "x,odd"), "is none of"),
        (("--iscsi", "tcp://127.0.0.1:0", "--lun", "none.img"), "none.img"),
        (("--bus", "tcp://127.0.0.1:0", "--lun", "x.img"), "wanted --iscsi"),
        ((), "nothing to serve"),
    ],
)
def test_what_cannot_be_served_is_told(arguments: tuple[str, ...], words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "emu", "serve", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 1
    assert words in done.stderr
