"""What all transfer commands have in common: what is refused, in which order, and how the end message looks.

ACCESS 10, ERASE 12, COMPARE HOST DATA 20, READ 21, WRITE 22.  What is refused is tried with all of them.
"""

from emu.conform.clause import clause, expect, expect_in, expect_that, require
from emu.conform.host import DATA, Host
from emu.conform.target import Need

ALL = (0x10, 0x12, 0x20, 0x21, 0x22)
WITH_BUFFER = (0x20, 0x21, 0x22)
WRITING = (0x12, 0x22)
UDA50 = (2, 6)  # ends a bad LBN with endcode 80 alone


def _size(host: Host) -> int:
    host.start()
    return host.online().u32(36)


@clause("2.5")
def an_available_unit_ends_them_with_0004(host: Host) -> None:
    host.start()
    for opcode in ALL:
        end = host.transfer(opcode, 0)
        expect(f"endcode of {opcode:02X}", end.endcode, opcode | 0x80)
        expect(f"status of {opcode:02X}", end.status, 0x0004)
        expect(f"byte count of {opcode:02X}", end.byte_count, 0)


@clause("2.5")
def an_unknown_unit_ends_them_with_0003(host: Host) -> None:
    host.start()
    for opcode in ALL:
        end = host.transfer(opcode, 0, unit=host.facts.absent)
        expect(f"endcode of {opcode:02X}", end.endcode, opcode | 0x80)
        expect(f"status of {opcode:02X}", end.status, 0x0003)
        expect(f"byte count of {opcode:02X}", end.byte_count, 0)


@clause("2.5", Need.EMPTY_UNIT)
def a_drive_without_a_medium_ends_them_with_0023(host: Host) -> None:
    host.start()
    for opcode in ALL:
        expect(f"status of {opcode:02X}", host.transfer(opcode, 0, unit=host.facts.empty).status, 0x0023)


@clause("3.9")
def the_end_message_has_32_bytes(host: Host) -> None:
    """36 for WRITE in VMS's form."""
    host.start_online()
    for opcode in (0x10, 0x20, 0x21):
        expect(f"length of {opcode:02X}", host.transfer(opcode, 0).length, 32)


@clause("3.9")
def the_byte_count_of_a_success_is_that_of_the_command(host: Host) -> None:
    host.start_online()
    for opcode in (0x10, 0x21):
        end = host.transfer(opcode, 0, 1536)
        expect(f"status of {opcode:02X}", end.status, 0)
        expect(f"byte count of {opcode:02X}", end.byte_count, 1536)


@clause("3.9")
def an_odd_buffer_address_is_refused_with_0029(host: Host) -> None:
    host.start_online()
    require(not host.steps[0] & 0x0080, "a port that wants even addresses (no OD in step 1)")
    for opcode in WITH_BUFFER:
        end = host.transfer(opcode, 0, address=DATA + 1)
        expect(f"status of {opcode:02X}", end.status, 0x0029)
        expect(f"byte count of {opcode:02X}", end.byte_count, 0)


@clause("3.9")
def access_does_not_look_at_the_buffer_address(host: Host) -> None:
    host.start_online()
    expect("status", host.transfer(0x10, 0, address=DATA + 1).status, 0)


@clause("3.9", changes_data=True)
def erase_does_not_look_at_the_buffer_address(host: Host) -> None:
    host.start_online()
    expect("status", host.transfer(0x12, 0, address=DATA + 1).status, 0)


@clause("3.9")
def an_odd_byte_count_is_refused_with_0049(host: Host) -> None:
    host.start_online()
    for opcode in ALL:
        end = host.transfer(opcode, 0, 511)
        expect(f"status of {opcode:02X}", end.status, 0x0049)
        expect(f"byte count of {opcode:02X}", end.byte_count, 0)


@clause("3.9")
def a_byte_count_of_2_to_the_28_is_refused_with_0c01(host: Host) -> None:
    host.start_online()
    for opcode in ALL:
        end = host.transfer(opcode, 0, 1 << 28)
        expect(f"status of {opcode:02X}", end.status, 0x0C01)
        expect(f"byte count of {opcode:02X}", end.byte_count, 0)


@clause("3.9")
def a_transfer_beyond_the_end_is_refused_with_0c01(host: Host) -> None:
    """It begins on the unit and ends behind it."""
    size = _size(host)
    for opcode in ALL:
        end = host.transfer(opcode, size - 2, 1536)
        expect(f"status of {opcode:02X}", end.status, 0x0C01)
        expect(f"byte count of {opcode:02X}", end.byte_count, 0)


@clause("3.9")
def a_partial_block_counts_as_a_whole_one_at_the_end(host: Host) -> None:
    size = _size(host)
    for opcode in ALL:
        expect(f"status of {opcode:02X}", host.transfer(opcode, size - 1, 514).status, 0x0C01)


@clause("2.8")
def an_lbn_out_of_range_is_refused_with_1c01(host: Host) -> None:
    """A UDA50 answers with endcode 80 alone; its hosts know."""
    host.start_online()
    for opcode in ALL:
        end = host.transfer(opcode, 0x0FFFFFF0)
        bare = (0x80,) if host.facts.model in UDA50 else ()
        expect_in(f"endcode of {opcode:02X}", end.endcode, (opcode | 0x80, *bare))
        expect(f"status of {opcode:02X}", end.status, 0x1C01)
        expect(f"byte count of {opcode:02X}", end.byte_count, 0)


@clause("3.9")
def an_lbn_of_2_to_the_28_is_refused_with_1c01(host: Host) -> None:
    host.start_online()
    for opcode in ALL:
        expect(f"status of {opcode:02X}", host.transfer(opcode, 1 << 28).status, 0x1C01)


