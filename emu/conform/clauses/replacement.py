"""The replacement control table (RCT), bad block reports, and REPLACE.

The table begins behind the unit's blocks; its size and copies are in GET UNIT STATUS.
"""

from emu.conform.clause import clause, expect, expect_in, expect_that, require
from emu.conform.host import DATA, Host, Message
from emu.conform.numbers import longwords, number, pattern
from emu.conform.target import Need


class _Table:
    """Where the table is."""

    def __init__(self, host: Host) -> None:
        host.start()
        online, status = host.online(), host.ask(0x03)
        self.unit_size = online.u32(36)
        self.volume_serial = online.u32(40)
        self.size, self.copies = status.u16(44), status.u8(47)
        require(self.size * self.copies, "a unit with a replacement control table")


def _replace(host: Host, lbn: int, rbn: int = 0) -> Message:
    return host.ask(0x14, modifiers=0x0001, parameters=longwords(rbn, 0, 0, 0, lbn))


@clause("2.14")
def a_block_of_the_table_can_be_read(host: Host) -> None:
    table = _Table(host)
    end = host.transfer(0x21, table.unit_size)
    expect("status", end.status, 0)
    expect("byte count", end.byte_count, 512)


@clause("3.9")
def a_table_read_of_another_length_is_refused_with_0c01(host: Host) -> None:
    table = _Table(host)
    for length in (256, 1024):
        expect(f"status of {length} bytes", host.transfer(0x21, table.unit_size, length).status, 0x0C01)


@clause("3.9")
def a_block_behind_the_table_is_refused_with_1c01(host: Host) -> None:
    table = _Table(host)
    behind = table.unit_size + table.size * table.copies
    expect("status", host.transfer(0x21, behind).status, 0x1C01)


@clause("3.9", Need.CONTROLLER_REPLACES)
def the_table_of_a_controller_that_replaces_is_not_written(host: Host) -> None:
    table = _Table(host)
    expect("status", host.transfer(0x22, table.unit_size).status, 0x1C01)


@clause("2.14", Need.WHOLE_MSCP)
def block_0_of_the_table_has_the_volume_serial_number(host: Host) -> None:
    table = _Table(host)
    block = host.read_disk(table.unit_size)
    expect("volume serial number", number(block, 0, 4), table.volume_serial)
    expect("state flags", number(block, 8, 2) & 0xE080, 0)


@clause("2.14", Need.WHOLE_MSCP)
def the_tables_descriptors_are_free_and_end_with_a_null(host: Host) -> None:
    table = _Table(host)
    descriptors = []
    for block in range(2, table.size):
        data = host.read_disk(table.unit_size + block)
        descriptors += [number(data, place, 4) for place in range(0, 512, 4)]
    codes = [descriptor >> 28 for descriptor in descriptors]
    expect_in("the code of the first descriptor", codes[0], (0, 4, 5))
    expect_in("the code of the last descriptor", codes[-1], (8,))
    expect_that(8 not in codes[: codes.index(8)], "nothing but the end is null")


@clause("2.14", Need.CONTROLLER_REPLACES)
def replace_is_invalid_where_the_controller_replaces(host: Host) -> None:
    host.start_online()
    end = _replace(host, 5)
    expect("endcode", end.endcode, 0x80)
    expect("status", end.status, 0x0801)


@clause("2.4", Need.CONTROLLER_REPLACES, Need.BAD_BLOCKS)
def a_controller_that_replaces_never_reports_a_bad_block(host: Host) -> None:
    host.start_online()
    host.operator.spoil(host.facts.scratch, 33)
    expect("end flag BBLKR", host.transfer(0x21, 32, 1024).flags & 0x80, 0)


@clause("2.4", Need.REPLACE, Need.BAD_BLOCKS)
def a_bad_block_is_reported_to_a_host_that_replaces(host: Host) -> None:
    host.start_online()
    host.operator.spoil(host.facts.scratch, 33)
    end = host.transfer(0x21, 32, 1024)
    expect("end flag BBLKR", end.flags & 0x80, 0x80)
    expect("first bad block", end.u32(28), 33)


@clause("2.4", Need.REPLACE)
def without_a_bad_block_none_is_reported(host: Host) -> None:
    host.start_online()
    expect("end flag BBLKR", host.transfer(0x21, 32, 1024).flags & 0x80, 0)


@clause("3.14", Need.REPLACE)
def replace_succeeds_with_an_end_message_of_12_bytes(host: Host) -> None:
    _Table(host)
    end = _replace(host, 33)
    expect("endcode", end.endcode, 0x94)
    expect("status", end.status, 0)
    expect("length", end.length, 12)


@clause("3.14", Need.REPLACE, Need.BAD_BLOCKS, changes_data=True)
def a_replaced_block_is_good_again(host: Host) -> None:
    _Table(host)
    host.operator.spoil(host.facts.scratch, 33)
    _replace(host, 33)
    host.write_disk(33, pattern(33))
    expect("the block", host.read_disk(33), pattern(33))


@clause("3.14", Need.REPLACE, Need.BAD_BLOCKS, changes_data=True)
def a_transfer_over_a_replaced_block_has_all_blocks_in_order(host: Host) -> None:
    _Table(host)
    host.operator.spoil(host.facts.scratch, 33)
    _replace(host, 33)
    data = pattern(30, 8 * 512)
    host.write_disk(30, data)
    expect("the blocks", host.read_disk(30, 8 * 512), data)


@clause("3.14", Need.REPLACE)
def replace_of_an_available_unit_ends_with_0004(host: Host) -> None:
    host.start()
    expect("status", _replace(host, 33).status, 0x0004)


