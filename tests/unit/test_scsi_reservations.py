"""RESERVE, PERSISTENT RESERVE: who is kept out, and who hears of it."""

import pytest

from tests.unit.scsi_initiator import CHECK_CONDITION, CONFLICT, GOOD, Cells, Stage

RESERVE, RELEASE, READY = "16 00 00 00 00 00", "17 00 00 00 00 00", "00 00 00 00 00 00"
READ, WRITE = "28 00 00000000 00 0001 00", "2a 00 00000000 00 0001 00"
ONE = b"\x11" * 512
WE, EA, WERO, EARO, WEAR, EAAR = 1, 3, 5, 6, 7, 8


@pytest.fixture
def stage():
    stage = Stage()
    stage.other = stage.initiator("other")
    stage.third = stage.initiator("third")
    return stage


def prout(stage, action, kind=0, key=0, action_key=0, flags=0, **keywords):
    data = key.to_bytes(8, "big") + action_key.to_bytes(8, "big") + bytes(4) + bytes((flags,)) + bytes(3)
    return stage.ask(f"5f {action:02x} {kind:02x} 0000 00000018 00", data, **keywords)


def register(stage, key, nexus=None):
    assert prout(stage, 6, action_key=key, nexus=nexus).status == GOOD


def keys(stage):
    data = stage.good("5e 00 00000000 00 00ff 00")
    assert int.from_bytes(data[4:8], "big") == len(data) - 8
    return [int.from_bytes(data[at : at + 8], "big") for at in range(8, len(data), 8)]


def generation(stage):
    return int.from_bytes(stage.good("5e 00 00000000 00 00ff 00")[:4], "big")


def reservation(stage, nexus=None):
    data = stage.good("5e 01 00000000 00 00ff 00", nexus=nexus)
    return (int.from_bytes(data[8:16], "big"), data[21]) if len(data) > 8 else None


def may(stage, nexus):
    read, write = stage.ask(READ, nexus=nexus).status, stage.ask(WRITE, ONE, nexus=nexus).status
    assert {read, write} <= {GOOD, CONFLICT}
    return "r" * (read == GOOD) + "w" * (write == GOOD)


# ---- RESERVE


def test_a_reserved_unit_is_for_its_holder(stage):
    stage.good(RESERVE)
    stage.good(RESERVE)
    for cdb in (
        RESERVE,
        READY,
        READ,
        WRITE,
        "1a 00 0a 00 ff 00",
        "1e 00 00 00 01 00",
        "5e 00 00000000 00 00ff 00",
    ):
        assert stage.ask(cdb, nexus=stage.other).status == CONFLICT, cdb
    for cdb in ("12 00 00 00 24 00", "a0 00 00 00 00 00 00 00 00 10 00 00", "03 00 00 00 12 00", RELEASE,
                "4d 00 40 00 00 00 00 00 ff 00", "1e 00 00 00 00 00", "25" + "00" * 9):  # fmt: skip
        stage.good(cdb, nexus=stage.other)
    stage.good("1a 00 0a 00 ff 00")
    assert stage.ask(READ, nexus=stage.other).status == CONFLICT
    stage.good(RELEASE)
    stage.good(RESERVE, nexus=stage.other)


@pytest.mark.parametrize("function", [5, 6, 7])
def test_a_reset_ends_a_reserve(stage, function):
    stage.good(RESERVE)
    stage.target.manage(function, stage.nexus, 0)
    assert stage.ask(READY, nexus=stage.other).status == CHECK_CONDITION
    stage.good(RESERVE, nexus=stage.other)


def test_a_conflict_consumes_no_unit_attention(stage):
    stage.good(RESERVE)
    stage.target.attach(1, stage.make_unit("SN2", stage.medium))
    assert stage.ask(READ, nexus=stage.other).status == CONFLICT
    assert stage.refused(READY) == "06/3f/0e"
    stage.good(RELEASE)
    assert stage.refused(READ, nexus=stage.other) == "06/3f/0e"


def test_reserve_and_registrations_exclude_each_other(stage):
    register(stage, 5)
    assert stage.ask(RESERVE).status == CONFLICT
    assert stage.ask(RELEASE).status == CONFLICT


def test_third_parties_and_extents_are_refused(stage):
    assert stage.refused("16 10 00 00 00 00") == "05/24/00"
    assert stage.refused("16 01 00 00 00 00") == "05/24/00"


# ---- PERSISTENT RESERVE: registering


