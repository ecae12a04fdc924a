"""Layouts and codes of a cluster against VMS's definition libraries, typed from there."""

from emu.wire.codes.scs import (
    CLUSTER_MESSAGE_BYTES,
    RESPONSE,
    Capability,
    ConnectStatus,
    Facility,
    LockMode,
    MessageType,
    PpdOpcode,
    PpdType,
)
from emu.wire.generated.scs import BlockTransfer, ClusterMessage, Connect, ConnectAnswer, Lock, ScsHeader
from emu.wire.generated.shadowing import SetBits

LENGTH_FIELD = 2  # PPD$W_LENGTH is not counted in SCS$C_..L


def test_scs_messages_are_as_long_as_scsdef_says() -> None:
    assert ScsHeader.SIZE - LENGTH_FIELD == 14  # SCS$C_OVHD
    assert ScsHeader.SIZE - LENGTH_FIELD + Connect.SIZE == 66  # SCS$C_CON_REQL
    assert ScsHeader.SIZE - LENGTH_FIELD + ConnectAnswer.SIZE == 18  # SCS$C_REJ_REQL
    assert BlockTransfer.SIZE == 28  # SCS$S_SCSDEF1
    assert CLUSTER_MESSAGE_BYTES == 132  # CLSMSG$K_MAXMSG, %X84


def test_message_types_and_statuses_are_those_of_scsdef() -> None:
    assert [int(kind) for kind in MessageType] == list(range(12))
    assert (MessageType.CON_REQ, MessageType.CR_REQ, MessageType.APPL_MSG, MessageType.APPL_DG) == (
        0,
        8,
        10,
        11,
    )
    assert [int(status) for status in ConnectStatus] == [1, 10, 18, 25, 33]


def test_port_opcodes_are_those_of_ppddef() -> None:
    assert [PpdOpcode.SNDDG, PpdOpcode.SNDMSG, PpdOpcode.RETCNF, PpdOpcode.REQDAT] == [1, 2, 3, 8]
    assert [PpdOpcode.SNDDAT, PpdOpcode.RETDAT] == [0x10, 0x11]
    assert [PpdType.START, PpdType.STACK, PpdType.ACK, PpdType.NODE_STOP] == [0, 1, 2, 6]


def test_facilities_modes_and_capabilities_have_their_numbers() -> None:
    assert [Facility.CNX, Facility.LCK, Facility.ACK, RESPONSE] == [1, 2, 4, 0x80]
    assert [mode.name for mode in sorted(LockMode)] == ["NL", "CR", "CW", "PR", "PW", "EX"]
    assert [Capability.WBM_SHADOW, Capability.WBM_ALL] == [1 << 9, 1 << 10]


def test_nine_set_bits_fit_one_cluster_message() -> None:
    assert ClusterMessage.SIZE + 9 * SetBits.SIZE <= 132
    assert SetBits.SIZE == 12


def test_a_lock_message_fits_one_cluster_message_and_has_a_value_block_of_16_bytes() -> None:
    assert ClusterMessage.SIZE + Lock.SIZE <= 132
    assert Lock.LAYOUT["value"] == (16, 16)


def test_the_bytes_of_a_message_by_hand() -> None:
    message = ScsHeader.pack_fields(14 + 3, 4, 10, 2, 0x0001_0002, 0x0003_0004) + b"abc"
    assert message == bytes.fromhex("1100 0400 0a00 0200 02000100 04000300") + b"abc"
