"""Requests of the shadow driver keep what they carry, and what is none is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.shadow.requests import (
    Adopt,
    BitRange,
    CopyDelay,
    Fence,
    FindDevice,
    FindUse,
    LockRange,
    Query,
    SetBits,
    Stall,
    UnlockRange,
    Usage,
    pack_state,
    unpack_state,
)
from drivers.shadow.state import BitmapRecord, MemberRecord, MemberState, SetState
from emu.wire.codes.shadowing import DiskUse
from emu.wire.generated.shadowing import SetHeader

ascii_text = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=8)
quadwords = st.integers(0, 2**64 - 1)
longwords = st.integers(0, 2**32 - 1)
members = st.builds(MemberRecord, ascii_text, quadwords, st.sampled_from(MemberState), st.booleans())
bitmaps = st.builds(
    BitmapRecord,
    identifier=longwords,
    unit=ascii_text,
    master=ascii_text,
    device=ascii_text,
    member=quadwords,
    name=st.binary(min_size=22, max_size=22),
    generation=quadwords,
    created_ns=quadwords,
    in_use=st.booleans(),
)
states = st.builds(
    SetState,
    name=ascii_text,
    unit_id=quadwords,
    label=ascii_text,
    block_count=longwords,
    scb_lbn=longwords,
    cluster_blocks=longwords,
    mount_time=quadwords,
    generation=quadwords,
    members=st.lists(members, max_size=3).map(tuple),
    nodes=st.lists(ascii_text, max_size=4).map(tuple),
    bitmaps=st.lists(bitmaps, max_size=6).map(tuple),
    copier=ascii_text,
    merging=st.booleans(),
    merge_fence_lbn=longwords,
    version=longwords,
    epoch=longwords,
)
ranges = st.tuples(ascii_text, longwords, longwords)


@given(states)
def test_the_state_of_a_set_survives_as_bytes(state: SetState) -> None:
    assert unpack_state(pack_state(state)) == state
    assert Adopt.unpack(Adopt(state, "ALPHA1").pack()) == Adopt(state, "ALPHA1")
    assert Query.unpack_answer(Query.pack_answer(state)) == state


@given(ranges)
def test_small_requests_survive_as_bytes(fields: tuple[str, int, int]) -> None:
    unit, first, second = fields
    for request in (
        Stall(unit),
        Query(unit),
        SetBits((BitRange(first, second, first),) * (1 + first % 9)),
        LockRange(unit, first, second, first),
        UnlockRange(unit, first),
        FindDevice(unit),
        FindUse(unit),
        CopyDelay(unit),
        Fence(unit, "$1$DUA11:", first, second),
    ):
        assert type(request).unpack(request.pack()) == request


@pytest.mark.parametrize(
    "usage", [Usage(DiskUse.NONE), Usage(DiskUse.WRITTEN), Usage(DiskUse.MEMBER, "DSA1:")]
)
def test_what_a_disk_is_used_for_survives_as_bytes(usage: Usage) -> None:
    assert FindUse.unpack_answer(FindUse.pack_answer(usage)) == usage


def test_a_set_that_is_not_mounted_is_an_empty_answer() -> None:
    assert Query.pack_answer(None) == b""
    assert Query.unpack_answer(b"") is None


@given(st.binary(max_size=200))
def test_bytes_that_are_no_state_are_refused_with_an_error_of_value(data: bytes) -> None:
    try:
        state = unpack_state(data)
    except ValueError:
        return
    assert len(pack_state(state)) <= len(data)


def test_a_structure_level_of_no_known_volume_is_refused() -> None:
    data = bytearray(pack_state(SetState("DSA1:", 1, "X", 1, 29, 1, 1, 1, (), ())))
    place = SetHeader.LAYOUT["struclev"][0]
    data[place : place + 2] = b"\x01\x09"
    with pytest.raises(ValueError, match="structure level 0x901"):
        unpack_state(data)


def test_a_member_of_no_known_status_is_refused() -> None:
    state = SetState("DSA1:", 1, "X", 1, 29, 1, 1, 1, (MemberRecord("A", 1, MemberState.SOURCE),), ())
    data = bytearray(pack_state(state))
    data[92 + 40] = 0x77  # status of the first member, behind a header of 92 bytes
    with pytest.raises(ValueError, match="status 0x77"):
        unpack_state(data)


def test_a_node_that_would_not_copy_answers_nothing() -> None:
    assert CopyDelay.pack_answer(None) == b""
    assert CopyDelay.unpack_answer(b"") is None
    assert CopyDelay.unpack_answer(CopyDelay.pack_answer(30)) == 30
