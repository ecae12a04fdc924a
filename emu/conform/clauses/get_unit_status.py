"""GET UNIT STATUS."""

from emu.conform.clause import clause, expect, expect_in, expect_that, require
from emu.conform.host import Host
from emu.conform.target import Need


@clause("3.3")
def a_unit_that_is_ready_is_available(host: Host) -> None:
    host.start()
    expect("status", host.ask(0x03).status, 0x0004)


@clause("3.3")
def a_unit_that_is_online_is_success(host: Host) -> None:
    host.start_online()
    expect("status", host.ask(0x03).status, 0)


@clause("3.3")
def an_unknown_unit_is_offline(host: Host) -> None:
    host.start()
    expect("status", host.ask(0x03, host.facts.absent).status, 0x0003)


@clause("3.3", Need.EMPTY_UNIT)
def a_drive_without_a_medium_is_offline_0023(host: Host) -> None:
    host.start()
    expect("status", host.ask(0x03, host.facts.empty).status, 0x0023)


@clause("3.3", Need.EMPTY_UNIT)
def a_drive_without_a_medium_is_described(host: Host) -> None:
    """Ultrix and VMS rely on it."""
    host.start()
    end = host.ask(0x03, host.facts.empty)
    expect_that(end.u32(28), "the media identifier of a drive without a medium is not zero")
    expect("class in the unit identifier", end.u8(27), 2)


@clause("3.3")
def its_end_message_has_48_bytes(host: Host) -> None:
    """52 when the controller reports its load (flag LOAD)."""
    flags = host.start().u16(14)
    expect("length", host.ask(0x03).length, 52 if flags & 0x2000 else 48)


@clause("3.3")
def an_available_unit_is_described(host: Host) -> None:
    host.start()
    available = host.ask(0x03)
    host.online()
    online = host.ask(0x03)
    expect("bytes 20 to 47", available.text[20:48], online.text[20:48])


@clause("3.3")
def an_unknown_unit_is_not_described(host: Host) -> None:
    host.start()
    end = host.ask(0x03, host.facts.absent)
    expect("unit identifier and media identifier", end.text[20:32], bytes(12))


@clause("3.3")
def the_unit_asked_for_is_the_unit_reported(host: Host) -> None:
    host.start()
    expect("unit", host.ask(0x03).unit, host.facts.scratch)


@clause("3.3")
def the_shadow_unit_is_the_unit_itself(host: Host) -> None:
    host.start()
    end = host.ask(0x03)
    expect("shadow unit", end.u16(32), host.facts.scratch)
    expect("shadow status", end.u16(34), 0)


@clause("3.3")
def the_geometry_is_not_zero(host: Host) -> None:
    host.start()
    end = host.ask(0x03)
    for what, offset in (("track size", 36), ("group size", 38), ("cylinder size", 40)):
        expect_that(end.u16(offset), f"the {what} is not zero")


@clause("2.13")
def the_media_identifier_is_that_of_the_drive(host: Host) -> None:
    require(host.facts.scratch in host.facts.media_ids, "a media identifier in the target's facts")
    host.start()
    expect("media identifier", host.ask(0x03).u32(28), host.facts.media_ids[host.facts.scratch])


@clause("2.13")
def the_media_identifier_has_five_letters_and_a_number(host: Host) -> None:
    """Letters are 1 to 26 or, at the end of the media name, 0."""
    host.start()
    media = host.ask(0x03).u32(28)
    letters = [media >> shift & 0x1F for shift in (27, 22, 17, 12, 7)]
    expect_that(all(letter <= 26 for letter in letters), "each letter is 0 to 26")
    expect_that(all(letters[:3]), "device name and media name begin with a letter")
    expect_that(media & 0x7F <= 99, "the number has two digits")


@clause("2.12")
def the_unit_identifier_has_class_2(host: Host) -> None:
    host.start()
    expect("class", host.ask(0x03).u8(27), 2)


@clause("2.12", Need.OTHER_UNIT)
def unit_identifiers_differ_between_units(host: Host) -> None:
    host.start()
    expect_that(
        host.ask(0x03).u64(20) != host.ask(0x03, host.facts.other).u64(20), "two units have two identifiers"
    )


