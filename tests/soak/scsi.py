"""Bad input for SCSI, by the million: command descriptor blocks for units, PDUs for iSCSI sessions.

    python -m tests.soak.scsi --count 1000000

The default tests play some thousands of both.  What is checked: every command gets exactly one answer, its status and
sense are such as there are; nothing is left in a task set; whatever a session is sent, it answers with whole PDUs, or
ends; somebody else's session goes on all the while; what is kept stays bounded.
"""

import argparse
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable
from random import Random

from emu.core.clock import SECOND_NS, Scheduler
from emu.core.trace import Tracer
from emu.front.iscsi.chap import Credentials
from emu.front.iscsi.node import Node
from emu.front.iscsi.session import IMMEDIATE_COMMANDS, WINDOW
from emu.hw.scsi.commands import COMMANDS
from emu.hw.scsi.logical_unit import LogicalUnit
from emu.hw.scsi.profiles import PROFILES
from emu.hw.scsi.target import Target
from emu.media.memory import MemoryDevice
from emu.shells.iscsi import IscsiDevice
from tests.unit.iscsi_initiator import NO_TAG, TARGET, Initiator, u24, u32
from tests.unit.scsi_initiator import AskedTask, Stage

BLOCKS = 300
LIFE = 500  # commands, or PDUs, that one unit or one node sees
STATUSES = {0x00, 0x02, 0x08, 0x18, 0x28, 0x30}
MANAGEMENT = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 200)
RSS_GROWTH_KB = 64 << 10
PROFILE_NAMES = ("DISK", "RZ28M", "RZ23", "RRD42")


# ---- command descriptor blocks


def stage_for(name: str) -> Stage:
    profile = PROFILES[name]
    changes = {} if profile.block_count is None else {"block_count": BLOCKS}
    if name == "DISK":
        changes["removable"] = True
    return Stage(profile, blocks=BLOCKS, **changes)


def random_cdb(dice: Random, opcode: int) -> bytes:
    """Any bytes; more often those that a command of this code evaluates, with numbers that may fit."""
    rows = [row for row in COMMANDS if row.opcode == opcode]
    if not rows or dice.random() < 0.3:
        return bytes((opcode,)) + dice.randbytes(dice.randrange(16))
    row = dice.choice(rows)
    cdb = bytearray(mask & dice.choice((0, 0, 0, 0, 1, 2, 24, dice.randrange(256))) for mask in row.usage)
    cdb[0] = opcode
    if row.action is not None:
        cdb[1] = cdb[1] & ~0x1F | row.action
    cdb[-1] = 4 if dice.random() < 0.01 else 0
    return bytes(cdb)


def random_data(dice: Random) -> bytes:
    kind = dice.randrange(6)
    if kind == 0:
        return b""
    if kind == 1:
        return bytes(512 * dice.randrange(1, 40))
    if kind == 2:  # small numbers in what may be a parameter list
        return bytes(dice.choice((0, 0, 0, 1, 2, 16, 24, 0xE4, 255)) for _ in range(dice.randrange(80)))
    return dice.randbytes(dice.choice((1, 8, 24, 64, 512, 1024)))


def play_cdbs(name: str, count: int, seed: int) -> Counter[int]:
    """Throw `count` commands at units of one type; return how often there was which status."""
    dice = Random(f"{name} {seed}")
    seen: Counter[int] = Counter()
    kind = PROFILES[name].kind
    opcodes = list(range(256)) + [row.opcode for row in COMMANDS for _ in range(6) if row.kinds & kind]
    for begun in range(0, count, LIFE):
        stage = stage_for(name)
        nexuses = [stage.nexus, stage.initiator("two", 2)]
        for _ in range(min(LIFE, count - begun)):
            nexus = dice.choice(nexuses)
            if dice.random() < 0.02:
                stage.target.manage(dice.choice(MANAGEMENT), nexus, dice.randrange(2), dice.randrange(4))
                continue
            attribute = dice.choice((1, 1, 1, 0, 2, 3, 4))
            task = stage.ask(
                random_cdb(dice, dice.choice(opcodes)),
                random_data(dice),
                nexus=nexus,
                attribute=attribute,
                lun=int(dice.random() < 0.02),
            )
            check_answer(task)
            seen[task.status or 0] += 1
        check_unit(stage.unit)
    return seen


def check_answer(task: AskedTask) -> None:
    cdb = task.cdb.hex()
    assert task.status in STATUSES, f"{cdb}: status {task.status}"
    assert (task.status == 0x02) == bool(task.sense), f"{cdb}: sense goes with CHECK CONDITION"
    if task.sense:
        assert task.sense[0] & 0x7F in (0x70, 0x72), f"{cdb}: sense {task.sense.hex()}"