@clause("3.14", Need.REPLACE)
def replace_refuses_an_lbn_behind_the_unit(host: Host) -> None:
    table = _Table(host)
    expect("status", _replace(host, table.unit_size).status, 0x1C01)


@clause("3.14", Need.REPLACE)
def replace_refuses_an_rbn_that_the_drive_does_not_have(host: Host) -> None:
    _Table(host)
    expect("status", _replace(host, 33, 0x0FFFFFFF).status, 0x0C01)


@clause("3.14", Need.REPLACE)
def replace_is_refused_on_a_protected_unit(host: Host) -> None:
    host.start()
    host.online(flags=0x1000, modifiers=0x0004)
    expect("status", _replace(host, 33).status, 0x1006)


@clause("2.14", Need.REPLACE)
def the_host_writes_the_table(host: Host) -> None:
    table = _Table(host)
    host.write(DATA, longwords(table.volume_serial, 0) + bytes(4) + pattern(1, 500))
    end = host.transfer(0x22, table.unit_size + 1)
    expect("status", end.status, 0)
    expect("the saved block", host.read_disk(table.unit_size + 1), host.read(DATA, 512))


@clause("2.14", Need.REPLACE)
def all_copies_of_the_table_can_be_reached(host: Host) -> None:
    table = _Table(host)
    for copy in range(table.copies):
        expect(f"status of copy {copy}", host.transfer(0x21, table.unit_size + copy * table.size).status, 0)


@clause("2.14", Need.REPLACE)
def online_tells_of_an_unfinished_replacement_with_0400(host: Host) -> None:
    """State flag P1 is in block 0 of the table, as a host leaves it that fails in the middle."""
    table = _Table(host)
    block = bytearray(host.read_disk(table.unit_size))
    block[8:10] = b"\x00\x80"
    host.write(DATA, bytes(block))
    expect("status of WRITE", host.transfer(0x22, table.unit_size).status, 0)
    host.ask(0x08)
    end = host.ask(0x09, parameters=bytes(24))
    host.transfer(0x22, table.unit_size)
    expect("status of ONLINE", end.status, 0x0400)


# ---- a controller that really replaces


def _gone_bad(host: Host, opcode: int) -> Message:
    """Block 33 goes bad, and is found so by a command over blocks 32 to 35."""
    host.start(0x0010)
    host.online()
    host.operator.spoil(host.facts.scratch, 33)
    return host.transfer(opcode, 32, 2048)


def _replacement_log(host: Host) -> Message:
    found = [log for log in host.logs() if log.u8(8) == 9]
    expect("number of replacement logs", len(found), 1)
    return found[0]


@clause("2.14", Need.REPLACED_BLOCKS, changes_data=True)
def a_write_that_finds_a_bad_block_succeeds(host: Host) -> None:
    end = _gone_bad(host, 0x22)
    expect("status", end.status, 0)
    expect("byte count", end.byte_count, 2048)


@clause("2.14", Need.REPLACED_BLOCKS, changes_data=True)
def what_was_written_to_the_replaced_block_is_read(host: Host) -> None:
    host.start_online()
    host.operator.spoil(host.facts.scratch, 33)
    host.write_disk(32, pattern(32, 2048))
    expect("the blocks", host.read_disk(32, 2048), pattern(32, 2048))


@clause("2.14", Need.REPLACED_BLOCKS)
def a_read_that_finds_a_bad_block_is_a_data_error(host: Host) -> None:
    """What was on the block is lost, replaced or not."""
    end = _gone_bad(host, 0x21)
    expect("status, low 5 bits", end.status & 0x1F, 0x08)
    expect("byte count", end.byte_count, 512)


@clause("2.14", Need.REPLACED_BLOCKS)
def the_replacement_of_a_lost_block_has_a_forced_error(host: Host) -> None:
    _gone_bad(host, 0x21)
    expect("status of the next READ", host.transfer(0x21, 33).status, 0x0008)


@clause("2.10", Need.REPLACED_BLOCKS, changes_data=True)
def a_replacement_is_logged_in_format_9(host: Host) -> None:
    _gone_bad(host, 0x22)
    log = _replacement_log(host)
    expect("length", log.length, 54)
    expect("event code", log.u16(10), 0x0014)
    expect("bad LBN", log.u32(40), 33)
    expect("replacement flags: attempted", log.u16(34) & 0x8000, 0x8000)
    expect_in("cause, low 5 bits", log.u16(52) & 0x1F, (0x08, 0x0B))


@clause("2.10", Need.REPLACED_BLOCKS, changes_data=True)
def the_log_of_a_replacement_is_marked_as_such(host: Host) -> None:
    _gone_bad(host, 0x22)
    expect("log flags 80 and 20", _replacement_log(host).u8(9) & 0xA0, 0xA0)


@clause("2.14", Need.REPLACED_BLOCKS, changes_data=True)
def the_table_tells_of_the_replacement(host: Host) -> None:
    """One descriptor is allocated, primary (2) or not (3), with the LBN in its lower 28 bits."""
    table = _Table(host)
    host.operator.spoil(host.facts.scratch, 33)
    host.write_disk(32, pattern(32, 2048))
    allocated = []
    for block in range(2, table.size):
        data = host.read_disk(table.unit_size + block)
        allocated += [
            entry for place in range(0, 512, 4) if (entry := number(data, place, 4)) >> 28 in (2, 3)
        ]
    expect("allocated descriptors' LBNs", [entry & 0x0FFFFFFF for entry in allocated], [33])
