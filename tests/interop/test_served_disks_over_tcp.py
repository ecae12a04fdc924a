"""Two processes: the disks are the Alpha's, the VAX in the other one reaches them through its MSCP server."""

import re
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from tests.interop.test_consoles import PROMPT, Operator

BLOCKS = 4_000
PATIENCE_S = 60
DISKS = [f"$1$DUA{number}:" for number in (10, 11, 12)]
SET = f"DSA1:/SHADOW=({','.join(DISKS)})"
SERVES = ["--sysgen", "MSCP_LOAD=1", "--sysgen", "MSCP_SERVE_ALL=1"]


class Process:
    """`hbvs console` of one node, which an operator is at over TCP."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        words = ["--cluster-password-file", str(folder / "password"), "--expected-votes", "3"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "emu", "console", *words, "--listen", "tcp://127.0.0.1:0", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.said = ""

    def expect(self, pattern: str) -> str:
        """Read until a line has this; returns what its group is."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said += line
            match = re.search(pattern, line)
            if match is not None:
                return match[1]
        raise AssertionError(self.said)

    def operator(self, stack: ExitStack) -> Operator:
        host, _, port = self.expect(r"operators are awaited at tcp://(\S+)").rpartition(":")
        plug = stack.enter_context(socket.create_connection((host, int(port)), PATIENCE_S))
        operator = Operator(plug.fileno())
        operator.timeout = PATIENCE_S
        operator.expect(PROMPT)
        operator.asks("REPLY/DISABLE")  # so that nobody speaks between two prompts
        return operator

    def end(self) -> None:
        self.process.send_signal(signal.SIGINT)
        out, _ = self.process.communicate(timeout=PATIENCE_S)
        assert self.process.returncode == 0, self.said + out

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


