"""The parallel bus and a target's port, against a dumb initiator that plays phases by hand."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.core.clock import Scheduler
from emu.core.trace import Event, StateChanged, Tracer
from emu.hw.scsi.task import Task
from emu.hw.scsibus.bus import Device, ParallelBus
from emu.hw.scsibus.target_port import TargetPort
from tests.unit.test_sym53c810_program import MILLISECOND_NS, Disk, read10, write10

DATA_OUT, DATA_IN, COMMAND, STATUS, MESSAGE_OUT, MESSAGE_IN = 0, 1, 2, 3, 6, 7


class Initiator(Device):
    """Selects, and moves what it is told to; `events` is what it heard."""

    def __init__(self, bus: ParallelBus, own_id: int = 7) -> None:
        self.bus = bus
        self.own_id = own_id
        self.events: list[str] = []
        self.answers = True
        self.on_win: Callable[[], None] | None = None
        bus.attach(self)

    def won(self) -> None:
        self.events.append("won")
        if self.on_win is not None:
            self.on_win()

    def lost(self) -> None:
        self.events.append("lost")

    def reselected(self, initiator_id: int, target_id: int) -> bool:
        if initiator_id != self.own_id or not self.answers:
            return False
        self.events.append(f"reselected by {target_id}")
        return True

    def freed(self) -> None:
        self.events.append("freed")

    def bus_reset(self) -> None:
        self.events.append("reset")

    def select(self, target_id: int, attention: bool = True) -> None:
        self.on_win = lambda: self.events.append(
            str(self.bus.select(self, self.own_id, target_id, attention))
        )
        self.bus.arbitrate(self, self.own_id)

    def give(self, phase: int, data: bytes) -> int:
        """Give bytes; ATN is dropped before the last one of a message."""
        assert (self.bus.requesting, self.bus.phase) == (True, phase)
        if phase != MESSAGE_OUT:
            return self.bus.give(memoryview(data))
        gone = self.bus.give(memoryview(data)[:-1])
        self.bus.drop_attention()
        return gone + self.bus.give(memoryview(data)[-1:])

    def take(self, phase: int, length: int) -> bytes:
        assert (self.bus.requesting, self.bus.phase) == (True, phase)
        room = bytearray(length)
        return bytes(room[: self.bus.take(memoryview(room))])

    def message(self) -> bytes:
        return self.take(MESSAGE_IN, 1)


class Stage:
    def __init__(self, delay_ns: int | None = None, **options: object) -> None:
        self.clock = Scheduler()
        self.tracer = Tracer()
        self.bus = ParallelBus(self.clock, self.tracer)
        self.disk = Disk(self.clock, delay_ns)
        self.port = TargetPort(self.clock, self.bus, 1, self.disk, **options)  # type: ignore[arg-type]
        self.initiator = Initiator(self.bus)

    def selected(self, messages: bytes = b"\xc0") -> Initiator:
        self.initiator.select(1, attention=bool(messages))
        self.clock.run_soon()
        if messages:
            self.initiator.give(MESSAGE_OUT, messages)
        return self.initiator


# ---- the bus


def test_the_highest_identifier_wins_and_eight_to_fifteen_come_last() -> None:
    clock = Scheduler()
    bus = ParallelBus(clock, Tracer())
    devices = [Initiator(bus, number) for number in (0, 15, 6, 8)]
    order: list[int] = []
    for device in devices:

        def leave(device: Initiator = device) -> None:
            order.append(device.own_id)
            bus.abandon(device)

        device.on_win = leave
        bus.arbitrate(device, device.own_id)
    clock.run_soon()
    assert order == [6, 0, 15, 8]
    assert devices[0].events == ["lost", "won"]
    assert bus.free


def test_nobody_answers_for_an_identifier_that_is_not_there() -> None:
    stage = Stage()
    stage.initiator.select(4)
    stage.clock.run_soon()
    assert stage.initiator.events == ["won", "False"]
    assert not stage.bus.free
    stage.bus.abandon(stage.initiator)
    assert stage.bus.free


def test_a_reset_empties_the_bus_and_everybody_hears_it_once() -> None:
    stage = Stage()
    other = Initiator(stage.bus, 6)
    initiator = stage.selected()
    other.select(1)
    stage.bus.assert_reset(other, True)
    stage.bus.assert_reset(initiator, True)
    stage.bus.assert_reset(other, False)
    assert stage.bus.reset
    stage.bus.assert_reset(initiator, False)
    stage.clock.run_soon()
    assert not stage.bus.reset
    assert stage.bus.free
    assert initiator.events == ["won", "True", "reset"]
    assert other.events == ["reset"]
    assert stage.disk.resets == [0x2902]


def test_phases_are_events_that_can_be_seen() -> None:
    stage = Stage()
    seen: list[str] = []

    def hear(event: Event) -> None:
        if isinstance(event, StateChanged):
            seen.append(event.after)

    stage.tracer.subscribe(hear)
    initiator = stage.selected()
    initiator.give(COMMAND, bytes(6))
    initiator.take(STATUS, 1)
    initiator.message()
    assert seen == ["ARBITRATION", "SELECTION", "MESSAGE_OUT", "COMMAND", "STATUS", "MESSAGE_IN", "BUS FREE"]


def test_two_buses_have_nothing_in_common() -> None:
    first, second = Stage(), Stage()
    first.selected()
    assert second.bus.free


# ---- the target's port


def test_a_command_runs_from_identify_to_command_complete() -> None:
    stage = Stage()
    initiator = stage.selected(b"\xc0\x20\x05")
    assert initiator.give(COMMAND, bytes(6)) == 6
    assert initiator.take(STATUS, 1) == b"\0"
    assert initiator.message() == b"\0"
    assert initiator.events[-1] == "freed"
    assert stage.bus.free
    assert stage.disk.attributes == [(1, 5)]


@pytest.mark.parametrize(("code", "attribute"), [(0x20, 1), (0x21, 3), (0x22, 2), (0x24, 4)])
def test_tag_messages_are_task_attributes(code: int, attribute: int) -> None:
    stage = Stage()
    stage.selected(bytes((0xC0, code, 77))).give(COMMAND, bytes(6))
    assert stage.disk.attributes == [(attribute, 77)]


@pytest.mark.parametrize(
    ("opcode", "length"), [(0x00, 6), (0x28, 10), (0x55, 10), (0x88, 16), (0xA8, 12), (0xC0, 6), (0xE0, 6)]
)
def test_the_opcode_tells_how_long_a_command_is(opcode: int, length: int) -> None:
    stage = Stage()
    stage.disk.execute = lambda task: None  # type: ignore[method-assign]
    initiator = stage.selected(b"\x80")
    assert initiator.give(COMMAND, bytes((opcode,)) + bytes(40)) == length
    assert len(stage.disk.tasks[0].cdb) == length


def test_a_variable_length_command_tells_itself() -> None:
    stage = Stage()
    stage.disk.execute = lambda task: None  # type: ignore[method-assign]
    cdb = bytes((0x7F, 0, 0, 0, 0, 0, 0, 24)) + bytes(range(24))
    assert stage.selected(b"\x80").give(COMMAND, cdb + bytes(9)) == 32
    assert stage.disk.tasks[0].cdb == cdb


def test_without_attention_the_lun_is_in_the_command_and_nobody_disconnects() -> None:
    stage = Stage(MILLISECOND_NS)
    initiator = stage.selected(b"")
    initiator.give(COMMAND, b"\x00\x60\x00\x00\x00\x00")
    assert stage.disk.tasks[0].lun == 3
    assert stage.disk.tasks[0].tag == Task.UNTAGGED
    assert not stage.bus.requesting
    stage.clock.run_for(MILLISECOND_NS)
    assert initiator.take(STATUS, 1) == b"\0"


def test_a_slow_medium_makes_the_target_save_disconnect_and_come_back() -> None:
    stage = Stage(MILLISECOND_NS)
    initiator = stage.selected(b"\xc0\x20\x07")
    initiator.give(COMMAND, read10(0, 1))
    assert [initiator.message(), initiator.message()] == [b"\x02", b"\x04"]
    assert stage.bus.free
    stage.clock.run_for(MILLISECOND_NS)
    assert initiator.events[-1] == "reselected by 1"
    assert initiator.message() == b"\x80"
    assert initiator.take(MESSAGE_IN, 2) == b"\x20\x07"
    assert len(initiator.take(DATA_IN, 512)) == 512
    assert initiator.take(STATUS, 1) == b"\0"


def test_an_untagged_task_comes_back_with_identify_alone() -> None:
    stage = Stage(MILLISECOND_NS)
    initiator = stage.selected(b"\xc2")
    initiator.give(COMMAND, bytes(6))
    initiator.take(MESSAGE_IN, 1)
    initiator.take(MESSAGE_IN, 1)
    stage.clock.run_for(MILLISECOND_NS)
    assert initiator.message() == b"\x82"
    assert initiator.take(STATUS, 1) == b"\0"


def test_a_rejected_disconnect_keeps_the_target_on_the_bus() -> None:
    stage = Stage(MILLISECOND_NS)
    initiator = stage.selected()
    initiator.give(COMMAND, bytes(6))
    assert initiator.message() == b"\x02"
    room = bytearray(1)
    stage.bus.take(memoryview(room), hold=True)
    assert room == b"\x04"
    stage.bus.raise_attention()
    stage.bus.release_acknowledge()
    initiator.give(MESSAGE_OUT, b"\x07")
    assert not stage.bus.free
    stage.clock.run_for(MILLISECOND_NS)
    assert initiator.take(STATUS, 1) == b"\0"


def test_attention_between_bytes_of_data_is_honoured_and_data_goes_on() -> None:
    stage = Stage()
    stage.disk.blocks[:512] = bytes(range(256)) * 2
    initiator = stage.selected()
    initiator.give(COMMAND, read10(0, 1))
    first = initiator.take(DATA_IN, 100)
    stage.bus.raise_attention()
    initiator.give(MESSAGE_OUT, b"\x08")
    assert first + initiator.take(DATA_IN, 512) == bytes(stage.disk.blocks[:512])


def test_initiator_detected_error_behind_the_data_brings_it_once_more() -> None:
    stage = Stage()
    initiator = stage.selected()
    initiator.give(COMMAND, read10(0, 1))
    room = bytearray(512)
    stage.bus.take(memoryview(room), hold=True)
    stage.bus.raise_attention()
    stage.bus.release_acknowledge()
    initiator.give(MESSAGE_OUT, b"\x05")
    assert initiator.message() == b"\x03"
    assert len(initiator.take(DATA_IN, 512)) == 512
    assert initiator.take(STATUS, 1) == b"\0"


def test_an_error_behind_the_status_brings_the_status_once_more() -> None:
    stage = Stage()
    initiator = stage.selected()
    initiator.give(COMMAND, bytes(6))
    stage.bus.take(memoryview(bytearray(1)), hold=True)
    stage.bus.raise_attention()
    stage.bus.release_acknowledge()
    initiator.give(MESSAGE_OUT, b"\x05")
    assert initiator.take(STATUS, 1) == b"\0"
    assert initiator.message() == b"\0"


def test_a_message_with_bad_parity_is_sent_once_more() -> None:
    stage = Stage()
    initiator = stage.selected()
    initiator.give(COMMAND, bytes(6))
    initiator.take(STATUS, 1)
    stage.bus.take(memoryview(bytearray(1)), hold=True)
    stage.bus.raise_attention()
    stage.bus.release_acknowledge()
    initiator.give(MESSAGE_OUT, b"\x09")
    assert initiator.message() == b"\0"
    assert stage.bus.free


def test_errors_without_end_abort_the_task() -> None:
    stage = Stage()
    initiator = stage.selected()
    initiator.give(COMMAND, write10(0, 1))
    stage.bus.noise = lambda phase, length: 0 if phase == DATA_OUT else None
    while not stage.bus.free:
        if stage.bus.phase == DATA_OUT:
            initiator.give(DATA_OUT, bytes(512))
        else:
            assert initiator.message() == b"\x03"
    assert stage.disk.managed == [(1, 0, -1)]
    assert stage.disk.blocks == bytes(64 * 512)


def test_messages_with_bad_parity_are_asked_for_again() -> None:
    stage = Stage()
    troubles = [0]
    stage.bus.noise = lambda phase, length: troubles.pop() if troubles else None
    initiator = stage.selected()
    initiator.give(MESSAGE_OUT, b"\xc3")
    initiator.give(COMMAND, bytes(6))
    assert initiator.take(STATUS, 1) == b"\0"


def test_a_command_with_bad_parity_is_asked_for_again() -> None:
    stage = Stage()
    troubles = [2]
    stage.bus.noise = lambda phase, length: (
        troubles.pop() if phase == COMMAND and length > 1 and troubles else None
    )
    initiator = stage.selected()
    initiator.give(COMMAND, bytes(6))
    if stage.bus.phase == COMMAND:
        initiator.give(COMMAND, bytes(3))
    assert initiator.message() == b"\x03"
    initiator.give(COMMAND, bytes(6))
    assert initiator.take(STATUS, 1) == b"\0"


def test_an_unanswered_reselection_is_tried_again_and_then_given_up() -> None:
    stage = Stage(MILLISECOND_NS)
    initiator = stage.selected()
    initiator.give(COMMAND, bytes(6))
    initiator.message()
    initiator.message()
    initiator.answers = False
    stage.clock.run_for(300 * MILLISECOND_NS)
    assert stage.bus.free
    stage.clock.run_for(60 * MILLISECOND_NS)
    assert not stage.bus.free  # the second attempt
    initiator.answers = True
    stage.clock.run_for(400 * MILLISECOND_NS)
    assert initiator.events[-1] == "reselected by 1"


def test_a_reselection_nobody_ever_answers_aborts_the_task() -> None:
    stage = Stage(MILLISECOND_NS)
    initiator = stage.selected()
    initiator.give(COMMAND, bytes(6))
    initiator.message()
    initiator.message()
    initiator.answers = False
    stage.clock.run_for(3000 * MILLISECOND_NS)
    assert stage.disk.managed == [(1, 0, -1)]
    assert stage.bus.free


def test_a_task_aborted_while_it_tries_to_come_back_does_not_come() -> None:
    stage = Stage(MILLISECOND_NS)
    initiator = stage.selected()
    initiator.give(COMMAND, bytes(6))
    initiator.message()
    initiator.message()
    initiator.answers = False
    task = stage.disk.tasks[0]
    stage.clock.run_for(2 * MILLISECOND_NS)
    task.aborted()
    initiator.answers = True
    stage.clock.run_for(1000 * MILLISECOND_NS)
    assert stage.bus.free
    assert initiator.events[-1] == "freed"


def test_bus_device_reset_needs_no_identify() -> None:
    stage = Stage()
    stage.selected(b"\x0c")
    assert stage.disk.managed == [(6, 0, -1)]
    assert stage.bus.free


def test_abort_of_a_waiting_task_by_a_new_connection() -> None:
    stage = Stage(MILLISECOND_NS)
    initiator = stage.selected(b"\xc0\x20\x09")
    initiator.give(COMMAND, bytes(6))
    initiator.message()
    initiator.message()
    stage.selected(b"\xc0\x20\x09\x0d")
    assert stage.disk.managed == [(1, 0, 9)]
    stage.clock.run_for(10 * MILLISECOND_NS)
    assert stage.bus.free
    assert initiator.events[-1] == "freed"


@pytest.mark.parametrize("message", [b"\xe0", b"\xc0\x11", b"\xc0\x01\x01\x7e", b"\xc0\x01", b"\xc0\x20"])
def test_messages_the_target_does_not_take_are_rejected(message: bytes) -> None:
    stage = Stage()
    initiator = stage.selected(message)
    assert initiator.message() == b"\x07"
    initiator.give(COMMAND, bytes(6))
    assert initiator.take(STATUS, 1) == b"\0"


def test_a_rejected_answer_makes_the_agreement_asynchronous() -> None:
    stage = Stage()
    initiator = stage.selected(b"\xc0\x01\x03\x01\x19\x08")
    assert stage.port.agreements == {7: (0x19, 8)}
    room = bytearray(5)
    stage.bus.take(memoryview(room), hold=True)
    assert room == b"\x01\x03\x01\x19\x08"
    stage.bus.raise_attention()
    stage.bus.release_acknowledge()
    initiator.give(MESSAGE_OUT, b"\x07")
    assert stage.port.agreements == {}


@settings(derandomize=True, deadline=None, max_examples=250)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("move"), st.binary(min_size=1, max_size=12)),
            st.tuples(
                st.sampled_from(("attention", "hold", "release", "time", "select", "reset")), st.just(b"")
            ),
        ),
        max_size=40,
    ),
    st.sampled_from((None, MILLISECOND_NS)),
    st.booleans(),
)
def test_no_initiator_however_mad_brings_the_target_down(
    steps: list[tuple[str, bytes]], delay_ns: int | None, eager: bool
) -> None:
    """Afterwards, a reset of the bus makes everything as new."""
    stage = Stage(delay_ns, eager=eager, burst_bytes=100)
    bus, initiator = stage.bus, stage.initiator
    for action, data in [("select", b""), *steps]:
        if action == "move" and bus.requesting:
            if bus.phase & 1:
                bus.take(memoryview(bytearray(len(data))))
            else:
                if bus.phase == MESSAGE_OUT and len(data) < 6:
                    bus.drop_attention()
                bus.give(memoryview(data))
        elif action == "hold" and bus.requesting and bus.phase & 1:
            bus.take(memoryview(bytearray(1)), hold=True)
        elif action == "release":
            bus.release_acknowledge()
        elif action == "attention" and bus.initiator is initiator:
            bus.raise_attention()
        elif action == "select" and bus.free:
            initiator.select(1)
            stage.clock.run_soon()
        elif action == "time":
            stage.clock.run_for(MILLISECOND_NS)
        elif action == "reset":
            bus.assert_reset(initiator, True)
            bus.assert_reset(initiator, False)
    bus.assert_reset(initiator, True)
    bus.assert_reset(initiator, False)
    stage.clock.run_for(MILLISECOND_NS)
    assert bus.free
    stage.selected(b"\x80").give(COMMAND, bytes(6))
    stage.clock.run_for(MILLISECOND_NS)
    assert initiator.take(STATUS, 1) == b"\0"
