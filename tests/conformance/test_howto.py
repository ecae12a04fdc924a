"""The adapter of docs/howto/conformance-target.md, run as it stands there, at a monitor that is a program."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from emu.conform.clauses import all_clauses
from emu.conform.suite import Outcome, run_suite
from emu.conform.target import Target
from emu.shells.conform_emulation import EmulationTarget

HOWTO = Path(__file__).resolve().parents[2] / "docs" / "howto" / "conformance-target.md"
CSR = 0o17772150


class Monitor:
    """A monitor at a line: E shows a word, D deposits one; the board behind it is one of ours."""

    def __init__(self) -> None:
        self.board = EmulationTarget("rqdx3")
        self.answer = b""

    def write(self, line: bytes) -> None:
        verb, address, *value = line.decode().split()
        place, word = int(address, 8), int(value[0], 8) if value else 0
        self.board.wait(lambda: False, 0.0002)  # a line is slow, the board goes on meanwhile
        if verb == "E":
            if place >= CSR:
                word = self.board.read_register(place - CSR)
            else:
                word = int.from_bytes(self.board.read_memory(place, 2), "little")
            self.answer = f"{word:06o}\r\n@".encode()
            return
        if place >= CSR:
            self.board.write_register(place - CSR, word)
        else:
            self.board.write_memory(place, word.to_bytes(2, "little"))
        self.answer = b"\r\n@"

    def read_until(self, end: bytes) -> bytes:
        assert self.answer.endswith(end)
        return self.answer

    def close(self) -> None:
        return None


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Target:
    """What the howto's target() makes, with a monitor for a serial line."""
    code = re.search(r"```python\n(import serial.*?)```", HOWTO.read_text(), re.DOTALL)
    assert code is not None, "the howto has an adapter"
    assert len([line for line in code[1].splitlines() if line.strip()]) <= 20
    monitor = Monitor()
    monkeypatch.setattr("serial.serial_for_url", lambda *_, **__: monitor)
    names: dict[str, Callable[[], Target]] = {}
    exec(code[1], names)
    target = names["target"]()

    def renew() -> None:
        monitor.board.renew()

    monkeypatch.setattr(target, "renew", renew)
    return target


def test_the_adapter_of_the_howto_judges_a_board(board: Target) -> None:
    chosen = ("wrap", "header", "purge_poll", "polling", "set_controller_characteristics")
    clauses = [clause for clause in all_clauses() if clause.chapter in chosen]
    results = [*run_suite(board, clauses, dataloss=True)]
    bad = [(result.clause.name, result.reason) for result in results if result.outcome is Outcome.FAILED]
    assert not bad
    assert sum(result.outcome is Outcome.PASSED for result in results) > 30


def test_bytes_at_odd_addresses_leave_their_neighbours_alone(board: Target) -> None:
    board.write_memory(0x4000, bytes(range(8)))
    board.write_memory(0x4003, b"\xff")
    board.write_memory(0x4005, b"\xee\xdd")
    assert board.read_memory(0x4000, 8) == bytes([0, 1, 2, 0xFF, 4, 0xEE, 0xDD, 7])
    assert board.read_memory(0x4003, 3) == bytes([0xFF, 4, 0xEE])
