"""The host of the suite: small, dumb, no driver.  It knows registers, rings and envelopes, and no more.

Where things stand in memory (bus addresses):

    2000  scratchpad, communications area; the rings' base is 2010
    3000  packets, 128 bytes each: responses first, then commands
    B000  page tables
    10000 data
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from emu.conform.clause import Violation, expect, require
from emu.conform.exchange import Exchange
from emu.conform.numbers import longwords, number, words
from emu.conform.target import Facts, Operator, Target

IP, SA = 0, 2
OWN, FLAG = 0x80000000, 0x40000000
RING_BASE = 0x2010
PACKETS = 0x3000
PACKET_BYTES = 128
PAGE_TABLE = 0xB000
DATA = 0x10000
VECTOR = 0x6C  # 154 octal, customary on PDP-11s
STEP_SECONDS = 10.0  # what hosts grant a step (UQSSP, time limits)
ANSWER_SECONDS = 10.0
QUIET_SECONDS = 0.05  # long enough for an answer that should not come


@dataclass(frozen=True, slots=True)
class Message:
    """A message from the controller; offsets count from the text."""

    envelope: bytes
    text: bytes

    @property
    def length(self) -> int:
        return number(self.envelope, 0, 2)

    @property
    def credits(self) -> int:
        return self.envelope[2] & 0x0F

    @property
    def type(self) -> int:
        return self.envelope[2] >> 4

    @property
    def connection(self) -> int:
        return self.envelope[3]

    @property
    def crn(self) -> int:
        return self.u32(0)

    @property
    def unit(self) -> int:
        return self.u16(4)

    @property
    def endcode(self) -> int:
        return self.u8(8)

    @property
    def flags(self) -> int:
        return self.u8(9)

    @property
    def status(self) -> int:
        return self.u16(10)

    @property
    def byte_count(self) -> int:
        return self.u32(12)

    @property
    def is_attention(self) -> bool:
        return self.type == 0 and self.connection == 0 and self.endcode & 0xC0 == 0x40

    @property
    def is_datagram(self) -> bool:
        return self.type == 1

    def u8(self, offset: int) -> int:
        return number(self.text, offset, 1)

    def u16(self, offset: int) -> int:
        return number(self.text, offset, 2)

    def u32(self, offset: int) -> int:
        return number(self.text, offset, 4)

    def u64(self, offset: int) -> int:
        return number(self.text, offset, 8)


class Host:
    """One host at one target.

    steps: what SA showed at each step of the last initialisation.  received: every message since then, in order.
    commands, responses: how many descriptors the rings have.
    """

    def __init__(self, target: Target, exchange: Exchange | None = None, name: str = "") -> None:
        self.target = target
        self.exchange = exchange or Exchange()
        self.steps: list[int] = []
        self.received: list[Message] = []
        self.ring_base = RING_BASE
        self.commands = self.responses = 8
        self.arming = True
        self._name = name
        self._ends: list[Message] = []
        self._crn = 0
        self._command_next = self._response_next = 0
        self._sa_shown: int | None = None

    @property
    def facts(self) -> Facts:
        return self.target.facts

    @property
    def operator(self) -> Operator:
        require(self.target.operator, "an operator")
        assert self.target.operator is not None, "require has seen to it"
        return self.target.operator

    def second_host(self) -> "Host":
        """Another host at the same controller."""
        return Host(self.operator.second_host(), self.exchange, "second host: ")

    def second_path(self) -> "Host":
        """The same host, at another controller that reaches the scratch unit."""
        return Host(self.operator.second_path(), self.exchange, "second controller: ")

    # ---- registers

    def read_sa(self) -> int:
        word = self.target.read_register(SA)
        if word != self._sa_shown:
            self._note(f"SA reads {word:04X}")
            self._sa_shown = word
        return word

    def write_sa(self, word: int) -> None:
        self._note(f"write SA {word:04X}")
        self.target.write_register(SA, word)

    def write_ip(self, word: int = 0) -> None:
        self._note(f"write IP {word:04X}")
        self._sa_shown = None
        self.target.write_register(IP, word)

    def poll(self) -> int:
        """Read IP."""
        self._note("read IP")
        return self.target.read_register(IP)

    def interrupts(self) -> Sequence[int]:
        """The vectors since the last call."""
        vectors = self.target.interrupts()
        for vector in vectors:
            self._note(f"interrupt, vector {vector:o}")
        return vectors

    def idle(self, seconds: float = QUIET_SECONDS) -> None:
        """Let time pass."""
        self.target.wait(lambda: False, seconds)

    # ---- initialisation

    def reset(self) -> int:
        """Write IP and wait for step 1; returns SA."""
        self.write_ip()
        self.steps = [self.await_sa(0x8800)]
        return self.steps[0]

    def step(self, word: int, shows: int) -> int:
        """Write a step's word and wait for SA with one of these bits, or ER; returns SA."""
        self.write_sa(word)
        self.steps.append(self.await_sa(shows | 0x8000))
        return self.steps[-1]

    def await_sa(self, bits: int, seconds: float = STEP_SECONDS) -> int:
        """Wait until SA shows one of these bits; returns SA."""
        if not self.target.wait(lambda: bool(self.read_sa() & bits), seconds):
            raise Violation(f"SA reads {self.read_sa():04X}, none of {bits:04X} comes within {seconds:g} s")
        return self.read_sa()

    def initialise(
        self,
        *,
        commands: int = 3,
        responses: int = 3,
        vector: int = VECTOR,
        go: int = 0x0001,
        purges: bool = False,
        ring_base: int = RING_BASE,
        arm: bool = True,
        flags: int = FLAG,
    ) -> None:
        """Go through the four steps and hand out the response slots.

        commands, responses: logarithms of the ring lengths.  go: the step-4 word.  flags: of response descriptors.
        """
        expect("SA at step 1", self.reset() & 0xF800, 0x0800)
        self.step(0x8000 | commands << 11 | responses << 8 | vector >> 2, 0x1000)
        self.step(ring_base & 0xFFFE | purges, 0x2000)
        expect("SA at step 4", self.step(ring_base >> 16, 0x4000) & 0xF800, 0x4000)
        self.lay_out(commands, responses, ring_base)
        if arm:
            self.arm_all(flags)
        self.write_sa(go)
        expect("bit 15 of SA after GO", self.read_sa() & 0x8000, 0)
        self.settle()

    def lay_out(self, commands: int, responses: int, ring_base: int = RING_BASE) -> None:
        """Believe in rings of these lengths (logarithms) from now on."""
        self.commands, self.responses = 1 << commands, 1 << responses
        self.ring_base = ring_base
        self._command_next = self._response_next = 0
        self.received.clear()
        self._ends.clear()

    def settle(self) -> None:
        """Let the controller take notice of GO: SIMH loses a poll that comes sooner."""
        self.idle(0.001)

    def start(self, flags: int = 0, timeout: int = 0, **how: Any) -> Message:
        """Initialise, and send SET CONTROLLER CHARACTERISTICS; returns its end message."""
        self.initialise(**how)
        return self.ask(0x04, parameters=words(0, flags, timeout) + bytes(14))

    def start_online(self, unit: int | None = None, flags: int = 0, **how: Any) -> Message:
        """Start, and bring a unit online, the scratch unit by default; returns the end message of ONLINE."""
        self.start(flags, **how)
        return self.online(unit)

    def online(self, unit: int | None = None, *, flags: int = 0, modifiers: int = 0) -> Message:
        """Bring a unit online; demands success."""
        end = self.ask(0x09, unit, modifiers, words(0, flags) + bytes(20))
        expect("status of ONLINE", end.status & 0x1F, 0)
        return end

    # ---- rings

    def descriptor(self, index: int) -> int:
        """Read a response descriptor, or a command descriptor behind them all."""
        return number(self.read(self.ring_base + 4 * index, 4), 0, 4)

    def command_descriptor(self, index: int) -> int:
        return self.descriptor(self.responses + index)

    def place(self, index: int) -> int:
        """Where packet `index` has its text: responses first, then commands."""
        return PACKETS + PACKET_BYTES * index + 4

    def give(self, index: int, address: int, flags: int = FLAG) -> None:
        """Write a descriptor: first the address, then the half with OWN in it."""
        descriptor = OWN | flags | address
        self.write(self.ring_base + 4 * index, words(descriptor & 0xFFFF))
        self.write(self.ring_base + 4 * index + 2, words(descriptor >> 16))

    def arm(self, index: int, flags: int = FLAG, length: int = 60) -> None:
        """Give a response slot."""
        place = self.place(index)
        self.write(place - 4, words(length, 0) + bytes(PACKET_BYTES - 4))
        self.give(index, place, flags)

    def arm_all(self, flags: int = FLAG) -> None:
        for index in range(self.responses):
            self.arm(index, flags)

    def put(
        self,
        text: bytes,
        *,
        connection: int = 0,
        kind: int = 0,
        credits: int = 0,
        length: int | None = None,
        flags: int = FLAG,
        address: int | None = None,
    ) -> int:
        """Place a command in the ring without telling the controller; returns its index."""
        index = self._command_next
        place = self.place(self.responses + index)
        envelope = words(len(text) if length is None else length) + bytes([kind << 4 | credits, connection])
        self.write(place - 4, envelope + text.ljust(60, b"\0"))
        self._note("command", envelope + text)
        self.give(self.responses + index, place if address is None else address, flags)
        self._command_next = (index + 1) % self.commands
        return index

    def take(self) -> Message | None:
        """Take the next message out of the ring, if there is one, and give the slot again."""
        index = self._response_next
        if self.descriptor(index) & OWN:
            return None
        place = self.place(index)
        head = self.read(place - 4, 4)
        message = Message(head, self.read(place, min(number(head, 0, 2), PACKET_BYTES - 4)))
        self._note(_kind_of(message), message.envelope + message.text)
        self.received.append(message)
        if message.type == 0 and not message.is_attention:
            self._ends.append(message)
        if self.arming:
            self.arm(index)
        self._response_next = (index + 1) % self.responses
        return message

    def take_all(self) -> None:
        for _ in range(self.responses):
            if self.take() is None:
                break

    # ---- commands and answers

    def command(
        self,
        opcode: int,
        unit: int | None = None,
        modifiers: int = 0,
        parameters: bytes = b"",
        crn: int | None = None,
    ) -> bytes:
        """Make the text of a command; the unit is the scratch unit by default, the reference number a fresh one."""
        if crn is None:
            self._crn += 1
            crn = 0x00010000 + self._crn
        number_of_unit = self.facts.scratch if unit is None else unit
        return longwords(crn) + words(number_of_unit, 0) + bytes([opcode, 0]) + words(modifiers) + parameters

    def put_command(
        self, opcode: int, unit: int | None = None, modifiers: int = 0, parameters: bytes = b"", **how: Any
    ) -> int:
        """Place a command without polling; returns its reference number."""
        text = self.command(opcode, unit, modifiers, parameters)
        self.put(text, **how)
        return number(text, 0, 4)

    def send(
        self, opcode: int, unit: int | None = None, modifiers: int = 0, parameters: bytes = b"", **how: int
    ) -> int:
        """Place a command and poll; returns its reference number."""
        crn = self.put_command(opcode, unit, modifiers, parameters, **how)
        self.poll()
        return crn

    def ask(
        self, opcode: int, unit: int | None = None, modifiers: int = 0, parameters: bytes = b"", **how: int
    ) -> Message:
        """Send a command and wait for its end message."""
        return self.answer(self.send(opcode, unit, modifiers, parameters, **how))

    def answer(self, crn: int, seconds: float = ANSWER_SECONDS) -> Message:
        """Wait for the end message of a command."""
        found = self.end_of(crn, seconds)
        if found is None:
            raise Violation(
                f"no end message for command {crn:X} within {seconds:g} s; SA reads {self.read_sa():04X}"
            )
        return found

    def end_of(self, crn: int, seconds: float = QUIET_SECONDS) -> Message | None:
        """The end message of a command, None if it does not come."""

        def come() -> bool:
            self.take_all()
            return any(end.crn == crn for end in self._ends)

        if not self.target.wait(come, seconds):
            return None
        end = next(end for end in self._ends if end.crn == crn)
        self._ends.remove(end)
        return end

    def await_message(self, seconds: float = ANSWER_SECONDS) -> Message:
        """Wait for the next message of any kind."""
        before = len(self.received)

        def come() -> bool:
            return self.take() is not None

        if not self.target.wait(come, seconds):
            raise Violation(f"no message within {seconds:g} s; SA reads {self.read_sa():04X}")
        return self.received[before]

    def attentions(self, opcode: int) -> list[Message]:
        """The attention messages of this kind so far."""
        self.take_all()
        return [message for message in self.received if message.is_attention and message.endcode == opcode]

    def logs(self) -> list[Message]:
        """The error log messages so far."""
        self.take_all()
        return [message for message in self.received if message.is_datagram]

    def await_fatal(self, seconds: float = ANSWER_SECONDS) -> int:
        """Wait until SA shows a fatal error; returns its code."""
        return self.await_sa(0x8000, seconds) & 0x07FF

    # ---- transfers

    def extent(self, lbn: int, byte_count: int, address: int = DATA, pte_base: int = 0) -> bytes:
        """The parameters of a transfer command."""
        return longwords(byte_count, address, pte_base, 0, lbn)

    def transfer(
        self,
        opcode: int,
        lbn: int,
        byte_count: int = 512,
        *,
        address: int = DATA,
        unit: int | None = None,
        modifiers: int = 0,
        pte_base: int = 0,
    ) -> Message:
        return self.ask(opcode, unit, modifiers, self.extent(lbn, byte_count, address, pte_base))

    def read_disk(self, lbn: int, byte_count: int = 512, *, unit: int | None = None) -> bytes:
        """READ, with success demanded; returns the data."""
        self.write(DATA, bytes(byte_count))
        end = self.transfer(0x21, lbn, byte_count, unit=unit)
        expect("status of READ", end.status, 0)
        return self.read(DATA, byte_count)

    def write_disk(
        self, lbn: int, data: bytes, *, unit: int | None = None, modifiers: int = 0, address: int = DATA
    ) -> Message:
        """WRITE, with success demanded."""
        self.write(address, data)
        end = self.transfer(0x22, lbn, len(data), unit=unit, modifiers=modifiers, address=address)
        expect("status of WRITE", end.status, 0)
        return end

    # ---- memory

    def read(self, address: int, length: int) -> bytes:
        return self.target.read_memory(address, length)

    def write(self, address: int, data: bytes) -> None:
        self.target.write_memory(address, data)

    def _note(self, words_: str, packet: bytes = b"") -> None:
        self.exchange.note(self._name + words_, packet)


def _kind_of(message: Message) -> str:
    if message.is_datagram:
        return "error log"
    return "attention" if message.is_attention else "end message"
