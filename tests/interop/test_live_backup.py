"""A guest's disk is backed up while the guest writes to it: SIMH, the bus link, a mirror set, an operator's console."""

import socket
from pathlib import Path

from tests.interop.serving import PATIENCE_S, Serving, dial
from tests.interop.simh import Mscp11, Simulator
from tests.interop.test_bus_link import BLOCKS, FIRST, SPAN, assert_one_moment, blank, stamps, writer

ROUNDS = 100
PROMPT = b"HBVS> "


class Operator:
    """Somebody at a console."""

    def __init__(self, url: str) -> None:
        self.socket: socket.socket = dial(url)
        self.socket.settimeout(PATIENCE_S)
        self._until_prompt()

    def type(self, line: str) -> str:
        self.socket.sendall(line.encode() + b"\r")
        return self._until_prompt()

    def _until_prompt(self) -> str:
        said = b""
        while not said.endswith(PROMPT):
            data = self.socket.recv(65536)
            assert data, said
            said += data
        return said.decode("latin-1").replace("\r", "")

    def wait_until_normal(self) -> None:
        for _ in range(1000):
            said = self.type("SHOW M1")
            if said.count("is NORMAL") == 2:
                return
        raise AssertionError(said)


def mirrored(tmp_path: Path, *more: str) -> list[str]:
    unit = f"DUA0=shadow({tmp_path}/a.dsk,{tmp_path}/b.dsk),drive=RX33"
    consoles = ["--console", "hsz=tcp://127.0.0.1:0"]
    return ["--bus", "tcp://127.0.0.1:0", "--controller", "rqdx3", "--unit", unit, *consoles, *more]


def test_members_leave_are_backed_up_and_return_while_the_guest_writes(
    simh_with_xrq: Path, tmp_path: Path
) -> None:
    for name in ("a.dsk", "b.dsk"):
        blank(tmp_path / name)
    with Serving(*mirrored(tmp_path, "--create")) as serving:
        operator = Operator(serving.consoles[0])
        operator.wait_until_normal()
        simulator, guest = writer(simh_with_xrq, serving)
        with simulator:
            for turn in range(ROUNDS):
                disk = ("DISK10000", "DISK10100")[turn % 2]
                before = guest.look()["ACKED"]
                assert "rror" not in operator.type(f"REDUCE {disk}")
                backup = tmp_path / "backup.dsk"
                assert "100%" in operator.type(f"BACKUP {disk} TO {backup}")
                assert "rror" not in operator.type(f"SET M1 REPLACE={disk}")
                operator.wait_until_normal()
                assert_one_moment(stamps(backup, FIRST, BLOCKS, SPAN), before)
                backup.unlink()
            simulator.stop()
            results = guest.results()
            assert (
                results["ACKED"] > ROUNDS // 4
            )  # it did write meanwhile, however little the machine left it
            assert (results["ERRORS"], results["REINITS"], results["ONLINES"]) == (0, 0, 0)
        operator.socket.close()
        assert serving.stop() == 0
    first, second = ((tmp_path / name).read_bytes() for name in ("a.dsk", "b.dsk"))
    assert first == second
    assert_one_moment(stamps(tmp_path / "a.dsk", FIRST, BLOCKS, SPAN), results["ACKED"])


def test_a_set_that_was_closed_opens_again_without_a_copy_and_the_guest_goes_on(
    simh_with_xrq: Path, tmp_path: Path
) -> None:
    for name in ("a.dsk", "b.dsk"):
        blank(tmp_path / name)
    with Serving(*mirrored(tmp_path, "--create")) as serving:
        operator = Operator(serving.consoles[0])
        operator.wait_until_normal()
        operator.socket.close()
        check(simh_with_xrq, serving)
        assert serving.stop() == 0
    with Serving(*mirrored(tmp_path)) as serving:
        operator = Operator(serving.consoles[0])
        assert operator.type("SHOW M1").count("is NORMAL") == 2
        operator.socket.close()
        check(simh_with_xrq, serving)
        assert serving.stop() == 0


def check(directory: Path, serving: Serving) -> None:
    """Have the guest make all its checks on the mirror set."""
    machine = ["set cpu 11/73", "set cpu 256k", "set rq disabled", "set xrq enabled"]
    with Simulator(directory / "pdp11", [*machine, f"attach xrq {serving.buses[0]}"]) as simulator:
        Mscp11(simulator, MODE=0).start()
        simulator.wait_for_halt(timeout_s=PATIENCE_S)
        assert "ALL 35 CHECKS PASSED" in simulator.transcript, simulator.transcript
