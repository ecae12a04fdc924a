"""What boot programs send, word for word, and what hosts in the field depend on."""

from emu.conform.clause import clause, expect
from emu.conform.host import DATA, RING_BASE, Host
from emu.conform.numbers import number, words


def _one_entry_rings(host: Host) -> None:
    """As every boot program: step word 8000, rings of one descriptor, no interrupts."""
    host.initialise(commands=0, responses=0, vector=0)


def _put(host: Host, *text: int, length: int, credits: int = 0) -> int:
    """Place words as the program has them in memory, and poll; returns the status."""
    data = words(*text)
    host.put(data.ljust(48, b"\0"), length=length, credits=credits)
    host.poll()
    return host.answer(number(data, 0, 4)).status


@clause("5.1")
def the_ka655s_console_finds_a_disk(host: Host) -> None:
    """SET CONTROLLER CHARACTERISTICS, ONLINE, READ of block 1; length 60, reference number 1 every time."""
    unit = host.facts.scratch
    _one_entry_rings(host)
    expect("SCC", _put(host, 1, 0, 0, 0, 4, 0, length=0x3C), 0)
    expect("ONLINE", _put(host, 1, 0, unit, 0, 9, 0, length=0x3C), 0)
    expect(
        "READ",
        _put(host, 1, 0, unit, 0, 0x21, 0, 512, 0, DATA & 0xFFFF, DATA >> 16, 0, 0, 0, 0, 1, 0, length=0x3C),
        0,
    )


@clause("5.1")
def the_vax_780s_vmb_finds_a_disk(host: Host) -> None:
    """Length 30 hex, one credit in every envelope, a host timeout of 255."""
    unit = host.facts.scratch
    _one_entry_rings(host)
    expect("SCC", _put(host, 1, 0, 0, 0, 4, 0, 0, 0, 0xFF, length=0x30, credits=1), 0)
    expect("ONLINE", _put(host, 1, 0, unit, 0, 9, 0, length=0x30, credits=1), 0)
    read = (1, 0, unit, 0, 0x21, 0, 512, 0, DATA & 0xFFFF, DATA >> 16, 0, 0, 0, 0, 1, 0)
    expect("READ", _put(host, *read, length=0x30, credits=1), 0)


@clause("5.1")
def simhs_pdp_11_boot_program_finds_a_disk(host: Host) -> None:
    """No SET CONTROLLER CHARACTERISTICS, reference number 0, an ONLINE of 16 bytes."""
    unit = host.facts.scratch
    _one_entry_rings(host)
    expect("ONLINE", _put(host, 0, 0, unit, 0, 9, 0, length=0x10), 0)
    read = (0, 0, unit, 0, 0x21, 0, 512, 0, DATA & 0xFFFF, DATA >> 16, 0, 0, 0, 0, 0, 0)
    expect("READ", _put(host, *read, length=0x20), 0)


@clause("5.1")
def the_m9312s_boot_prom_finds_a_disk(host: Host) -> None:
    """The length in the envelope is its ring address, 0504."""
    unit = host.facts.scratch
    _one_entry_rings(host)
    expect("low byte of ONLINE's status", _put(host, 0, 0, unit, 0, 9, 0, length=0x0504) & 0xFF, 0)
    read = (0, 0, unit, 0, 0x21, 0, 512, 0, DATA & 0xFFFF, DATA >> 16, 0, 0, 0, 0, 0, 0)
    expect("low byte of READ's status", _put(host, *read, length=0x0504) & 0xFF, 0)


@clause("5.1")
def a_boot_program_that_is_run_again_finds_the_disk_again(host: Host) -> None:
    """The M9312's retries everything for ever."""
    for _ in range(3):
        _one_entry_rings(host)
        expect("ONLINE", _put(host, 0, 0, host.facts.scratch, 0, 9, 0, length=0x10), 0)


@clause("5.2")
def rings_of_2_11bsd_come_up(host: Host) -> None:
    """Step word 9B9B: rings of 8, vector 154, step interrupts."""
    host.reset()
    expect("SA at step 2", host.step(0x9B9B, 0x1000), 0x109B)
    expect("SA at step 3", host.step(RING_BASE, 0x2000), 0x209B)
    host.step(0, 0x4000)
    host.lay_out(3, 3)
    host.arm_all()
    host.write_sa(1)
    host.settle()
    expect("flags", host.ask(0x04, parameters=words(0, 0x00D0) + bytes(16)).u16(14) & 0x00F0, 0x00D0)


@clause("5.3")
def netbsd_writes_the_burst_and_go_twice(host: Host) -> None:
    host.initialise(commands=5, responses=5, go=0x000D)
    host.write_sa(0x000D)
    host.settle()
    expect("endcode", host.ask(0x04, parameters=words(0, 0x00D0) + bytes(16)).endcode, 0x84)


@clause("5.4")
def ultrix_walks_from_unit_1_until_0_comes_back(host: Host) -> None:
    host.initialise(commands=4, responses=4, go=0x000F)
    host.idle()
    host.ask(0x04, parameters=words(0, 0x00D0) + bytes(16))
    asked = 1
    for _ in range(40):
        end = host.ask(0x03, asked, 0x0001)
        if end.unit == 0:
            return
        asked = end.unit + 1
    expect("the last unit", end.unit, 0)


@clause("5.5")
def vms_brings_a_unit_online_with_flag_8000(host: Host) -> None:
    host.start(0x00D0)
    expect("status", host.ask(0x09, parameters=words(0, 0x8000) + bytes(20)).status, 0)


@clause("6")
def the_controller_survives_a_host_that_polls_all_the_time(host: Host) -> None:
    host.start()
    for _ in range(50):
        host.poll()
    expect("status", host.ask(0x03).status, 4)


@clause("6")
def a_write_of_zero_to_sa_while_running_does_not_disturb(host: Host) -> None:
    """It is a purge acknowledgement that nobody waits for."""
    host.start()
    host.write_sa(0)
    expect("status", host.ask(0x03).status, 4)