def check_unit(unit: LogicalUnit) -> None:
    assert unit.task_set.count == 0, "a task that has ended is in no task set"
    assert len(unit.nexuses) <= 2
    assert len(unit.grown_defects) <= BLOCKS
    assert len(unit.bad_blocks.marks) <= BLOCKS
    for itl in unit.nexuses.values():
        assert not itl.tasks
        assert len(itl.copies) <= 256
        assert len(itl.unit_attentions) <= 16


# ---- PDUs


class Storm:
    """One node that serves a disk, somebody who behaves, and somebody who does not."""

    def __init__(self, dice: Random) -> None:
        self.dice = dice
        self.clock = Scheduler()
        target = Target(self.clock, Tracer(), TARGET)
        for lun, name in enumerate(("DISK", "RZ28M")):
            stage = stage_for(name)
            unit = LogicalUnit(MemoryDevice(BLOCKS), stage.profile, self.clock, Tracer(), name, f"SN{lun}")
            target.attach(lun, unit)
        self.units = list(target.units.values())
        self.node = Node(self.clock, {TARGET: IscsiDevice(target)}, dice.randbytes, Credentials())
        self.good = self.log_in("iqn.2026-01.test:good")
        self.bad = self.log_in("iqn.2026-01.test:bad")
        self.answers: Counter[int] = Counter()
        self.connections = 0

    def log_in(self, name: str, keys: str = "") -> Initiator:
        initiator = Initiator(self.node.accept("127.0.0.1:3260", "test"))
        answer = initiator.ask(f"InitiatorName={name} TargetName={TARGET} SessionType=Normal {keys}".strip())
        assert answer.half(36) == 0, answer.header.hex()
        initiator.digests = (
            answer.text.get("HeaderDigest") == "CRC32C",
            answer.text.get("DataDigest") == "CRC32C",
        )
        return initiator

    def play(self, count: int) -> None:
        for number in range(count):
            if self.bad.connection.ended:
                self.reconnect()
            self.bad.send(self.nonsense())
            if self.dice.random() < 0.7:  # else it does not read for a while
                self.listen(self.bad)
            self.check()
            if number % 50 == 0:
                self.behave()

    def reconnect(self) -> None:
        """Come again: as one should, or with something else than a login, or with one that never ends."""
        self.connections += 1
        kind = self.dice.randrange(10)
        if kind > 1:
            keys = "HeaderDigest=CRC32C DataDigest=CRC32C" if kind == 2 else ""
            self.bad = self.log_in("iqn.2026-01.test:bad", keys + " InitialR2T=No" * (kind == 3))
            return
        self.bad = Initiator(self.node.accept("127.0.0.1:3260", "test"))
        if kind == 0:
            text = "InitiatorName=iqn.2026-01.test:bad"
            self.bad.send(self.bad.login_pdu(text)[: self.dice.randrange(1, 80)])
            self.clock.run_until(lambda: self.bad.connection.ended, self.clock.now_ns + 20 * SECOND_NS)
            assert self.bad.connection.ended, "a login that never comes to its end is ended"

    def nonsense(self) -> bytes:
        """One PDU, more or less."""
        dice, bad = self.dice, self.bad
        session = bad.connection.session_or_none
        number = session.exp_cmd_sn if session is not None else dice.randrange(4)
        if dice.random() < 0.1:  # in the wrong order
            number += dice.choice((-1, 1, 2, 100, 1 << 30))
        opcode = dice.choice(
            (0x00, 0x40, 0x01, 0x01, 0x01, 0x41, 0x02, 0x42, 0x03, 0x04, 0x05, 0x06, 0x46, 0x10)
        )
        if dice.random() < 0.05:
            opcode = dice.randrange(256)
        flags = dice.choice((0x80, 0x81, 0xC1, 0xA1, 0x21, 0xE1, 0x84, dice.randrange(256)))
        tags = (dice.randrange(6), NO_TAG)
        data = b"" if dice.random() < 0.6 else dice.randbytes(dice.choice((1, 8, 48, 512, 2048)))
        body = (
            random_cdb(dice, dice.randrange(256)).ljust(16, b"\0")[:16]
            if opcode & 0x3F == 1
            else dice.randbytes(16)
        )
        header = (
            bytes((opcode, flags, 0, 0))
            + bytes(4)
            + bytes((0, dice.choice((0, 0, 0, 1, 5)))).ljust(8, b"\0")
            + u32(dice.choice(tags))
            + u32(dice.choice((0, 512, 1024, 8192, NO_TAG, dice.randrange(1 << 32))))
            + u32(number)
            + u32(0)
            + body
        )
        pdu = bytearray(bad.pdu(header, data))
        kind = dice.randrange(60)
        if kind == 0:
            pdu[dice.randrange(len(pdu))] ^= 1 << dice.randrange(8)  # a wrong digest, if there are any
        elif kind == 1:
            pdu[5:8] = u24(dice.choice((1 << 23, 0xFF_FFFF, 262_145)))  # longer than we said
        elif kind == 2:
            pdu[4] = dice.randrange(256)  # additional header segments
        elif kind == 3:
            del pdu[dice.randrange(len(pdu)) :]
        elif kind == 4:
            return dice.randbytes(dice.randrange(200))
        return bytes(pdu)

    def listen(self, initiator: Initiator) -> None:
        for pdu in initiator.receive():
            self.answers[pdu.opcode] += 1
            assert pdu.opcode >= 0x20, f"opcode {pdu.opcode:02x} of an initiator from a target"

    def check(self) -> None:
        """See that what a connection keeps is within what one may keep."""
        assert len(self.node.connections) <= 2
        assert len(self.node.sessions) <= 2
        for connection in self.node.connections:
            session = connection.session_or_none
            if session is not None:
                assert len(session.tasks) <= WINDOW + IMMEDIATE_COMMANDS + 1

    def behave(self) -> None:
        """Do as one should, and be answered as one should."""
        if self.good.connection.ended:  # a target cold reset sends everybody away
            self.good = self.log_in("iqn.2026-01.test:good")
        self.listen(self.good)
        good = self.good
        good.send(good.request_pdu(0x40, itt=3))
        assert [pdu.opcode for pdu in good.receive()] == [0x20], "NOP-Out is answered by NOP-In"
        good.send(good.command_pdu(b"\x12\0\0\0\x24\0", 0xC1, 36, tag=9))
        answers = good.receive()
        if not answers:  # an ORDERED task of the other one waits for data, until it is gone
            self.bad.connection.lost()
            answers = good.receive()
        answer = answers[-1]
        assert (answer.itt, answer.header[3]) in ((9, 0), (9, 0x28), (9, 0x08), (9, 0x30)), (
            answer.header.hex()
        )
        self.clock.run_for(SECOND_NS // 1000)

    def close(self) -> None:
        for initiator in (self.good, self.bad):
            if not initiator.connection.ended:
                initiator.connection.lost()
        assert self.node.connections == []
        assert self.node.sessions == {}
        assert all(unit.task_set.count == 0 for unit in self.units), "no task stays behind"


def play_pdus(count: int, seed: int) -> Counter[int]:
    """Throw `count` PDUs at nodes; return how often which opcode was answered."""
    seen: Counter[int] = Counter()
    for begun in range(0, count, LIFE):
        storm = Storm(Random(f"{seed} {begun}"))
        storm.play(min(LIFE, count - begun))
        storm.close()
        seen += storm.answers
    return seen


# ---- by the million


def soak(what: str, count: int, play: Callable[[int, int], Counter[int]]) -> None:
    """Play in tenths, and see that the process grows no more after the first."""
    started = time.perf_counter()
    seen: Counter[int] = Counter()
    after_first = 0
    share = max(1, count // 10)
    for tenth in range(10):
        seen += play(share, tenth)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        after_first = after_first or peak
        assert peak - after_first < RSS_GROWTH_KB, f"{what}: {peak} KB and growing"
    seconds = time.perf_counter() - started
    told = ", ".join(f"{code:02X}: {number}" for code, number in sorted(seen.items()))
    grown = peak - after_first
    print(
        f"{what}: {10 * share} in {seconds:.0f} s, {10 * share / seconds:.0f} a second, +{grown} KB; {told}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--count", type=int, default=1_000_000, help="of CDBs for each type of device, and of PDUs"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=(*PROFILE_NAMES, "pdus"))
    arguments = parser.parse_args()
    for name in PROFILE_NAMES:
        if arguments.only in (None, name):
            soak(
                name,
                arguments.count,
                lambda share, n, name=name: play_cdbs(name, share, 100 * arguments.seed + n),
            )
    if arguments.only in (None, "pdus"):
        soak("PDUs", arguments.count, lambda share, n: play_pdus(share, 100 * arguments.seed + n))
    return 0


if __name__ == "__main__":
    sys.exit(main())
