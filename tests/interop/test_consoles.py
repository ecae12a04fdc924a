"""Operators' consoles as they are reached: sockets, pseudo-terminals, telnet, and the console of a stock simulator.

Everything here talks to `hbvs console --listen` in a process of its own.  Nothing sleeps; time limits are guards.
"""

import os
import re
import socket
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pexpect
import pytest
from pexpect.fdpexpect import fdspawn

from tests.interop.debian import require

GUARD_SECONDS = 20
PROMPT = rb"\r\n\$ "
BLOCKS = 60_000  # of a disk that takes its time: some seconds to read


class Server:
    """`hbvs console` in a directory of its own."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        disks = [f"--new={folder}/{name}.img={BLOCKS}" for name in ("one", "two", "three", "four")]
        words = ["-m", "emu", "console", *disks, "--mechanics", *arguments]
        self.process = pexpect.spawn(
            "/bin/sh",
            ["-c", 'exec "$0" "$@" </dev/null', sys.executable, *words],
            timeout=GUARD_SECONDS,
            cwd=str(Path(__file__).parents[2]),
        )

    def address(self) -> str:
        self.process.expect(rb"awaited at (\S+)\r")
        return str(self.process.match[1].decode())

    def end(self) -> int:
        """End it as a service is ended; returns the exit status."""
        self.process.kill(15)
        self.process.expect(pexpect.EOF)
        self.process.close()
        status = self.process.exitstatus
        assert status is not None, f"it was killed by signal {self.process.signalstatus}"
        return int(status)


class Operator(fdspawn):
    """Somebody at a console."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, timeout=GUARD_SECONDS)

    def asks(self, line: str, then: bytes = PROMPT) -> bytes:
        """Type a line; returns what was said until the next prompt."""
        self.send(line.encode("latin-1") + b"\r")
        self.expect(then)
        return bytes(self.before).partition(b"\r\n")[2]


