"""`hbvs serve` killed with SIGKILL at random moments: what an initiator was told is written is there afterwards.

An initiator keeps writes and reads under way on a mirror set, an operator takes a member out and brings it back by
minicopy, and the process dies.  The page cache of the host does not, as it survives a process.  HBVS_ROUNDS sets how
often; the default is a handful.
"""

import os
import socket
from pathlib import Path
from random import Random

from emu.core.block import BLOCK_BYTES
from emu.sim.ledger import Ledger, stamp
from tests.interop.serving import Serving, WireMachine
from tests.interop.test_live_backup import Operator
from tests.unit.iscsi_initiator import Initiator

ROUNDS = int(os.environ.get("HBVS_ROUNDS", "6"))
BLOCKS = 4096
DEPTH = 6
LARGEST = 100
NAME = "iqn.2026-01.test:disk"


class Client:
    """An initiator that keeps requests under way and writes down in a ledger what it was told."""

    def __init__(self, url: str, ledger: Ledger, stream: Random) -> None:
        host, _, port = url.removeprefix("tcp://").rpartition(":")
        self._wire = WireMachine(socket.create_connection((host, int(port)), 20))
        self._initiator = Initiator(self._wire)  # type: ignore[arg-type]
        self._initiator.send(
            self._initiator.login_pdu(
                f"InitiatorName=iqn.2026-01.test:writer TargetName={NAME} InitialR2T=No"
            )
        )
        self._ledger = ledger
        self._stream = stream
        self._tag = 100
        self._writes: dict[int, tuple[int, range]] = {}
        self._reads: dict[int, tuple[range, list[int], bytearray]] = {}
        self.acknowledged = 0
        while not self._answers():
            pass

    def _answers(self) -> bool:
        """Take what has come; True when something has."""
        found = self._initiator.receive()
        for pdu in found:
            if pdu.opcode == 0x25:
                _, _, data = self._reads[pdu.itt]
                data[pdu.word(40) : pdu.word(40) + len(pdu.data)] = pdu.data
            if pdu.opcode == 0x21 or (pdu.opcode == 0x25 and pdu.flags & 1):
                self._ended(pdu.itt, pdu.header[3])
        return bool(found)

    def _ended(self, tag: int, status: int) -> None:
        if tag in self._writes:
            number, lbns = self._writes.pop(tag)
            if status == 0:
                self._ledger.acknowledged(number, lbns)
                self.acknowledged += 1
            else:
                self._ledger.forget(lbns)  # a unit attention, at first
        elif tag in self._reads:
            lbns, promised, data = self._reads.pop(tag)
            if status == 0:
                fault = self._ledger.fault_in(data, lbns, promised)
                assert not fault, fault

    def go_on(self) -> None:
        """Fill up what is under way, and take what comes within a moment."""
        pdus = []
        while len(self._writes) + len(self._reads) < DEPTH:
            first = self._stream.randrange(BLOCKS)
            lbns = range(first, min(BLOCKS, first + self._stream.randint(1, LARGEST)))
            self._tag += 1
            if self._stream.random() < 0.3:
                size = len(lbns) * BLOCK_BYTES
                self._reads[self._tag] = (lbns, self._ledger.promised(lbns), bytearray(size))
                pdus.append(self._initiator.read_pdu(lbns.start, len(lbns), self._tag))
            elif self._ledger.may_write(lbns):
                number = self._ledger.begin(lbns)
                self._writes[self._tag] = (number, lbns)
                data = b"".join(stamp(number, lbn) for lbn in lbns)
                pdus.append(self._initiator.write_pdu(lbns.start, len(lbns), data, self._tag))
        self._initiator.send(b"".join(pdus))
        self._answers()

    def read_all(self) -> None:
        """Check every block that was ever written."""
        for lbns, promised in self._ledger.extents():
            for start in range(lbns.start, lbns.stop, LARGEST):
                part = range(start, min(lbns.stop, start + LARGEST))
                self._tag += 1
                values = promised[start - lbns.start :][: len(part)]
                self._reads[self._tag] = (part, values, bytearray(len(part) * BLOCK_BYTES))
                self._initiator.send(self._initiator.read_pdu(part.start, len(part), self._tag))
                while self._reads:
                    self._answers()

    def lost(self) -> None:
        """The target is gone, and what was under way may have come anywhere."""
        for _, lbns in self._writes.values():
            self._ledger.forget(lbns)
        self._wire.lost()


def test_nothing_that_was_acknowledged_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    images = [tmp_path / name for name in ("a.dsk", "b.dsk")]
    for image in images:
        with image.open("wb") as file:
            file.truncate(BLOCKS * BLOCK_BYTES)
    stream = Random(ROUNDS)
    ledger = Ledger()
    unit = f"DUA0=shadow({images[0]},{images[1]})"
    words = ["--bus", f"unix://{tmp_path}/bus", "--unit", unit, "--console", "hsz=tcp://127.0.0.1:0"]
    words += ["--iscsi", "tcp://127.0.0.1:0", "--iscsi-name", NAME, "--lun", "M1"]
    acknowledged = 0
    for turn in range(ROUNDS):
        with Serving(*words, *(["--create"] if not turn else [])) as serving:
            url = serving.expect("initiators of").split()[-1]
            client = Client(url, ledger, stream)
            client.read_all()
            operator = Operator(serving.consoles[0])
            disk = stream.choice(["DISK10000", "DISK10100"])
            for command in (f"REDUCE {disk}", f"SET M1 REPLACE={disk}"):
                for _ in range(stream.randrange(40)):
                    client.go_on()
                if stream.random() < 0.8:  # what cannot be done now is refused
                    operator.socket.sendall(command.encode() + b"\r")
            for _ in range(stream.randrange(60)):
                client.go_on()
            serving.process.kill()
            client.lost()
            operator.socket.close()
            acknowledged += client.acknowledged
    assert acknowledged > 20 * ROUNDS
    with Serving(*words) as serving:
        client = Client(serving.expect("initiators of").split()[-1], ledger, stream)
        client.read_all()
        operator = Operator(serving.consoles[0])
        operator.wait_until_normal()
        client.read_all()
        client.lost()
        operator.socket.close()
        assert serving.stop() == 0
    first, second = (image.read_bytes() for image in images)
    assert first == second
    for lbns, promised in ledger.extents():
        fault = ledger.fault_in(first[lbns.start * BLOCK_BYTES : lbns.stop * BLOCK_BYTES], lbns, promised)
        assert not fault, fault
