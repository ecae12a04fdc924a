"""The assembler of the guest programs against encodings from handbooks; committed images are current."""

import pytest

from emu.shells.guest_assembler import AssemblyError, assemble_pdp11, assemble_vax
from emu.shells.guest_build import GUESTS, absolute_tape, disk_image, stale_files


def words(source: str) -> list[int]:
    ((_, contents),) = assemble_pdp11(f" . = 1000\n{source}\n", "t").pieces
    return [contents[place] | contents[place + 1] << 8 for place in range(0, len(contents), 2)]


def octets(source: str) -> str:
    ((_, contents),) = assemble_vax(f"{source}\n", "t").pieces
    return contents.hex(" ")


def test_the_committed_guests_are_current() -> None:
    assert not stale_files(GUESTS), "run: python -m emu.shells.guest_build"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("MOV #1000,SP", [0o012706, 0o1000]),
        ("MOV R1,-(SP)", [0o010146]),
        ("MOVB (R5)+,R0", [0o112500]),
        ("CMP 2(R4),@#177776", [0o026437, 2, 0o177776]),
        ("JSR PC,@0(R4)", [0o004774, 0]),
        ("JSR R5,1010", [0o004567, 4]),
        ("RTS R5", [0o000205]),
        ("TSTB @#177564\nBPL .-4", [0o105737, 0o177564, 0o100375]),
        ("10$: SOB R3,10$", [0o077301]),
        ("SUB @1010,@R2", [0o167712, 0o4]),
        ("BIC #^C<60!7>,@(R3)+", [0o042733, 0o177710]),
        ("BLO .+2", [0o103400]),
        ("SBC R1\nROL R0\nSWAB R2\nRTI\nHALT", [0o005601, 0o006100, 0o000302, 0o000002, 0]),
    ],
)
def test_pdp11_instructions_are_encoded_as_in_the_handbook(source: str, expected: list[int]) -> None:
    assert words(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("MOVL #63,R0", "d0 3f 50"),
        ("MOVL #64,R0", "d0 8f 40 00 00 00 50"),
        ("MOVZBL 102(R11),R2", "9a ab 66 52"),
        ("ADDL3 (R7),R7,R6", "c1 67 57 56"),
        ("CALLS #6,(R6)", "fb 06 66"),
        ("MTPR R0,#35", "da 50 23"),
        ("PUSHAB 10$\n10$: NOP", "9f cf 00 00 01"),
        ("10$: BBC #7,R3,10$", "e1 07 53 fc"),
        ("10$: BSBW 10$", "30 fd ff"),
        ("MOVL (SP)+,R2", "d0 8e 52"),
        (".ASCIZ /a;b/<13><10> ; text", "61 3b 62 0d 0a 00"),
        (".PATTERN 3,^X0102", "00 00 00 00 02 01 00 00 04 02 00 00"),
    ],
)
def test_vax_instructions_are_encoded_as_in_the_handbook(source: str, expected: str) -> None:
    assert octets(source) == expected


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("\nMOV NOWHERE,R0", "t:2: NOWHERE is not defined"),
        ("JUMP R0", "t:1: JUMP is not known"),
        ("BR .+1000", "t:1: .+1000 is too far"),
        ("MOV R0", "t:1: MOV has 2 operands"),
        ("A: .WORD 1\nA: .WORD 2", "t:2: A is defined twice, or not at the same place in both passes"),
        (" . = 100\n . = 76", "t:2: the location counter goes back"),
        (".WORD <1+2", "t:1: a < without its >"),
    ],
)
def test_a_wrong_line_is_named(source: str, complaint: str) -> None:
    with pytest.raises(AssemblyError) as error:
        assemble_pdp11(source, "t")
    assert str(error.value) == complaint


def test_local_labels_live_between_two_ordinary_ones() -> None:
    assert words("A: BR 10$\n10$: NOP\nB: BR 10$\n10$: NOP") == [0o000400, 0o000240, 0o000400, 0o000240]


def test_a_tape_is_blocks_whose_bytes_add_up_to_zero() -> None:
    tape = absolute_tape([(0o1000, b"\x01\x02\x03")], 0o1000)
    assert tape == bytes.fromhex("01 00 09 00 00 02 01 02 03 ee 01 00 06 00 00 02 f7")


def test_an_image_is_whole_blocks() -> None:
    assert disk_image([(2, b"ab"), (510, b"cde")]) == b"\0\0ab" + bytes(506) + b"cde" + bytes(511)