class Room:
    """A server with one door of each kind, and the operators who came."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.telnet, self.tcp, self.unix, self.pty = (server.address() for _ in range(4))
        self._stack = ExitStack()

    def plug(self, address: str) -> socket.socket:
        """A bare socket."""
        if address.startswith("unix"):
            plug = socket.socket(socket.AF_UNIX)
            plug.connect(address.removeprefix("unix://"))
        else:
            host, _, port = address.partition("//")[2].rpartition(":")
            plug = socket.create_connection((host, int(port)), GUARD_SECONDS)
        self._stack.callback(plug.close)
        return plug

    def operator(self, address: str = "") -> Operator:
        operator = Operator(self.plug(address or self.tcp).fileno())
        operator.expect(PROMPT)
        return operator

    def close_line(self, descriptor: int) -> None:
        """Close a terminal line, and see to it that this was noticed before it is opened again."""
        os.close(descriptor)
        self.operator().asks("SHOW DEVICE D")

    def leave(self) -> None:
        self._stack.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    folder = tmp_path_factory.mktemp("consoles")
    server = Server(
        folder,
        "--listen=telnet://:0",
        "--listen=tcp://:0",
        f"--listen=unix://{folder}/door",
        f"--listen=pty:{folder}/line",
    )
    room = Room(server)
    operator = room.operator()
    operator.asks("INITIALIZE/SHADOW=($1$DUA10:,$1$DUA11:) PAYROLL")
    assert b"MOUNTED" in operator.asks("MOUNT DSA1:/SHADOW=($1$DUA10:,$1$DUA11:) PAYROLL")
    room.leave()
    yield room
    room.leave()
    assert server.end() == 0
    assert not (folder / "door").exists()
    assert not (folder / "line").is_symlink()


@pytest.fixture
def room(running: Room) -> Iterator[Room]:
    yield running
    running.leave()


@pytest.mark.parametrize("door", ["telnet", "tcp", "unix"])
def test_a_session_through_every_kind_of_socket(room: Room, door: str) -> None:
    operator = room.operator(getattr(room, door))
    assert re.search(rb"\d\d-[A-Z]{3}-\d{4} \d\d:\d\d", operator.asks("SHOW TIME"))
    assert b"DSA1:" in operator.asks("show device d")
    operator.send(b"LOGOUT\r")
    operator.expect(pexpect.EOF)


def test_abbreviations_and_errors(room: Room) -> None:
    operator = room.operator()
    assert b"DSA1:" in operator.asks("SHO DEV D")
    assert b"%DCL-W-ABVERB" in operator.asks("DE")
    assert b"%DCL-W-IVVERB" in operator.asks("FROBNICATE")
    assert b"\\FROBNICATE\\" in operator.before
    assert b"%DCL-W-IVQUAL" in operator.asks("SHOW DEVICE/FROB")


def test_a_missing_parameter_is_asked_for(room: Room) -> None:
    operator = room.operator()
    operator.asks("DUMP", rb"_Device: ")
    assert b"Logical block number 0" in operator.asks("DSA1:")
    operator.asks("DUMP", rb"_Device: ")
    operator.send(b"\x1a")
    operator.expect(rb"\*EXIT\*\r\n%DCL-W-INSFPRM.*" + PROMPT)


def test_a_line_that_is_too_long_and_noise(room: Room) -> None:
    operator = room.operator()
    assert b"%HBVS-W-BUFOVF" in operator.asks("SHOW " + "x" * 3000)
    assert b"%DCL-W-" in operator.asks("x" * 1024)
    operator.send(bytes(range(0x80, 0x100)) + b"\x01\x02\x1b[A\x1b[200~")
    operator.send(b"\x03")
    operator.expect(rb"\*CANCEL\*" + PROMPT)
    assert b"%DCL-W-IVVERB" in operator.asks("\xe4\xf6\xfc\xff")
    assert b"DSA1:" in operator.asks("SHOW DEVICE D")


def test_noise_at_the_telnet_door(room: Room) -> None:
    plug = room.plug(room.telnet)
    plug.sendall(bytes(range(256)) * 8 + b"\xff\xfa" + bytes(2000) + b"\xff\xf0")
    operator = Operator(plug.fileno())
    operator.send(b"\x03\x11\r\nSHOW DEVICE D\r\n")
    operator.expect(rb"Volume.*DSA1:")


def test_telnet_negotiation_is_answered_once(room: Room) -> None:
    plug = room.plug(room.telnet)
    operator = Operator(plug.fileno())
    operator.expect_exact(b"\xff\xfb\x01\xff\xfb\x03")  # IAC WILL ECHO, IAC WILL SGA
    operator.expect(PROMPT)
    plug.sendall(
        b"\xff\xfd\x01\xff\xfd\x03\xff\xfb\x1f\xff\xfd\x00\xff\xf6"
    )  # DO, DO, WILL NAWS, DO BINARY, AYT
    operator.expect_exact(b"\xff\xfe\x1f\xff\xfb\x00\r\n[Yes]\r\n")
    plug.sendall(b"\xff\xfe\x01" + b"SHOW X\r\0")  # DONT ECHO: it does that itself
    operator.expect_exact(b"\xff\xfc\x01\r\n%DCL-W-")
    plug.sendall(b"WAIT 1:00\r\0" + b"\xff\xf3")  # BRK
    operator.expect(rb"%WAIT-F-ABORT.*" + PROMPT)


def test_two_operators_at_once(room: Room) -> None:
    one, two = room.operator(room.telnet), room.operator(room.unix)
    one.send(b"WAIT 1:00\r")
    two.asks("WAIT 0:00:00.01")
    assert b"DSA1:" in two.asks("SHOW DEVICE D")
    one.send(b"SHOW TIME\r")  # typed ahead; the interrupt drops it
    one.send(b"\x19")
    one.expect(rb"\*INTERRUPT\*\r\n%WAIT-F-ABORT.*" + PROMPT)


def test_operators_hear_what_happens_above_their_half_typed_line(room: Room) -> None:
    one, two = room.operator(room.telnet), room.operator()
    one.send(b"SHOW DEV")
    one.expect_exact(b"SHOW DEV")
    two.asks("MOUNT DSA1:/SHADOW=$1$DUA13: PAYROLL")
    one.expect(rb"OPCOM.*initiating copy.*\r\n\$ SHOW DEV$")


def test_one_operators_backup_is_in_nobodys_way_and_ends_when_he_vanishes(room: Room) -> None:
    folder = room.server.folder / "saved"
    folder.mkdir()
    plug = room.plug(room.tcp)
    one, two = Operator(plug.fileno()), room.operator()
    one.expect(PROMPT)
    one.send(f'BACKUP/PHYSICAL/LOG $1$DUA12: "{folder}/three.bck"\r'.encode())
    one.expect(rb"%BACKUP-I-PROGRESS")
    assert b"DSA1:" in two.asks("SHOW DEVICE D")
    assert b"-SYSTEM-W-DEVALLOC" in two.asks(f'BACKUP/PHYSICAL $1$DUA12: "{folder}/other.bck"')
    assert len(list(folder.iterdir())) == 1
    plug.shutdown(socket.SHUT_RDWR)
    for _ in range(200):
        two.asks("WAIT 0:00:00.01")
        if not list(folder.iterdir()):
            break
    assert not list(folder.iterdir())
    assert b"DEVALLOC" not in two.asks("DUMP $1$DUA12:")


def test_a_terminal_that_does_not_read_holds_up_nobody(room: Room) -> None:
    plug = room.plug(room.tcp)
    plug.sendall(b"HELP MOUNT\r" * 500)
    other = room.operator()
    for _ in range(20):
        assert b"DSA1:" in other.asks("SHOW DEVICE D")


# ---- a terminal line


@pytest.fixture
def line(room: Room) -> Iterator[Operator]:
    descriptor = os.open(room.server.folder / "line", os.O_RDWR | os.O_NOCTTY)
    yield Operator(descriptor)
    room.close_line(descriptor)


def test_a_terminal_line_is_a_console_and_comes_back_after_every_hang_up(room: Room) -> None:
    for _ in range(2):
        descriptor = os.open(room.pty, os.O_RDWR | os.O_NOCTTY)
        operator = Operator(descriptor)
        operator.expect(PROMPT)
        assert b"DSA1:" in operator.asks("SHOW DEVICE D")
        operator.send(b"half a li")
        operator.expect_exact(b"half a li")
        room.close_line(descriptor)
    descriptor = os.open(room.pty, os.O_RDWR | os.O_NOCTTY)
    operator = Operator(descriptor)
    operator.expect(PROMPT)
    operator.send(b"LOGOUT\r")
    operator.expect(rb"hbvs \d.*" + PROMPT)  # the next may log in
    room.close_line(descriptor)


def test_xoff_and_break_on_a_terminal_line(room: Room, line: Operator) -> None:
    line.expect(PROMPT)
    line.send(b"\x13SHOW DEVICE D\r")
    room.operator().asks("SHOW DEVICE D")  # the world has gone on meanwhile
    tty.setraw(line.child_fd)
    assert termios.tcgetattr(line.child_fd)[3] & termios.ECHO == 0
    os.set_blocking(line.child_fd, False)
    with pytest.raises(BlockingIOError):
        os.read(line.child_fd, 1)
    os.set_blocking(line.child_fd, True)
    line.send(b"\x11")
    line.expect(rb"SHOW DEVICE D\r\n.*DSA1:.*" + PROMPT)
    line.send(b"WAIT 1:00\r")
    line.expect_exact(b"WAIT 1:00\r\n")
    line.send(b"\0\0")  # a break, as a line reads it
    line.expect(rb"\*INTERRUPT\*\r\n%WAIT-F-ABORT.*" + PROMPT)


# ---- who may come


def test_a_door_to_other_machines_needs_a_password(tmp_path: Path) -> None:
    server = Server(tmp_path, "--listen=telnet://0.0.0.0:0")
    server.process.expect(rb"%HBVS-F-LISTEN, telnet://0.0.0.0:0 can be reached from other machines")
    server.process.expect(pexpect.EOF)
    server.process.close()
    assert server.process.exitstatus == 1


def test_with_a_password_other_machines_may_come(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("sesame\n")
    server = Server(tmp_path, "--listen=tcp://0.0.0.0:0", f"--password-file={secret}")
    port = int(server.address().rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), GUARD_SECONDS) as plug:
        operator = Operator(plug.fileno())
        operator.expect_exact(b"Password: ")
        for _ in range(2):
            operator.send(b"guess\r")
            operator.expect_exact(b"\r\nUser authorization failure\r\nPassword: ")
        operator.send(b"sesame\r")
        operator.expect(rb"^\r\n\$ ")
        operator.send(b"LOGOUT\r")
        operator.expect(pexpect.EOF)
    with socket.create_connection(("127.0.0.1", port), GUARD_SECONDS) as plug:
        operator = Operator(plug.fileno())
        operator.send(b"a\rb\rc\rsesame\r")
        operator.expect(pexpect.EOF)
        assert operator.before.count(b"User authorization failure") == 3
        assert b"$ " not in operator.before
    assert server.end() == 0


# ---- beside the local terminal


def test_operators_come_while_somebody_sits_at_the_local_terminal(tmp_path: Path) -> None:
    disks = [f"--new={tmp_path}/{name}.img={BLOCKS}" for name in ("one", "two", "three")]
    local = pexpect.spawn(
        sys.executable,
        ["-m", "emu", "console", *disks, "--mechanics", "--listen=tcp://:0"],
        timeout=GUARD_SECONDS,
        env={**os.environ, "TERM": "dumb"},
        cwd=str(Path(__file__).parents[2]),
    )
    local.expect(rb"awaited at tcp://127.0.0.1:(\d+)")
    port = int(local.match[1])
    local.expect(rb"EXIT ends\.")
    with socket.create_connection(("127.0.0.1", port), GUARD_SECONDS) as plug:
        operator = Operator(plug.fileno())
        operator.expect(PROMPT)
        operator.asks("INITIALIZE/SHADOW=($1$DUA10:,$1$DUA11:) PAYROLL")
        operator.asks("MOUNT DSA1:/SHADOW=($1$DUA10:,$1$DUA11:) PAYROLL")
        local.send(b"SHOW DEVICE DSA1:\r")
        local.expect(rb"ShadowSetMember|Mounted")
        local.send(f'BACKUP/PHYSICAL/LOG $1$DUA12: "{tmp_path}/three.bck"\r'.encode())
        local.expect(rb"%BACKUP-I-PROGRESS")
        assert b"DSA1:" in operator.asks("SHOW DEVICE D")  # the local command holds up nobody
        local.sendintr()
        local.expect(rb"%BACKUP-F-ABORT")
        local.send(b"EXIT\r")
        local.expect(pexpect.EOF)
        operator.expect(pexpect.EOF)
    local.close()
    assert local.exitstatus == 0


# ---- a stock simulator


def test_a_pdp_11_under_simh_works_at_our_console_from_its_own(tmp_path: Path) -> None:
    """Its console line listens, and we connect to it: what its program types is our input, and the other way round.

    SIMH 3.8 cannot connect out, so its lines are the ones that listen.  The program types a command, then stores all
    that it reads; memory shows what the PDP-11 has seen.
    """
    command = b"\rSHOW DEVICE D\r\0"
    program = [
            0o012701, 0o002000,  # 1000  MOV #2000,R1
        0o112100,  # 1004  1$: MOVB (R1)+,R0
        0o001406,  # 1006  BEQ 2$
        0o105737, 0o177564,  # 1010  3$: TSTB @#XCSR
        0o100375,  # 1014  BPL 3$
        0o110037, 0o177566,  # 1016  MOVB R0,@#XBUF
        0o000770,  # 1022  BR 1$
        0o012702, 0o003000,  # 1024  2$: MOV #3000,R2
        0o105737, 0o177560,  # 1030  4$: TSTB @#RCSR
        0o100375,  # 1034  BPL 4$
        0o113722, 0o177562,  # 1036  MOVB @#RBUF,(R2)+
        0o000772,  # 1042  BR 4$
    ]  # fmt: skip
    simh = pexpect.spawn(require("pdp11", "simh"), timeout=GUARD_SECONDS, cwd=str(tmp_path))

    def tell(line: str) -> bytes:
        simh.sendline(line.encode())
        simh.expect_exact(b"sim> ")
        return bytes(simh.before)

    simh.expect_exact(b"sim> ")
    deposits = [f"d {0o1000 + 2 * index:o} {word:o}" for index, word in enumerate(program)]
    words = [command[i] | command[i + 1] << 8 for i in range(0, len(command) - 1, 2)]
    deposits += [f"d {0o2000 + 2 * index:o} {word:o}" for index, word in enumerate([*words, 0])]
    (tmp_path / "load").write_text("\n".join(deposits) + "\n")
    tell("do load")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    assert b"Listening on port" in tell(f"set console telnet={port}")
    server = Server(tmp_path, f"--connect=telnet://127.0.0.1:{port}", "--listen=tcp://:0")
    address = server.address()
    simh.sendline(b"run 1000")
    with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])), GUARD_SECONDS) as plug:
        operator = Operator(plug.fileno())
        operator.expect(PROMPT)
        answer = re.compile(rb"\r\n\$ SHOW DEVICE D\r\n.*\$1\$DUA12:", re.DOTALL)
        seen = b""
        for _ in range(50):
            operator.asks("WAIT 0:00:00.05")
            simh.send(b"\x05")
            simh.expect_exact(b"sim> ")
            listing = tell("ex 3000-6000")
            numbers = [int(word, 8) for word in re.findall(rb"\d+:\s+(\d+)", listing)]
            seen = b"".join(bytes((number & 0xFF, number >> 8)) for number in numbers)
            if answer.search(seen):
                break
            simh.sendline(b"cont")
        assert answer.search(seen), seen
    simh.sendline(b"quit")
    simh.expect(pexpect.EOF)
    simh.close()
    assert server.end() == 0
