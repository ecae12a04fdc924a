"""Numbers typed from the book against the enumerations."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.wire.codes import dup, ods2, uqssp
from emu.wire.codes.mscp import (
    CF,
    CF_HOST_SETTABLE,
    COPY,
    EF,
    FM,
    FORMAT,
    LF,
    MD,
    MODIFIERS,
    OP,
    RF,
    SB,
    ST,
    UF,
    WHM,
    invalid_command,
    legal_modifiers,
    media_id,
    media_text,
)
from emu.wire.codes.uqssp import FATAL, HOST1, HOST2, HOST3, HOST4, MODEL, STEP, ConnectionId, MessageType


def test_opcodes_are_the_manuals_octal_numbers():
    assert (OP.ABO, OP.GCS, OP.GUS, OP.SCC) == (0o1, 0o2, 0o3, 0o4)
    assert (OP.AVL, OP.ONL, OP.SUC, OP.DAP) == (0o10, 0o11, 0o12, 0o13)
    assert (OP.ANM, OP.DSP, OP.GUN, OP.DCD, OP.WHM) == (0o5, 0o6, 0o7, 0o15, 0o31)
    assert (OP.ACC, OP.CCD, OP.ERS, OP.FLU, OP.RPL, OP.FMT) == (0o20, 0o21, 0o22, 0o23, 0o24, 0o30)
    assert (OP.CMP, OP.RD, OP.WR, OP.RCE, OP.FMT_RX33, OP.TER) == (0o40, 0o41, 0o42, 0o43, 0o57, 0o60)
    assert (OP.AVA, OP.DUP, OP.ACP, OP.RWA, OP.END, OP.SEX) == (0o100, 0o101, 0o102, 0o103, 0o200, 0o207)


def test_modifiers_are_the_manuals_bits():
    assert (MD.EXP, MD.CMP, MD.CSE, MD.ERR) == (0x8000, 0x4000, 0x2000, 0x1000)
    assert (MD.SCH, MD.SCL, MD.SEC, MD.SER) == (0x0800, 0x0400, 0x0200, 0x0100)
    assert (MD.SSH, MD.WBN, MD.WBV, MD.SEQ) == (0x0080, 0x0040, 0x0020, 0x0010)
    assert (MD.SPD, MD.ALC, MD.DSO, MD.DSO_VMS, MD.FEU, MD.VOL, MD.NXU) == (1, 2, 4, 0x10, 1, 2, 1)
    assert (MD.RIP, MD.IMF, MD.SWP, MD.CWB, MD.SHD, MD.EXC, MD.PRI) == (1, 2, 4, 8, 0x10, 0x20, 1)
    assert (MD.LOCSU, MD.ESTCP, MD.RETCP, MD.HISLO, MD.SUPWL, MD.REUSE) == (1, 2, 4, 8, 0x10, 0x80)


def test_legal_modifiers_follow_the_command():
    assert legal_modifiers(OP.ABO) == 0
    assert legal_modifiers(0x03) == 0x0001
    assert legal_modifiers(OP.ONL) == 0x003F
    assert legal_modifiers(OP.RD) == 0xCF80
    assert legal_modifiers(0x3F) == 0


def test_every_modifier_of_the_table_exists():
    for names in MODIFIERS.values():
        assert all(isinstance(getattr(MD, name), int) for name in names)


def test_flags_are_the_manuals_bits():
    assert (EF.BBR, EF.BBU, EF.LOG, EF.SEX) == (0x80, 0x40, 0x20, 0x10)
    assert (EF.ALLOF, EF.HISLO, EF.CPRET) == (8, 4, 1)
    assert CF.ATN | CF.MSC | CF.THS == 0x00D0
    assert (CF.B576, CF.SHD, CF.MLH, CF.LDCD, CF.OTH, CF.RDCD, CF.WHL) == (1, 2, 4, 8, 0x20, 0x100, 0x200)
    assert (CF.RDO, CF.NFESC, CF.LOAD, CF.EDCRP, CF.RPL) == (0x400, 0x800, 0x2000, 0x4000, 0x8000)
    assert CF_HOST_SETTABLE == 0x00F0
    assert (UF.CMR, UF.CMW, UF.B576, UF.WHL, UF.WBN, UF.RMV) == (1, 2, 4, 8, 0x40, 0x80)
    assert (UF.WPD, UF.SSMST, UF.EXC, UF.SCH) == (0x100, 0x200, 0x400, 0x800)
    assert (UF.WPS, UF.WPH, UF.SSMEM, UF.RPL) == (0x1000, 0x2000, 0x4000, 0x8000)


def test_major_codes_are_the_low_five_bits():
    assert [ST.SUC, ST.CMD, ST.ABO, ST.OFL, ST.AVL, ST.MFE, ST.WPR, ST.CMP] == [0, 1, 2, 3, 4, 5, 6, 7]
    assert [ST.DAT, ST.HST, ST.CNT, ST.DRV, ST.SHST, ST.WHE] == [8, 9, 10, 11, 12, 13]
    assert [ST.BBR, ST.IPARM, ST.INFO, ST.LOADR, ST.HOST, ST.SBC, ST.DIA] == [20, 21, 22, 23, 24, 30, 31]


@pytest.mark.parametrize("word", SB, ids=lambda word: word.name)
def test_status_word_belongs_to_the_code_in_its_name(word):
    assert ST[word.name.partition("_")[0]] == word & 0x1F


def test_status_words_are_the_books():
    assert (SB.SUC_SPIN_DOWN_IGNORED, SB.SUC_STILL_CONNECTED, SB.SUC_DUPLICATE_UNIT) == (0o40, 0o100, 0o200)
    assert (SB.SUC_ALREADY_ONLINE, SB.SUC_READ_ONLY_FORMAT) == (0o400, 0o10000)
    assert (SB.OFL, SB.OFL_NO_VOLUME, SB.OFL_INOPERATIVE, SB.OFL_EXCLUSIVE) == (0o3, 0o43, 0o103, 0o1003)
    assert (SB.AVL, SB.AVL_COPY_IN_PROGRESS, SB.AVL_NO_MEMBERS) == (0x0004, 0x0044, 0x0084)
    assert SB.AVL_ALREADY_IN_USE == 0o2004
    assert (SB.MFE_NOT_512, SB.MFE_UNFORMATTED, SB.MFE_RCT_CORRUPTED) == (0x00A5, 0x00C5, 0x0105)
    assert (SB.WPR_DATA_SAFETY, SB.WPR_SOFTWARE, SB.WPR_HARDWARE) == (0o406, 0o10006, 0o20006)
    assert (SB.DAT_FORCED_ERROR, SB.DAT_ECC, SB.DAT_ECC_1, SB.DAT_ECC_15) == (0x08, 0xE8, 0x108, 0x2C8)
    assert (SB.HST_ODD_ADDRESS, SB.HST_ODD_COUNT, SB.HST_NXM) == (0x0029, 0x0049, 0x0069)
    assert (SB.HST_PARITY, SB.HST_INVALID_PTE) == (0x0089, 0x00A9)
    assert (SB.CNT_REMOTE_RESOURCE, SB.CNT_RCONL, SB.CNT_DISCN) == (0o512, 0o1212, 0o1712)
    assert (SB.DRV, SB.DRV_POSITIONER, SB.DRV_COLLISION) == (0x000B, 0x006B, 0x01AB)
    assert (SB.WHE_ALLOCATION, SB.WHE_TABLE_FULL, SB.WHE_NO_ENTRY) == (0o55, 0o115, 0o415)
    assert (SB.BBR_NOT_REPLACED, SB.BBR_RCT_FULL, SB.BBR_RECURSION) == (0o64, 0o264, 0o324)
    assert (SB.SBC_DESTINATION_UNRECOVERABLE, SB.SBC_SOURCE_TIMEOUT) == (0x009E, 0x803E)
    assert SB.LOADR_UNRECOVERABLE == 18 << 5 | 0x17


def test_invalid_command_carries_the_offset_in_the_high_byte():
    assert [invalid_command(offset) for offset in (0, 8, 10, 12, 28)] == [0x1, 0x801, 0xA01, 0xC01, 0x1C01]
    assert invalid_command(8) == SB.CMD_OPCODE
    assert invalid_command(14) == SB.CMD_UNIT_FLAGS


def test_error_log_numbers_are_the_books():
    assert (FM.CNT, FM.BAD, FM.DSK, FM.SDI, FM.SDE, FM.RPL, FM.LDR) == (0, 1, 2, 3, 4, 9, 10)
    assert (LF.SUC, LF.CON, LF.BBR, LF.RPL, LF.INF, LF.SNR) == (0x80, 0x40, 0x20, 0x10, 0x02, 0x01)
    assert (RF.RPA, RF.FER, RF.TRV, RF.RFE, RF.RCI, RF.RBB) == (0x8000, 0x4000, 0x2000, 0x1000, 0x800, 0x400)
    assert (COPY.NONE, COPY.COPY, COPY.MERGE, COPY.MINIMERGE) == (0, 1, 2, 3)
    assert (WHM.DALL, WHM.DHRN, WHM.DELO, WHM.RALL, WHM.RHRN, WHM.DAFC) == (1, 2, 3, 4, 5, 6)
    assert FORMAT.RX33 == 0o432


def test_step_words_of_captured_initialisations_are_made_of_the_step_bits():
    assert STEP.S1 | STEP.QB | STEP.DI | STEP.MP == 0x0B40
    assert STEP.S1 | STEP.DI | STEP.MP == 0x0940
    assert STEP.S2 | (HOST1.VL >> 8 & uqssp.ECHO_MASK) == 0x1080
    assert STEP.S4 | MODEL.RQDX3 << uqssp.MODEL_SHIFT | 3 == 0x4133
    assert STEP.S4 | MODEL.UDA50A << uqssp.MODEL_SHIFT | 3 == 0x4063
    rings = 3 << uqssp.COMMAND_RING_SHIFT | 3 << uqssp.RESPONSE_RING_SHIFT
    assert HOST1.VL | rings | HOST1.IE | 0o154 >> uqssp.VECTOR_SHIFT == 0x9B9B
    assert (HOST2.PI, HOST3.PP, HOST1.WR) == (1, 0x8000, 0x4000)
    assert (HOST4.GO, HOST4.LF, HOST4.SF, HOST4.NN, HOST4.CS) == (1, 2, 0x100, 0x200, 0x400)
    assert (STEP.ER, STEP.S3, STEP.NV, STEP.OD, STEP.SF, STEP.CN) == (0x8000, 0x2000, 0x400, 0x80, 0x20, 0x10)


def test_fatal_codes_give_the_books_sa_words():
    assert STEP.ER | FATAL.ENVELOPE_READ == 0o100001
    assert STEP.ER | FATAL.RING_WRITE == 0o100007
    assert STEP.ER | FATAL.HOST_TIMEOUT == 0o100011
    assert STEP.ER | FATAL.CONNECTION_ID == 0o100016
    assert STEP.ER | FATAL.PURGE_POLL == 0o100025
    assert STEP.ER | FATAL.MAPPING_ABSENT == 0o100027
    assert STEP.ER | FATAL.RQDX3_NO_RESOURCE == 0o100736
    assert [int(code) for code in FATAL] == [*range(1, 24), 475, 476, 477, 478]


def test_envelope_and_descriptor_numbers_are_the_books():
    assert (MessageType.SEQUENTIAL, MessageType.DATAGRAM, MessageType.MAINTENANCE) == (0, 1, 15)
    assert (ConnectionId.DISK, ConnectionId.TAPE, ConnectionId.DUP, ConnectionId.MAINTENANCE) == (
        0,
        1,
        2,
        255,
    )
    assert uqssp.OWN == 0o20000000000
    assert uqssp.FLAG == 0o10000000000
    assert uqssp.OWN | uqssp.FLAG | 0x1D2 == 0xC00001D2


def test_controller_models_are_the_books():
    assert (MODEL.HSC50, MODEL.UDA50, MODEL.RC25, MODEL.EMULA) == (1, 2, 3, 4)
    assert (MODEL.RQDX1, MODEL.KDA50, MODEL.KDB50, MODEL.KDM70) == (7, 13, 18, 27)
    assert (MODEL.HSC70, MODEL.HSJ40, MODEL.RF30, MODEL.HSX50, MODEL.SVS) == (32, 40, 96, 128, 249)


def test_dup_numbers_are_the_books():
    assert [int(opcode) for opcode in dup.OP] == [1, 2, 3, 4, 5, 6, 7, 0x80]
    assert [int(status) for status in dup.ST] == [0, 1, 2, 3, 4, 5, 6, 9, 0x0801, 0x0C01]
    assert [int(kind) for kind in dup.DIALOGUE] == [1, 2, 3, 4, 5, 6]
    assert (dup.MD.STANDALONE, dup.MD.TBC) == (1, 8)


def test_storage_control_block_bits_are_the_books():
    assert (ods2.SHADOW_STATUS.NORMAL, ods2.SHADOW_STATUS.COPYING, ods2.SHADOW_STATUS.MERGING) == (1, 32, 64)
    assert (ods2.SHADOW_STATUS.MUST_MRG, ods2.SHADOW_STATUS.FAILED) == (0x0800, 0x8000)
    assert (ods2.MEMBER_STATUS.FCPY, ods2.MEMBER_STATUS.SRC, ods2.MEMBER_STATUS.VALID) == (1, 0x20, 0x80)
    assert (ods2.STRUCLEV.ODS2, ods2.STRUCLEV.ODS5) == (512, 1280)


@pytest.mark.parametrize(
    ("device", "media", "number", "identifier"),
    [
        ("DU", "RA", 92, 0x2564105C),
        ("DU", "RD", 54, 0x25644036),
        ("DA", "RCF", 25, 0x20643319),
        ("DJ", "RA", 60, 0x22A4103C),
        ("DI", "RF", 30, 0x2264601E),
        ("DE", "SVS", 0, 0x21676980),
        ("DU", "ESE", 20, 0x254B3294),
    ],
)
def test_media_identifier_spells_the_drive(device, media, number, identifier):
    assert media_id(device, media, number) == identifier
    assert media_text(identifier) == f"{device} {media}{number}"


letters = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=3)


@given(
    device=st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=2, max_size=2),
    media=letters,
    number=st.integers(0, 127),
)
@settings(derandomize=True, deadline=None, max_examples=50)
def test_media_identifier_is_read_back(device, media, number):
    assert media_text(media_id(device, media, number)) == f"{device} {media}{number}"


def test_looking_a_number_up_gives_the_manuals_words():
    assert OP(0x21).words == "READ"
    assert SB(0x0069).words == "host buffer: non-existent memory"
    assert UF(0x2000).words == "write protected, hardware"
