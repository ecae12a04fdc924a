"""READ and WRITE of 64 blocks that fail at each position, in each way: do count, status, flags and log agree?

Numbers are the spec's: byte-count rule on error, status words, error log messages.
"""

from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.core.block import BlockRequest, MediumError
from emu.media.faulty import BadBlocks, FaultyDevice, Hold
from emu.media.memory import MemoryDevice
from tests.dumb_host import (
    MEMORY_BYTES,
    DumbHost,
    SparseBlocks,
    byte_count,
    extent,
    longword,
    longwords,
    make_controller,
    started,
    status,
    word,
)

FIRST, COUNT = 100, 64
TOTAL = COUNT * 512
BUFFER = 0x20000
READ, WRITE = 0x21, 0x22
THIS, ERLOG, BBLKR = 0x10, 0x20, 0x80
MAPPED, TABLE, PFN = 0x80000000, 0x8000, BUFFER // 512


def pattern(of: int) -> bytes:
    """The bytes of 64 blocks, every block its own."""
    return b"".join(bytes([block, of]) * 256 for block in range(COUNT))


class Bench:
    """A host with a disk in memory as its unit 0, before which a rule may stand."""

    def __init__(self, firmware: str, *rules: object) -> None:
        controller = make_controller(firmware)
        small = firmware == "rqdx3"
        drive = controller.firmware.drives["RX33" if small else "RA81"]
        self.disk = MemoryDevice(2400)
        medium = FaultyDevice(self.disk, rules)  # type: ignore[arg-type]
        controller.attach_unit(0, medium if small else Padded(medium, drive.block_count), drive)
        self.host = DumbHost(controller, log2=5)
        self.host.start()
        self.host.scc(THIS)
        assert status(self.host.online()) == 0
        self.disk.content[FIRST * 512 : FIRST * 512 + TOTAL] = pattern(0xDD)
        self.host.ram.write(BUFFER, pattern(0xAA))

    def on_disk(self) -> bytes:
        return bytes(self.disk.content[FIRST * 512 : FIRST * 512 + TOTAL])

    def in_memory(self, address: int = BUFFER) -> bytes:
        return bytes(self.host.ram.read(address, TOTAL))

    def messages(self) -> tuple[list[bytes], list[bytes]]:
        """Take what has come: the texts of logs, and of end messages."""
        packets = self.host.responses()
        kinds = [packet[2] >> 4 for packet in packets]
        assert kinds == sorted(kinds, reverse=True), "a log comes before the end message that speaks of it"
        return [p[4:] for p in packets if p[2] >> 4], [p[4:] for p in packets if not p[2] >> 4]

    def fail(self, opcode: int, parameters: bytes) -> tuple[bytes, bytes]:
        """Send a command that fails; return its one log and its end message."""
        self.host.send(opcode, parameters=parameters)
        (log,), (end,) = self.messages()
        assert (longword(log, 0), longword(end, 0)) == (self.host.crf, self.host.crf)
        assert (end[8], word(log, 6), word(end, 6)) == (opcode | 0x80, 1, 1)
        assert log[9] & 0xC0 == 0, "neither successful nor continuing"
        assert word(log, 10) == status(end), "event and status are one word"
        return log, end


class Padded(SparseBlocks):
    """A small disk as the beginning of a large blank one."""

    def __init__(self, inner: FaultyDevice, block_count: int) -> None:
        super().__init__(block_count)
        self.submit = inner.submit  # type: ignore[method-assign]


def moved(opcode: int, done: int) -> tuple[bytes, bytes]:
    """What disk and memory hold when `done` bytes have moved."""
    on_disk, in_memory = pattern(0xDD), pattern(0xAA)
    if opcode == READ:
        return on_disk, on_disk[:done] + in_memory[done:]
    return in_memory[:done] + on_disk[done:], in_memory