@clause("2.15")
def a_transfer_of_zero_bytes_succeeds(host: Host) -> None:
    host.start_online()
    for opcode in (0x10, 0x20, 0x21):
        end = host.transfer(opcode, 0, 0)
        expect(f"status of {opcode:02X}", end.status, 0)
        expect(f"byte count of {opcode:02X}", end.byte_count, 0)


@clause("2.15")
def a_transfer_of_zero_bytes_is_checked_all_the_same(host: Host) -> None:
    host.start_online()
    expect("status at an LBN out of range", host.transfer(0x21, 0x0FFFFFF0, 0).status, 0x1C01)
    expect("status at an odd address", host.transfer(0x21, 0, 0, address=DATA + 1).status & 0x1F, 0x09)


@clause("2.15")
def a_transfer_may_begin_at_the_last_block(host: Host) -> None:
    size = _size(host)
    for opcode in (0x10, 0x20, 0x21):
        expect(f"endcode of {opcode:02X}", host.transfer(opcode, size - 1).endcode, opcode | 0x80)
        expect_in(f"status of {opcode:02X}", host.transfer(opcode, size - 1).status, (0, 7))


@clause("3.9")
def an_odd_address_is_found_before_a_byte_count_out_of_range(host: Host) -> None:
    host.start_online()
    require(not host.steps[0] & 0x0080, "a port that wants even addresses (no OD in step 1)")
    expect("status", host.transfer(0x21, 0, 1 << 28, address=DATA + 1).status, 0x0029)


@clause("3.9", open_question="SIMH looks for an odd byte count first, and no host depends on the order")
def a_byte_count_out_of_range_is_found_before_an_odd_one(host: Host) -> None:
    host.start_online()
    expect("status", host.transfer(0x21, 0, (1 << 28) + 1).status, 0x0C01)


@clause("3.9")
def an_odd_byte_count_is_found_before_an_lbn_beyond_the_unit(host: Host) -> None:
    size = _size(host)
    expect("status", host.transfer(0x21, size + 100000, 511).status, 0x0049)


@clause("3.9")
def the_state_of_the_unit_is_looked_at_first(host: Host) -> None:
    host.start()
    expect("status", host.transfer(0x21, 0, 511, address=DATA + 1).status, 0x0004)


@clause("3.9", Need.LOCKED_UNIT)
def write_protection_is_looked_at_last(host: Host) -> None:
    host.start()
    host.online(host.facts.locked)
    for opcode in WRITING:
        expect(
            f"status of {opcode:02X}", host.transfer(opcode, 0, 511, unit=host.facts.locked).status, 0x0049
        )


@clause("2.6")
def software_write_protection_ends_writes_with_1006(host: Host) -> None:
    host.start()
    host.online(flags=0x1000, modifiers=0x0004)
    for opcode in WRITING:
        end = host.transfer(opcode, 0)
        expect(f"status of {opcode:02X}", end.status, 0x1006)
        expect(f"byte count of {opcode:02X}", end.byte_count, 0)


@clause("2.6", Need.LOCKED_UNIT)
def hardware_write_protection_ends_writes_with_2006(host: Host) -> None:
    host.start()
    host.online(host.facts.locked)
    for opcode in WRITING:
        end = host.transfer(opcode, 0, unit=host.facts.locked)
        expect(f"status of {opcode:02X}", end.status, 0x2006)
        expect(f"byte count of {opcode:02X}", end.byte_count, 0)


@clause("2.15", Need.LOCKED_UNIT)
def software_protection_is_found_before_the_hardwares(host: Host) -> None:
    host.start()
    host.online(host.facts.locked, flags=0x1000, modifiers=0x0004)
    expect("status", host.transfer(0x22, 0, unit=host.facts.locked).status, 0x1006)


@clause("2.6", Need.LOCKED_UNIT)
def a_protected_unit_can_be_read(host: Host) -> None:
    host.start()
    host.online(host.facts.locked)
    for opcode in (0x10, 0x21):
        expect(f"status of {opcode:02X}", host.transfer(opcode, 0, unit=host.facts.locked).status, 0)


@clause("2.3")
def express_requests_are_carried_out(host: Host) -> None:
    host.start_online()
    expect("status", host.transfer(0x21, 0, modifiers=0x8000).status, 0)


@clause("2.3")
def suppressing_caches_does_not_disturb(host: Host) -> None:
    host.start_online()
    for modifiers in (0x0800, 0x0400, 0x0C00):
        expect("status", host.transfer(0x21, 0, modifiers=modifiers).status, 0)


@clause("2.3")
def suppressing_error_correction_and_recovery_does_not_disturb_good_blocks(host: Host) -> None:
    host.start_online()
    for modifiers in (0x0200, 0x0100, 0x0300):
        expect("status", host.transfer(0x21, 0, modifiers=modifiers).status, 0)


@clause("2.9")
def transfers_of_a_unit_all_end(host: Host) -> None:
    """In whatever order."""
    host.start_online()
    crns = [host.send(0x21, parameters=host.extent(lbn, 512)) for lbn in (900, 3, 500, 4, 700)]
    for crn in crns:
        expect("status", host.answer(crn).status, 0)


@clause("3.9", Need.HOLDING, Need.LOADING)
def a_medium_that_is_taken_out_ends_them_with_0023(host: Host) -> None:
    host.start_online()
    host.operator.hold(host.facts.scratch)
    read = host.send(0x21, parameters=host.extent(0, 512))
    host.operator.unload(host.facts.scratch)
    end = host.answer(read)
    expect("status", end.status, 0x0023)
    expect_that(end.byte_count == 0, "nothing was moved")
