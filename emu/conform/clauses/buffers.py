"""Buffer descriptors: where a transfer's bytes are in host memory."""

from emu.conform.clause import clause, expect, require
from emu.conform.host import DATA, PAGE_TABLE, Host
from emu.conform.numbers import longwords, pattern
from emu.conform.target import Need

VALID = 0x80000000


def _mapped(host: Host) -> None:
    host.start_online()
    require(host.steps[0] & 0x0040, "mapped buffers (MP of step 1)")


@clause("1.15", changes_data=True)
def an_unmapped_buffer_is_contiguous_from_its_address(host: Host) -> None:
    host.start_online()
    host.write_disk(3, pattern(7, 1024), address=DATA + 0x1000)
    host.write(DATA, b"\xee" * 2048)
    host.transfer(0x21, 3, 1024, address=DATA + 0x202)
    expect(
        "buffer and what is around it",
        host.read(DATA + 0x200, 1028),
        b"\xee\xee" + pattern(7, 1024) + b"\xee\xee",
    )


@clause("1.15")
def the_adapter_channel_in_bits_27_to_24_is_no_part_of_the_address(host: Host) -> None:
    require(host.facts.bus_address_bits < 24, "a bus of 18 or 22 address bits")
    host.start_online()
    host.write(DATA, b"\xee" * 512)
    expect("status", host.transfer(0x21, 0, 512, address=0x03000000 | DATA).status, 0)
    expect("the buffer was written", host.read(DATA, 512) != b"\xee" * 512, True)


@clause("1.15")
def an_address_beyond_the_bus_is_cut_off(host: Host) -> None:
    require(host.facts.bus_address_bits < 24, "a bus of 18 or 22 address bits")
    host.start_online()
    host.write(DATA, b"\xee" * 512)
    address = 1 << host.facts.bus_address_bits | DATA
    expect("status", host.transfer(0x21, 0, 512, address=address).status, 0)
    expect("the buffer was written", host.read(DATA, 512) != b"\xee" * 512, True)


@clause("1.15", changes_data=True)
def a_mapped_buffer_goes_through_the_page_table(host: Host) -> None:
    """Three pages in no order; the first is entered at its byte 16."""
    _mapped(host)
    host.write_disk(5, pattern(9, 1024), address=DATA + 0x4000)
    pages = [0x90, 0x84, 0x8B]  # page frame numbers: 12000, 10800, 11600
    host.write(PAGE_TABLE, longwords(*(VALID | page for page in pages)))
    expect("status", host.transfer(0x21, 5, 1024, address=VALID | 16, pte_base=PAGE_TABLE).status, 0)
    data = host.read(0x90 * 512 + 16, 496) + host.read(0x84 * 512, 512) + host.read(0x8B * 512, 16)
    expect("the data", data, pattern(9, 1024))


@clause("1.15")
def bits_29_to_9_are_the_index_of_the_first_entry(host: Host) -> None:
    _mapped(host)
    host.write(PAGE_TABLE, longwords(0, 0, 0, VALID | 0x88))
    host.write(0x88 * 512, b"\xee" * 512)
    expect("status", host.transfer(0x21, 0, 512, address=VALID | 3 << 9, pte_base=PAGE_TABLE).status, 0)
    expect("the page was written", host.read(0x88 * 512, 512) != b"\xee" * 512, True)


@clause("1.15")
def an_invalid_page_table_entry_ends_the_command_with_00a9(host: Host) -> None:
    _mapped(host)
    host.write(PAGE_TABLE, longwords(0x88))
    end = host.transfer(0x21, 0, 512, address=VALID, pte_base=PAGE_TABLE)
    expect("status", end.status, 0x00A9)
    expect("byte count", end.byte_count, 0)


@clause("1.15")
def a_transfer_goes_on_up_to_an_invalid_page_table_entry(host: Host) -> None:
    _mapped(host)
    host.write(PAGE_TABLE, longwords(VALID | 0x88, VALID | 0x8A, 0x8C))
    end = host.transfer(0x21, 0, 1536, address=VALID, pte_base=PAGE_TABLE)
    expect("status", end.status, 0x00A9)
    expect("byte count", end.byte_count, 1024)


@clause("1.15", changes_data=True)
def a_mapped_write_takes_the_data_from_its_pages(host: Host) -> None:
    _mapped(host)
    host.write(PAGE_TABLE, longwords(VALID | 0x90, VALID | 0x84))
    host.write(0x90 * 512, pattern(1))
    host.write(0x84 * 512, pattern(2))
    expect("status", host.transfer(0x22, 8, 1024, address=VALID, pte_base=PAGE_TABLE).status, 0)
    expect("the blocks", host.read_disk(8, 1024), pattern(1) + pattern(2))


@clause("1.15")
def a_port_that_shows_mp_walks_page_tables(host: Host) -> None:
    _mapped(host)
    host.write(PAGE_TABLE, longwords(VALID | 0x88))
    expect("status", host.transfer(0x21, 0, 512, address=VALID, pte_base=PAGE_TABLE).status, 0)


@clause("1.15", Need.NONEXISTENT_MEMORY)
def a_page_that_does_not_exist_is_nonexistent_memory(host: Host) -> None:
    _mapped(host)
    nowhere = ((host.facts.nonexistent or 0) >> 9) + 2
    host.write(PAGE_TABLE, longwords(VALID | 0x88, VALID | nowhere))
    end = host.transfer(0x21, 0, 1024, address=VALID, pte_base=PAGE_TABLE)
    expect("status", end.status, 0x0069)
    expect("byte count", end.byte_count, 512)
