"""`hbvs serve` as a process, with hosts made of literal numbers at its sockets."""

import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from tests.dumb_host import DATA, RingHost, longwords, status
from tests.interop.serving import ROOT, Serving, WallTime, WireMachine, dial
from tests.link_host import LinkHost

BLOCKS = 2400


class Host(RingHost):
    """A dumb host at a socket."""

    def __init__(self, url: str) -> None:
        self.socket = dial(url)
        self.link = LinkHost(WireMachine(self.socket), WallTime())
        super().__init__(self.link, self.link.ram, self.link, 3)
        self.link.connect()

    def run(self, nanoseconds: int = 0) -> None:
        self.link.pump()

    def until_sa(self, wanted: int) -> None:
        for _ in range(2000):
            if self.sa() == wanted:
                return
            self.run()
        raise AssertionError(f"SA shows {self.sa():o}, not {wanted:o}")

    def start(self, last_fail: bool = False, ring_base: int = 0x1008) -> None:
        self.port.write_register(0, 0, 2)
        self.until_sa(0x0B40)
        for word, shows in ((0x9B9B, 0x109B), (0x1008, 0x209B), (0, 0x4133)):
            self.port.write_register(2, word, 2)
            self.until_sa(shows)
        self.port.write_register(2, 1, 2)
        self.command_next = self.response_next = 0
        self.credits = 1
        for index in range(self.count):
            self.arm(index)

    def answer(self) -> bytes | None:
        for _ in range(2000):
            packet = self.take()
            if packet is not None:
                return packet
            self.run()
        return None

    def ready(self) -> "Host":
        self.start()
        self.scc()
        assert status(self.online()) == 0
        return self

    def close(self) -> None:
        self.socket.close()


def image(folder: Path, name: str = "a.dsk") -> Path:
    path = folder / name
    path.write_bytes(bytes(BLOCKS * 512))
    return path


def arguments(path: Path, *more: str, bus: str = "tcp://127.0.0.1:0") -> list[str]:
    return ["--bus", bus, "--controller", "rqdx3", "--unit", f"DUA0={path},drive=RX33", *more]


@pytest.mark.parametrize("bus", ["tcp", "unix"])
def test_what_a_host_writes_over_a_socket_is_in_the_image(tmp_path: Path, bus: str) -> None:
    path = image(tmp_path)
    url = "tcp://127.0.0.1:0" if bus == "tcp" else f"unix://{tmp_path}/bus"
    with Serving(*arguments(path, bus=url)) as serving:
        host = Host(serving.buses[0]).ready()
        host.ram.write(DATA, b"over the link" * 10)
        assert status(host.write(5, 130)) == 0
        assert path.read_bytes()[5 * 512 : 5 * 512 + 13] == b"over the link"
        host.close()
        serving.expect("%HBVS-I-GONE")
        assert serving.stop() == 0


def test_serve_says_who_comes_and_who_goes_and_ends_on_sigterm(tmp_path: Path) -> None:
    with Serving(*arguments(image(tmp_path))) as serving:
        host = Host(serving.buses[0])
        assert "test host is connected to PUA RQDX3" in serving.expect("%HBVS-I-HOST")
        assert serving.stop() == 0
        assert host.link.goodbye is None
        host.run()
        assert host.link.goodbye == "the controller is being switched off"
        assert "%HBVS-I-END, the controllers stop" in serving.lines
        host.close()


def test_sixty_hosts_that_vanish_in_mid_command_leave_serve_as_it_was(tmp_path: Path) -> None:
    path = image(tmp_path)
    chance = Random(3)
    with Serving(*arguments(path)) as serving:
        acknowledged: dict[int, bytes] = {}
        for turn in range(60):
            host = Host(serving.buses[0])
            serving.expect("%HBVS-I-HOST")  # of one that nobody has heard, nobody says that it has gone
            if turn % 4 == 0:
                host.ready()
                data = bytes([turn + 1]) * 512
                host.ram.write(DATA, data)
                if status(host.write(turn, 512)) == 0:
                    acknowledged[turn] = data
                host.send(0x22, parameters=longwords(512, DATA, 0, 0, 1000 + turn))
            elif turn % 4 == 1:
                host.socket.sendall(bytes(chance.randrange(256) for _ in range(chance.randrange(1, 80))))
            elif turn % 4 == 2:
                host.port.write_register(0, 0, 2)
            host.close()
            serving.expect("%HBVS-I-GONE")
        assert serving.alive
        content = path.read_bytes()
        for lbn, data in acknowledged.items():
            assert content[lbn * 512 : lbn * 512 + 512] == data
        Host(serving.buses[0]).ready().close()


def test_two_controllers_serve_two_hosts_at_once(tmp_path: Path) -> None:
    first, second = image(tmp_path), image(tmp_path, "b.dsk")
    more = ["--bus", "tcp://127.0.0.1:0", "--controller", "rqdx3", "--unit", f"DUB0={second},drive=RX33"]
    with Serving(*arguments(first), *more) as serving:
        hosts = [Host(url).ready() for url in serving.buses]
        for number, host in enumerate(hosts):
            host.ram.write(DATA, bytes([0x41 + number]) * 512)
            assert status(host.write(0, 512)) == 0
        assert first.read_bytes()[:1] == b"A"
        assert second.read_bytes()[:1] == b"B"
        for host in hosts:
            host.close()


def test_a_second_host_at_one_bus_is_told_that_it_is_busy(tmp_path: Path) -> None:
    with Serving(*arguments(image(tmp_path))) as serving:
        first = Host(serving.buses[0]).ready()
        second = Host(serving.buses[0])
        assert second.link.goodbye == "PUA RQDX3 is busy with test host"
        assert status(first.read(0, 512)) == 0
        first.close()
        second.close()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--bus", "http://x"], "http://x is no address"),
        (["--bus", "tcp://127.0.0.1:0", "--controller", "xyz9"], "xyz9"),
        (["--bus", "tcp://127.0.0.1:0", "--unit", "DUA0"], "a unit is written DUA0=PATH"),
        (["--bus", "tcp://127.0.0.1:0", "--unit", "DKA100=x"], "disks on a SCSI bus are for the console"),
        (["--bus", "tcp://127.0.0.1:0", "--unit", "DUB0=none,drive=RA92"], "there are 1 controllers"),
        (["--bus", "tcp://127.0.0.1:0", "--unit", "DUA0=none"], "an empty drive needs drive="),
        (["--bus", "tcp://127.0.0.1:0", "--unit", "DUA0=/nowhere/x.dsk"], "/nowhere/x.dsk"),
        (["--bus", "tcp://127.0.0.1:0", "--unit", "DUA0=none,color=red"], "neither drive=NAME nor ro"),
        (["--bus", "tcp://127.0.0.1:0", "--console", "x=tcp://:0"], "wanted hbvs=URL"),
        (["--bus", "tcp://127.0.0.1:0", "--console", "hbvs=tcp://0.0.0.0:0"], "needs a password"),
        (["--bus", "tcp://127.0.0.1:0", "--console", "dcl=tcp://:0"], "only a mirror set brings one"),
        (["--bus", "tcp://127.0.0.1:0", "--bus", "tcp://127.0.0.1:0", "--controller", "kda50"], "each bus has one"),
        (["--frozen", "--bus", "tcp://127.0.0.1:0", "--bus", "tcp://127.0.0.1:0"], "one emulator makes the time"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_told_in_one_line(words: list[str], message: str) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "emu", "serve", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert run.returncode == 1
    assert run.stderr.startswith("%HBVS-F-SETUP, ")
    assert run.stderr.count("\n") == 1
    assert message in run.stderr
