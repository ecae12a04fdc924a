"""Interrupts of the init steps."""

from emu.conform.clause import clause, expect
from emu.conform.host import RING_BASE, Host
from emu.conform.target import Need


@clause("1.2", Need.INTERRUPTS)
def step_1_does_not_interrupt(host: Host) -> None:
    host.initialise()
    host.interrupts()
    host.reset()
    host.idle()
    expect("interrupts", list(host.interrupts()), [])


@clause("1.2", Need.INTERRUPTS)
def steps_2_3_and_4_interrupt_when_enabled(host: Host) -> None:
    host.reset()
    host.interrupts()
    for word, shows in ((0x809B, 0x1000), (RING_BASE, 0x2000), (0, 0x4000)):
        host.step(word, shows)
        host.idle(0.001)
        expect(f"interrupts of the step that shows {shows:04X}", list(host.interrupts()), [0x6C])


@clause("1.2", Need.INTERRUPTS)
def steps_do_not_interrupt_when_not_enabled(host: Host) -> None:
    host.reset()
    host.interrupts()
    for word, shows in ((0x801B, 0x1000), (RING_BASE, 0x2000), (0, 0x4000)):
        host.step(word, shows)
    host.idle()
    expect("interrupts", list(host.interrupts()), [])


@clause("1.2", Need.INTERRUPTS)
def steps_do_not_interrupt_without_a_vector(host: Host) -> None:
    host.reset()
    host.interrupts()
    for word, shows in ((0x8080, 0x1000), (RING_BASE, 0x2000), (0, 0x4000)):
        host.step(word, shows)
    host.idle()
    expect("interrupts", list(host.interrupts()), [])


@clause("1.2", Need.INTERRUPTS)
def go_does_not_interrupt(host: Host) -> None:
    host.reset()
    for word, shows in ((0x809B, 0x1000), (RING_BASE, 0x2000), (0, 0x4000)):
        host.step(word, shows)
    host.idle(0.001)
    host.interrupts()
    host.write_sa(0x0001)
    host.idle()
    expect("interrupts", list(host.interrupts()), [])


@clause("1.2", Need.INTERRUPTS)
def the_vector_is_four_times_the_lower_seven_bits(host: Host) -> None:
    host.reset()
    host.interrupts()
    host.step(0x8080 | 0x70, 0x1000)
    host.idle(0.001)
    expect("interrupts", list(host.interrupts()), [0x1C0])