def test_registering(stage):
    assert prout(stage, 0, key=9, action_key=5).status == CONFLICT
    assert prout(stage, 0, action_key=0).status == GOOD
    assert prout(stage, 0, action_key=5).status == GOOD
    assert prout(stage, 0, action_key=6).status == CONFLICT
    assert prout(stage, 0, key=5, action_key=6).status == GOOD
    register(stage, 7, stage.other)
    assert keys(stage) == [6, 7]
    assert generation(stage) == 3
    assert prout(stage, 0, key=6).status == GOOD
    assert keys(stage) == [7]
    assert stage.good("5e 00 00000000 00 0008 00").hex() == "00000004" + "00000008"


def test_parameters_that_are_not_supported(stage):
    assert prout(stage, 0, action_key=5, flags=0x08).why == "05/26/00"
    assert prout(stage, 0, action_key=5, flags=0x04).why == "05/26/00"
    assert prout(stage, 0, action_key=5, flags=0x01).why == "05/26/00"
    assert stage.refused("5f 00 00 0000 00000017 00", bytes(23)) == "05/1a/00"
    register(stage, 5)
    assert prout(stage, 1, 2, key=5).why == "05/24/00"
    assert prout(stage, 1, 0x11, key=5).why == "05/24/00"


def test_service_actions_beyond_the_standards_are_refused(stage):
    for action in range(4):
        stage.good(f"5e {action:02x} 00000000 00 00ff 00")
    for action in range(4, 32):
        assert stage.refused(f"5e {action:02x} 00000000 00 00ff 00") == "05/24/00"
    assert stage.good("5e 02 00000000 00 00ff 00").hex() == "00080080ea010000"


def test_full_status_names_the_initiators(stage):
    register(stage, 5)
    register(stage, 6, stage.other)
    assert prout(stage, 1, WE, key=6, nexus=stage.other).status == GOOD
    data = stage.good("5e 03 00000000 00 00ff 00")
    assert data[:8].hex() == "00000002" + "00000060"
    assert data[8:32].hex() == "0000000000000005" + "00000000" + "0000" + "00000000" + "0001" + "00000018"
    assert data[32:56] == b"\x05one".ljust(24, b"\0")
    assert data[68:70].hex() == "0101"


# ---- reservations


@pytest.mark.parametrize(
    ("kind", "registrant", "stranger"),
    [(WE, "r", "r"), (EA, "", ""), (WERO, "rw", "r"), (EARO, "rw", ""), (WEAR, "rw", "r"), (EAAR, "rw", "")],
)
def test_who_may_read_and_write(stage, kind, registrant, stranger):
    register(stage, 5)
    register(stage, 6, stage.other)
    assert prout(stage, 1, kind, key=5).status == GOOD
    assert may(stage, stage.nexus) == "rw"
    assert may(stage, stage.other) == registrant
    assert may(stage, stage.third) == stranger
    for nexus in (stage.other, stage.third):
        stage.good(READY, nexus=nexus)
        stage.good("1b 00 00 00 01 00", nexus=nexus)
    assert stage.ask("1b 00 00 00 00 00", nexus=stage.third).status == CONFLICT
    assert reservation(stage, stage.third) == (0 if kind in (WEAR, EAAR) else 5, kind)


@pytest.mark.parametrize("kind", [WE, EA, WERO, EARO, WEAR, EAAR])
def test_the_holder_that_unregisters_lets_the_reservation_go(stage, kind):
    register(stage, 5)
    register(stage, 6, stage.other)
    assert prout(stage, 1, kind, key=5).status == GOOD
    assert prout(stage, 0, key=5).status == GOOD
    if kind in (WEAR, EAAR):
        assert reservation(stage) == (0, kind)
        stage.good(READY, nexus=stage.other)
        assert prout(stage, 0, key=6, nexus=stage.other).status == GOOD
        assert reservation(stage) is None
    else:
        assert reservation(stage) is None
        told = stage.ask(READY, nexus=stage.other)
        assert (told.why if told.sense else "") == ("06/2a/04" if kind in (WERO, EARO) else "")
    stage.good(READY)


def test_reserving_again_and_by_others(stage):
    register(stage, 5)
    register(stage, 6, stage.other)
    assert prout(stage, 1, WE, key=9).status == CONFLICT
    assert prout(stage, 1, WE, key=5, nexus=stage.third).status == CONFLICT
    assert prout(stage, 1, WE, key=5).status == GOOD
    assert prout(stage, 1, WE, key=5).status == GOOD
    assert prout(stage, 1, EA, key=5).status == CONFLICT
    assert prout(stage, 1, WE, key=6, nexus=stage.other).status == CONFLICT