@pytest.mark.parametrize("position", range(COUNT))
@pytest.mark.parametrize("opcode", [READ, WRITE])
@pytest.mark.parametrize("firmware", ["rqdx3", "kda50-replace"])
def test_one_bad_block(firmware: str, opcode: int, position: int) -> None:
    bench, guilty = Bench(firmware, BadBlocks([FIRST + position])), FIRST + position
    log, end = bench.fail(opcode, extent(FIRST, TOTAL, BUFFER))
    wanted = 0x00E8 if opcode == READ else 0x000B
    assert (status(end), byte_count(end)) == (wanted, 512 * position)
    if firmware == "rqdx3":
        assert end[9] == ERLOG
        assert (log[8], word(log, 34), log[43]) == (4, guilty // 30, guilty % 15)
    else:
        assert (end[9], longword(end, 28)) == (ERLOG | BBLKR, guilty)
        assert (log[8], longword(log, 40)) == (2 if opcode == READ else 3, guilty)
    assert (bench.on_disk(), bench.in_memory()) == moved(opcode, 512 * position)


@pytest.mark.parametrize("position", range(COUNT))
@pytest.mark.parametrize("opcode", [READ, WRITE])
def test_memory_that_ends(opcode: int, position: int) -> None:
    bench = Bench("rqdx3")
    reached = 512 * position + 100
    start = MEMORY_BYTES - reached
    bench.host.ram.write(start, pattern(0xAA)[:reached])
    log, end = bench.fail(opcode, extent(FIRST, TOTAL, start))
    # What a disk cannot write whole it does not write; a READ's last bytes are where they belong.
    done = reached if opcode == READ else 512 * position
    assert (status(end), byte_count(end), end[9]) == (0x0069, done, ERLOG)
    assert (log[8], longword(log, 24)) == (1, MEMORY_BYTES)
    on_disk, in_memory = moved(opcode, done)
    assert bench.on_disk() == on_disk
    assert bytes(bench.host.ram.read(start, reached)) == in_memory[:reached]


@pytest.mark.parametrize("position", range(COUNT))
@pytest.mark.parametrize("opcode", [READ, WRITE])
def test_a_page_table_with_one_invalid_entry(opcode: int, position: int) -> None:
    bench = Bench("rqdx3")
    entries = [0x80000000 | PFN + page for page in range(COUNT)]
    entries[position] &= 0x7FFFFFFF
    bench.host.ram.write(TABLE, longwords(*entries))
    log, end = bench.fail(opcode, extent(FIRST, TOTAL, MAPPED, TABLE))
    assert (status(end), byte_count(end), end[9]) == (0x00A9, 512 * position, ERLOG)
    assert (log[8], longword(log, 24)) == (1, BUFFER + 512 * position)
    assert (bench.on_disk(), bench.in_memory()) == moved(opcode, 512 * position)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([READ, WRITE]), st.integers(0, 63), st.integers(1, TOTAL // 2 - 1))
def test_of_two_failures_the_first_is_told_and_the_other_never_happened(
    opcode: int, position: int, words_reached: int
) -> None:
    reached = 2 * words_reached
    bench = Bench("rqdx3", BadBlocks([FIRST + position]))
    start = MEMORY_BYTES - reached
    log, end = bench.fail(opcode, extent(FIRST, TOTAL, start))
    whole_blocks = reached // 512 if opcode == WRITE else -(-reached // 512)
    if position < whole_blocks:
        assert (log[8], byte_count(end)) == (4, 512 * position)
    else:
        assert (log[8], status(end)) == (1, 0x0069)
        assert byte_count(end) == (reached if opcode == READ else 512 * whole_blocks)


# ---- ABORT at each step

STEPS = COUNT + 1  # while the medium has the whole, and while it has each block of the second attempt


def bench_at_step(step: int) -> tuple[Bench, Hold]:
    """Make a bench whose medium fails the whole, and stops at one of the blocks that are then asked for."""
    asked = count()
    hold = Hold(lambda request: next(asked) == step)

    class WholeFails:
        """Fails what is longer than a block."""

        def on_request(self, request: BlockRequest) -> MediumError | None:
            return MediumError("too long") if request.byte_count > 512 else None

    return Bench("rqdx3", hold, WholeFails()), hold


@pytest.mark.parametrize("step", range(STEPS))
@pytest.mark.parametrize("opcode", [READ, WRITE])
def test_abort_at_each_step_of_a_transfer_that_is_done_block_by_block(opcode: int, step: int) -> None:
    bench, hold = bench_at_step(step)
    reference = bench.host.send(opcode, parameters=extent(FIRST, TOTAL, BUFFER))
    assert bench.messages() == ([], [])
    abort = bench.host.send(0x01, parameters=longwords(reference))
    logs, (end, abort_end) = bench.messages()
    assert logs == [], "nothing has failed for good"
    assert (longword(end, 0), end[8], status(end)) == (reference, opcode | 0x80, 0x0002)
    assert (byte_count(end), end[9], word(end, 6)) == (0, 0, 0)
    assert (longword(abort_end, 0), status(abort_end), longword(abort_end, 12)) == (abort, 0, reference)
    before = bench.on_disk(), bench.in_memory()
    assert before == moved(opcode, 512 * max(step - 1, 0)), "blocks that have moved stay moved"
    hold.release()
    assert (bench.on_disk(), bench.in_memory()) == before
    assert bench.messages() == ([], [])


@pytest.mark.parametrize("opcode", [READ, WRITE, 0x10, 0x12, 0x20])
def test_abort_of_what_waits_behind_a_sequential_command(opcode: int) -> None:
    host, hold = started(log2=5), Hold()
    unit = host.controller.units[0]
    assert unit.medium is not None
    unit.medium = FaultyDevice(unit.medium, [hold])
    host.send(READ, parameters=extent(0, 512))
    host.send(0x13, parameters=extent(0, 0))
    reference = host.send(opcode, parameters=extent(FIRST, TOTAL, BUFFER))
    host.send(0x01, parameters=longwords(reference))
    end, _ = (packet[4:] for packet in host.responses())
    assert (longword(end, 0), status(end), byte_count(end), end[9]) == (reference, 2, 0, 0)
    hold.holding = False
    hold.release()
    assert [packet[12] for packet in host.responses()] == [0xA1, 0x93]