@clause("2.12")
def the_unit_identifier_is_the_same_after_an_initialisation(host: Host) -> None:
    host.start()
    before = host.ask(0x03).u64(20)
    host.start()
    expect("unit identifier", host.ask(0x03).u64(20), before)


@clause("3.3")
def it_does_not_change_the_state_of_a_unit(host: Host) -> None:
    host.start()
    host.ask(0x03)
    expect("status of READ", host.transfer(0x21, 0).status, 0x0004)


@clause("3.3")
def next_unit_returns_the_unit_itself_if_there_is_one(host: Host) -> None:
    host.start()
    expect("unit", host.ask(0x03, host.facts.scratch, 0x0001).unit, host.facts.scratch)


@clause("3.3", Need.GAP)
def next_unit_goes_over_a_gap(host: Host) -> None:
    host.start()
    gap = host.facts.gap or 0
    end = host.ask(0x03, gap, 0x0001)
    expect_that(end.unit > gap, f"the unit after the gap at {gap} is reported, not {end.unit}")
    expect_that(end.status != 0x0003, "the unit after the gap is a known one")


@clause("3.3", Need.EMPTY_UNIT)
def next_unit_finds_a_drive_without_a_medium(host: Host) -> None:
    host.start()
    end = host.ask(0x03, host.facts.empty, 0x0001)
    expect("unit", end.unit, host.facts.empty)
    expect("status", end.status, 0x0023)


@clause("3.3")
def a_walk_by_next_unit_comes_to_an_end(host: Host) -> None:
    """It ends with a smaller number (NetBSD), 0 (Ultrix) or an unknown unit."""
    host.start()
    asked = 0
    for _ in range(40):
        end = host.ask(0x03, asked, 0x0001)
        if end.unit < asked or end.status == 0x0003:
            return
        asked = end.unit + 1
    expect_that(False, "the walk has ended after forty units")


@clause("3.3")
def next_unit_beyond_the_last_wraps_to_unit_zero(host: Host) -> None:
    host.start()
    end = host.ask(0x03, 0x3FFF, 0x0001)
    expect("unit", end.unit, 0)


@clause("3.3")
def a_walk_finds_the_units_in_ascending_order(host: Host) -> None:
    host.start()
    found, asked = [], 0
    for _ in range(40):
        end = host.ask(0x03, asked, 0x0001)
        if end.unit < asked or end.status == 0x0003:
            break
        found.append(end.unit)
        asked = end.unit + 1
    expect("order", found, sorted(set(found)))
    known = [host.facts.scratch, host.facts.other, host.facts.locked, host.facts.empty]
    for unit in known:
        if unit is not None and not host.facts.missing(Need.GAP):
            expect_in("units found", unit, found)


@clause("3.3", Need.HOLDING)
def it_is_answered_while_the_unit_is_busy(host: Host) -> None:
    host.start_online()
    host.operator.hold(host.facts.scratch)
    host.send(0x21, parameters=host.extent(0, 512))
    host.send(0x09, parameters=bytes(24))
    expect("status", host.ask(0x03).status, 0)


@clause("2.4", Need.LOCKED_UNIT)
def a_locked_unit_shows_wrtph(host: Host) -> None:
    host.start()
    expect("unit flag WRTPH", host.ask(0x03, host.facts.locked).u16(14) & 0x2000, 0x2000)


@clause("2.4")
def a_writable_unit_does_not_show_wrtph(host: Host) -> None:
    host.start()
    expect("unit flag WRTPH", host.ask(0x03).u16(14) & 0x2000, 0)


@clause("2.4", Need.REMOVABLE_UNIT)
def a_removable_unit_shows_rmvbl(host: Host) -> None:
    host.start()
    expect("unit flag RMVBL", host.ask(0x03, host.facts.removable).u16(14) & 0x0080, 0x0080)


@clause("2.4", Need.CONTROLLER_REPLACES)
def units_of_a_controller_that_replaces_show_replc(host: Host) -> None:
    host.start()
    expect("unit flag REPLC", host.ask(0x03).u16(14) & 0x8000, 0x8000)


@clause("2.4", Need.REPLACE)
def units_of_a_controller_that_does_not_replace_do_not_show_replc(host: Host) -> None:
    host.start()
    expect("unit flag REPLC", host.ask(0x03).u16(14) & 0x8000, 0)