def test_releasing(stage):
    register(stage, 5)
    register(stage, 6, stage.other)
    assert prout(stage, 1, WERO, key=5).status == GOOD
    assert prout(stage, 2, WERO, key=6, nexus=stage.other).status == GOOD
    assert reservation(stage) == (5, WERO)
    assert prout(stage, 2, EA, key=5).why == "05/26/04"
    assert prout(stage, 2, WERO, key=5).status == GOOD
    assert reservation(stage) is None
    stage.good(READY)
    assert stage.refused(READY, nexus=stage.other) == "06/2a/04"
    stage.good(READY, nexus=stage.third)


def test_clearing(stage):
    register(stage, 5)
    register(stage, 6, stage.other)
    assert prout(stage, 1, EA, key=5).status == GOOD
    assert prout(stage, 3, key=6, nexus=stage.other).status == GOOD
    assert stage.refused(READY) == "06/2a/03"
    assert keys(stage) == []
    assert reservation(stage) is None


def test_preempting_the_holder_takes_the_reservation(stage):
    register(stage, 5)
    register(stage, 6, stage.other)
    register(stage, 7, stage.third)
    assert prout(stage, 1, WE, key=5).status == GOOD
    assert prout(stage, 4, EA, key=6, action_key=5, nexus=stage.other).status == GOOD
    assert reservation(stage, stage.other) == (6, EA)
    assert stage.refused(READY) == "06/2a/05"
    assert stage.refused(READY, nexus=stage.third) == "06/2a/04"
    assert keys(stage) == [6, 7]


def test_preempting_another_only_removes_it(stage):
    register(stage, 5)
    register(stage, 6, stage.other)
    register(stage, 7, stage.third)
    assert prout(stage, 1, WE, key=5).status == GOOD
    assert prout(stage, 4, WE, key=6, action_key=7, nexus=stage.other).status == GOOD
    assert reservation(stage) == (5, WE)
    assert stage.refused(READY, nexus=stage.third) == "06/2a/05"
    assert prout(stage, 4, WE, key=6, action_key=99, nexus=stage.other).status == CONFLICT


def test_preempting_all_registrants_with_key_0_takes_it_from_all(stage):
    register(stage, 5)
    register(stage, 6, stage.other)
    assert prout(stage, 1, WEAR, key=5).status == GOOD
    assert prout(stage, 4, WE, key=6, nexus=stage.other).status == GOOD
    assert reservation(stage, stage.other) == (6, WE)
    assert stage.refused(READY) == "06/2a/05"
    assert keys(stage) == [6]


def test_preempt_and_abort_ends_the_tasks_of_its_victims(stage):
    register(stage, 5)
    register(stage, 6, stage.other)
    task = stage.start(WRITE, None)
    assert prout(stage, 5, WE, key=6, action_key=5, nexus=stage.other).status == GOOD
    assert task.was_aborted
    assert stage.refused(READY) == "06/2f/00"
    assert stage.refused(READY) == "06/2a/05"
    assert keys(stage) == [6]


def test_register_and_move_gives_the_reservation_away(stage):
    register(stage, 5)
    assert prout(stage, 1, EA, key=5).status == GOOD
    identity = b"\x05other".ljust(24, b"\0")
    data = (
        (5).to_bytes(8, "big") + (6).to_bytes(8, "big") + b"\x00\x02\x00\x01" + b"\x00\x00\x00\x18" + identity
    )
    stage.good("5f 07 03 0000 00000030 00", data)
    assert reservation(stage, stage.other) == (6, EA)
    assert stage.ask(READ).status == CONFLICT
    stage.good(READ, nexus=stage.other)


def test_registrations_outlive_resets_and_lost_nexuses(stage):
    register(stage, 5)
    assert prout(stage, 1, EA, key=5).status == GOOD
    stage.target.manage(7, stage.nexus, 0)
    stage.target.disconnect(stage.nexus)
    assert stage.ask(READ, nexus=stage.other).status == CONFLICT
    stage.target.connect(stage.nexus)
    assert stage.refused(READY) == "06/29/07"
    stage.good(READ)


@pytest.mark.parametrize("through", [0, 1])
def test_registrations_outlive_power_if_that_is_wanted(through):
    cells = Cells()
    before = Stage(nonvolatile=cells)
    assert prout(before, 0, action_key=5, flags=through).status == GOOD
    assert prout(before, 1, EA, key=5).status == GOOD
    assert before.good("5e 02 00000000 00 00ff 00")[2:4] == bytes((0x01, 0x80 | through))
    after = Stage(medium=before.medium, nonvolatile=cells)
    assert keys(after) == [5] * through
    assert reservation(after) == ((5, EA) if through else None)
    other = after.initiator("other")
    assert after.ask(READ, nexus=other).status == (CONFLICT if through else GOOD)