class Room:
    """Both processes."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        (folder / "password").write_text("sesame\n")
        self.images = [folder / f"{name}.dsk" for name in "abc"]
        for image in self.images:
            image.write_bytes(bytes(512 * BLOCKS))
        self.folder, self.stack = folder, stack
        self.server = self.start_server("tcp://127.0.0.1:0")
        self.address = self.server.expect(r"processes are awaited at (tcp://\S+)")
        self.vax = Process(folder, "--nodes", "vax:VAX1", "--cluster", self.address)
        stack.callback(self.vax.kill)
        self.at_alpha = self.server.operator(stack)
        self.at_vax = self.vax.operator(stack)

    def start_server(self, address: str) -> Process:
        process = Process(self.folder, *SERVES, "--cluster-listen", address, *map(str, self.images))
        self.stack.callback(process.kill)
        return process

    def contents(self) -> list[bytes]:
        return [image.read_bytes() for image in self.images]


def well(operator: Operator, *lines: str) -> str:
    said = ""
    for line in lines:
        said = operator.asks(line).decode()
        assert not re.search("^%[A-Z]+-[WEF]-", said, re.MULTILINE), (line, said)
    return said


def refused(operator: Operator, line: str) -> str:
    """What a command says that must fail: its identification."""
    match = re.search(r"^%([A-Z]+-[WEF]-[A-Z]+)", operator.asks(line).decode(), re.MULTILINE)
    assert match is not None, line
    return match[1]


def loaded(operator: Operator, writes: int) -> None:
    """Wait until a load says that it has ended, and read back what it wrote."""
    operator.expect(
        rb"%%LOAD-I-ENDED, DSA1: %d writes \(\d+ blocks\) and [1-9]\d* reads [^\r]*, 0 faults" % writes
    )
    operator.expect(PROMPT)


def test_a_set_of_served_disks_is_written_from_both_processes_and_a_member_returns_by_minicopy(
    tmp_path: Path,
) -> None:
    with ExitStack() as stack:
        room = Room(tmp_path, stack)
        assert "$1$DUA10:   (ALPHA1)    Online" in well(room.at_vax, "SHOW DEVICE")
        well(room.at_alpha, f"INITIALIZE/SHADOW=({','.join(DISKS)}) PAYROLL", f"MOUNT {SET} PAYROLL")
        well(room.at_vax, "MOUNT DSA1: PAYROLL")
        well(room.at_alpha, "DISMOUNT/POLICY=MINICOPY $1$DUA12:")
        room.at_vax.send(b"LOAD DSA1:/WRITES=60/READS=40\r")
        loaded(room.at_vax, 60)
        assert room.contents()[0] != room.contents()[2]
        assert re.search(r"0001\s+\d+\s+[1-9]\d*%", well(room.at_alpha, "SHOW DEVICE/BITMAP DSA1:"))
        assert "SHDWMEMMCPY" in well(room.at_alpha, "MOUNT DSA1:/SHADOW=$1$DUA12:/POLICY=MINICOPY PAYROLL")
        well(room.at_alpha, "WAIT DSA1:")
        assert well(room.at_vax, "SHOW DEVICE").count("ShadowSetMember") == 3
        assert re.search(r"\$1\$DUA10 Online .* 1\r", well(room.at_alpha, "SHOW DEVICE/SERVED"))
        well(room.at_vax, "DISMOUNT DSA1:")
        room.vax.end()
        room.server.end()
        first, second, third = room.contents()
        assert first == second == third


def test_a_disk_that_a_node_of_another_process_has_mounted_is_not_overwritten(tmp_path: Path) -> None:
    first, _, alone = DISKS
    with ExitStack() as stack:
        room = Room(tmp_path, stack)
        well(room.at_alpha, f"INITIALIZE/SHADOW=({','.join(DISKS[:2])}) PAYROLL", f"INITIALIZE {alone} LONE")
        well(room.at_vax, f"MOUNT DSA1:/SHADOW=({','.join(DISKS[:2])}) PAYROLL", f"MOUNT {alone} LONE")
        before = room.contents()
        for line, ident in (
            (f"INITIALIZE {first} X", "INIT-F-DEVMOUNT"),
            (f"INITIALIZE/SHADOW=({alone}) X", "INIT-F-DEVMOUNT"),
            (f"MOUNT/OVERRIDE=SHADOW_MEMBERSHIP {first} PAYROLL", "MOUNT-F-DEVSHAMEM"),
            (f"MOUNT DSA2:/SHADOW={first} PAYROLL", "MOUNT-F-DEVSHAMEM"),
            (f"MOUNT DSA1:/SHADOW={alone} PAYROLL", "MOUNT-F-DEVMOUNT"),
            (f"BACKUP/PHYSICAL {first} A.BCK", "BACKUP-F-SHADMEMBER"),
            (f"BACKUP/PHYSICAL {alone} A.BCK", "BACKUP-F-WRITABLE"),
        ):
            assert refused(room.at_alpha, line) == ident
        assert room.contents() == before
        well(room.at_alpha, "MOUNT DSA1: PAYROLL")
        well(room.at_vax, f"DISMOUNT {alone}")
        well(room.at_alpha, f"MOUNT DSA1:/SHADOW={alone} PAYROLL")


def test_a_vax_waits_for_a_server_that_is_killed_and_goes_on_when_it_is_back(tmp_path: Path) -> None:
    with ExitStack() as stack:
        room = Room(tmp_path, stack)
        well(room.at_alpha, f"INITIALIZE/SHADOW=({','.join(DISKS)}) PAYROLL")
        well(room.at_vax, f"MOUNT {SET} PAYROLL", "LOAD DSA1:/WRITES=150/RATE=30/READS=20")
        room.server.kill()
        room.server = room.start_server(room.address)
        loaded(room.at_vax, 150)
        assert "ALPHA1" in well(room.at_vax, "SHOW CLUSTER")
        well(room.at_vax, "DISMOUNT DSA1:")
        room.vax.end()
        room.server.end()
        first, second, third = room.contents()
        assert first == second == third


def test_a_scsi_disk_is_served_to_a_vax_and_its_image_is_locked(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("sesame\n")
    image = tmp_path / "a.dsk"
    image.write_bytes(bytes(512 * BLOCKS))
    with ExitStack() as stack:
        words = ["--cluster-listen", "tcp://127.0.0.1:0", "--unit", f"DKA100={image}"]
        server = Process(tmp_path, *SERVES, *words)
        stack.callback(server.kill)
        address = server.expect(r"processes are awaited at (tcp://\S+)")
        vax = Process(tmp_path, "--nodes", "vax:VAX1", "--cluster", address)
        stack.callback(vax.kill)
        at_vax = vax.operator(stack)
        well(at_vax, "INITIALIZE $1$DKA100: PAYROLL", "MOUNT/SYSTEM $1$DKA100: PAYROLL")
        assert "$1$DKA100:  (ALPHA1)    Mounted" in well(at_vax, "SHOW DEVICE")
        other = subprocess.run(
            [sys.executable, "-m", "emu", "console", str(image), "-c", "SHOW TIME"],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert other.returncode == 1
        assert "is in use" in other.stderr
        vax.end()
        server.end()
