"""The SCRIPTS assembler: words from the data manual and from a program that ran on other models of the chip."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.shells import scripts_assemble
from emu.wire.scripts_assembler import assemble
from emu.wire.scripts_disassembler import disassemble, instruction_length, statement
from emu.wire.scripts_image import ScriptsImage, ScriptsImageError, build_image, parse_image
from emu.wire.scripts_source import AssemblyError

SCRIPTS = Path(__file__).parents[2] / "firmware_images" / "scripts"

# What stood in memory of the program that was run, loaded at 0 with its mailbox at 1000h.
PROGRAM = """
80080000 00000008 50000000 00000060 9F030000 0000A02F 0F000001 00001000 60000040 00000000 870B0000 00000038
98080000 0000A020 0F000001 00001001 98040020 0000A022 60000040 00000000 0F000001 00001002 98080000 0000A021
721A0000 00000000 80080000 00000000 43000000 00000010 C0000004 0000024C 00000004 78340000 00000000 78350000
00000000 870B0000 0000014C 830A0000 0000013C 810A0000 000000EC 800A0000 00000114 820A0000 000000DC 860A0000
000000CC 98080000 0000A0FF 1E000000 00000008 80080000 00000094 1A000000 00000010 80080000 00000094 72340000
00000000 98040000 0000A00E 19000000 00000038 78340100 00000000 80080000 00000094 72340000 00000000 98040000
0000A00E 18000000 00000038 78340100 00000000 80080000 00000094 1B000000 00000018 80080000 00000094 1F000000
00000020 800C0000 0000020C 800C0002 0000018C 800C0004 0000022C 800C0001 000001B4 980C0003 0000A003 980C0007
0000A007 98080000 0000A00D 78350100 00000000 60000040 00000000 80080000 00000094 58000008 00000000 80080000
00000194 60000040 00000000 1F000000 00000028 800C0003 000001DC 800C0002 000001F4 98080000 0000A00D 60000040
00000000 1F000000 00000030 98080000 0000A013 60000040 00000000 1F000000 00000040 98080000 0000A012 7C027F00
00000000 60000040 00000000 48000000 00000000 98080000 0000A000 7C027F00 00000000 60000040 00000000 48000000
00000000 98080000 0000A004 00000008
"""


STATEMENTS = [
    ("MOVE 512, 0x3000, WHEN DATA_IN", 0x0900_0200, 0x3000),
    ("MOVE 512, PTR 0x3000, WITH DATA_OUT", 0x2800_0200, 0x3000),
    ("MOVE FROM 8, WHEN MSG_OUT", 0x1E00_0000, 8),
    ("MOVE FROM -8, WHEN CMD", 0x1A00_0000, 0x00FF_FFF8),
    ("CHMOV 3, 0x10, WHEN STATUS", 0x0300_0003, 0x10),
    ("SELECT ATN FROM 0, 0x10", 0x4300_0000, 0x10),
    ("SELECT 3, 0x10", 0x4003_0000, 0x10),
    ("WAIT DISCONNECT", 0x4800_0000, 0),
    ("WAIT RESELECT 0x60", 0x5000_0000, 0x60),
    ("SET ATN", 0x5800_0008, 0),
    ("CLEAR ACK", 0x6000_0040, 0),
    ("CLEAR ACK AND ATN", 0x6000_0048, 0),
    ("SET CARRY", 0x5800_0400, 0),
    ("CLEAR CARRY", 0x6000_0400, 0),
    ("SET TARGET", 0x5800_0200, 0),
    ("MOVE SCNTL2 & 0x7F TO SCNTL2", 0x7C02_7F00, 0),
    ("move scratcha0 to sfbr", 0x7234_0000, 0),
    ("MOVE SFBR TO SCRATCHB3", 0x6A5F_0000, 0),
    ("MOVE 0xBB TO DSA0", 0x7810_BB00, 0),
    ("MOVE DSA0 + 8 TO DSA0", 0x7E10_0800, 0),
    ("MOVE DSA1 + 0 TO DSA1 WITH CARRY", 0x7F11_0000, 0),
    ("MOVE SCRATCHA0 - 1 TO SCRATCHA0", 0x7E34_FF00, 0),
    ("MOVE SCRATCHA0 XOR SFBR TO SCRATCHA0", 0x7BB4_0000, 0),
    ("MOVE SCRATCHA0 SHL TO SCRATCHA0", 0x7934_0000, 0),
    ("MOVE SCRATCHA0 SHR TO SFBR", 0x7534_0000, 0),
    ("MOVE 7 TO SFBR", 0x7000_0700, 0),
    ("JUMP 0x94", 0x8008_0000, 0x94),
    ("CALL 0x94", 0x8808_0000, 0x94),
    ("RETURN", 0x9008_0000, 0),
    ("INT 0xA0", 0x9808_0000, 0xA0),
    ("INTFLY", 0x9818_0000, 0),
    ("NOP", 0x8000_0000, 0),
    ("JUMP 0, WHEN MSG_IN", 0x870B_0000, 0),
    ("JUMP 0, IF MSG_OUT", 0x860A_0000, 0),
    ("INT 1, WHEN NOT MSG_IN", 0x9F03_0000, 1),
    ("JUMP 0, IF 4", 0x800C_0004, 0),
    ("INT 1, IF NOT 0x20", 0x9804_0020, 1),
    ("JUMP 0, IF 0x80 AND MASK 0x7F", 0x800C_7F80, 0),
    ("RETURN, IF CARRY", 0x9028_0000, 0),
    ("RETURN, IF NOT CARRY", 0x9020_0000, 0),
    ("JUMP 0, WHEN MSG_IN AND 4", 0x870F_0004, 0),
    ("JUMP 0, WHEN NOT MSG_IN OR 4", 0x8707_0004, 0),
    ("LOAD SCRATCHA0, 4, 0x20", 0xE134_0004, 0x20),
    ("STORE DSA0, 1, DSAREL(-4)", 0xF010_0001, 0x00FF_FFFC),
    ("STORE NO FLUSH SFBR, 2, 0x18", 0xE208_0002, 0x18),
]


def words(source: str) -> tuple[int, ...]:
    return assemble(source, "test.ss").image.words


def longwords(data: bytes) -> list[int]:
    return [int.from_bytes(data[index : index + 4], "little") for index in range(0, len(data), 4)]


def test_our_program_is_the_one_that_was_run() -> None:
    image = parse_image((SCRIPTS / "pke.bin").read_bytes())
    assert longwords(image.loaded(0, {"mailbox": 0x1000})) == [int(word, 16) for word in PROGRAM.split()]
    assert image.size_bytes == 592


def test_our_images_are_current() -> None:
    assert scripts_assemble.stale_files(SCRIPTS) == []


def test_loading_moves_labels_and_externals_and_nothing_else() -> None:
    image = parse_image((SCRIPTS / "pke.bin").read_bytes())
    at_zero = longwords(image.loaded(0, {"mailbox": 0}))
    moved = longwords(image.loaded(0x4000, {"mailbox": 0x9000}))
    differences = {after - before for before, after in zip(at_zero, moved, strict=True)}
    assert differences == {0, 0x4000, 0x9000}
    assert image.entries["SELECT_"] == 0x70
    assert image.entries["ACKGO"] == 0x194
    assert image.constants["INT_DONE"] == 0xA000


def test_the_source_of_our_program_and_its_disassembly_are_the_same_words() -> None:
    image = parse_image((SCRIPTS / "pke.bin").read_bytes())
    text = "\n".join(line for _, _, line in disassemble(image.words))
    assert words(text) == image.words


@pytest.mark.parametrize(("source", "first", "second"), STATEMENTS)
def test_statements_give_the_printed_words(source: str, first: int, second: int) -> None:
    assert words(f"ARCH 875\n{source}") == (first, second)


@pytest.mark.parametrize(("source", "first", "second"), STATEMENTS)
def test_every_printed_word_disassembles_to_a_statement(source: str, first: int, second: int) -> None:
    text = statement((first, second), 0, {})
    assert text is not None, source
    assert words(f"ARCH 875\n{text}") == (first, second)


def test_memory_moves_have_three_words() -> None:
    assert words("MOVE MEMORY 4, 0x24C, 4") == (0xC000_0004, 0x24C, 4)
    assert words("MOVE MEMORY NO FLUSH 4, 0x24C, 4") == (0xC100_0004, 0x24C, 4)


def test_load_and_store_need_a_chip_that_has_them() -> None:
    assert words("ARCH 810A\nLOAD SCRATCHA0, 4, 0x20\nSTORE DSA0, 1, DSAREL(-4)") == (
        0xE134_0004,
        0x20,
        0xF010_0001,
        0x00FF_FFFC,
    )
    with pytest.raises(AssemblyError, match=r"test.ss:2: this chip has no LOAD"):
        words("ARCH 810\nLOAD SCRATCHA0, 4, 0x20")


def test_relative_addresses_count_from_the_next_instruction_and_need_no_patch() -> None:
    program = assemble("here: JUMP REL(there)\nNOP\nthere: SELECT 1, REL(here)", "test.ss")
    assert program.image.words == (0x8088_0000, 8, 0x8000_0000, 0, 0x4401_0000, 0x00FF_FFE8)
    assert program.image.label_patches == ()


def test_externals_relatives_and_pass_are_patched_by_the_loader() -> None:
    image = assemble(
        "EXTERNAL a\nRELATIVE box first = 4, second = 8\nDATA a, a + 2, second, PASS(late), 7", "test.ss"
    ).image
    assert image.externals == {"a": (0, 1), "box": (2,), "late": (3,)}
    assert longwords(image.loaded(0, {"a": 0x100, "box": 0x200, "late": 0x300})) == [
        0x100,
        0x102,
        0x208,
        0x300,
        7,
    ]
    with pytest.raises(ScriptsImageError, match="nobody says where late is"):
        image.loaded(0, {"a": 0, "box": 0})
    with pytest.raises(ScriptsImageError, match="longwords"):
        image.loaded(2, {"a": 0, "box": 0, "late": 0})


def test_absolutes_and_differences_of_labels_are_numbers() -> None:
    source = "ABSOLUTE size = 4, twice = size + size\nstart: NOP\nend:\nMOVE end - start, twice, WHEN DATA_IN"
    assert words(source)[2:] == (0x0900_0008, 8)


def test_procedures_are_entries() -> None:
    assert assemble("NOP\nPROC go:\nNOP", "test.ss").image.entries == {"go": 8}


def test_the_listing_shows_offsets_words_and_source() -> None:
    listing = assemble("; two\nNOP\nlabel: MOVE MEMORY 4, 8, 0x10", "test.ss").listing
    assert listing == (
        "                                   1 ; two\n"
        "0000 80000000 00000000             2 NOP\n"
        "0008 C0000004 00000008 00000010    3 label: MOVE MEMORY 4, 8, 0x10\n"
    )


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("FLY", "1: FLY is no instruction"),
        ("\nJUMP nowhere", "2: nowhere is not defined"),
        ("a: NOP\na: NOP", "2: a is defined twice"),
        ("MOVE 1, 2, WHEN LUNCH", "LUNCH is no phase"),
        ("MOVE 1, 2", ", is missing"),
        ("MOVE 0x1000000, 2, WHEN DATA_IN", "the count is 0x1000000"),
        ("MOVE 256 TO SFBR", "the value is 0x100"),
        ("MOVE DSA0 TO DSA1", "a register goes to itself or to SFBR"),
        ("MOVE DSA0 & 1 TO DSA0 WITH CARRY", "only +"),
        ("MOVE 1 & 2 TO DSA0", "an operator wants a register"),
        ("JUMP 0, WHENEVER", "IF is missing before WHENEVER"),
        ("JUMP 0, IF NOT MSG_IN AND 4", "AND is too much"),
        ("NOP NOP", "NOP is too much"),
        ("SET SAIL", "SAIL cannot be set"),
        ("JUMP REL(4)", "REL wants a label"),
        ("JUMP 4 ? 5", "'? 5' is not understood"),
        ("ENTRY gone", "ENTRY gone is no label"),
        ("ARCH 1541", "1541 is no chip"),
        ("EXTERNAL a, b\nDATA a + b", "these addresses cannot be added"),
        ("ABSOLUTE 4 = 5", "4 is not a name"),
        ("MOVE DSA9 & 1 TO DSA9", "DSA9 is no register"),
        ("MOVE DSA0 IN DSA0 TO DSA0", "IN is no operator"),
        ("MOVE DSA0 - SFBR TO DSA0", "SFBR cannot be subtracted"),
        ("JUMP", "something is missing"),
        ("ABSOLUTE a = 1, a = 2", "a is defined twice"),
        ("EXTERNAL x\nABSOLUTE a = x", "a has to be a number"),
        ("l: MOVE l, 2, WHEN DATA_IN", "the count has to be a number"),
    ],
)
def test_wrong_lines_are_refused_with_a_reason(source: str, message: str) -> None:
    with pytest.raises(AssemblyError) as refused:
        words(source)
    assert message in str(refused.value)


@settings(derandomize=True, deadline=None, max_examples=600)
@given(
    st.one_of(st.integers(0, 0xFFFF_FFFF), st.integers(0, 0xFF).map(lambda opcode: opcode << 24)),
    st.one_of(st.integers(0, 0xFFFF_FFFF), st.integers(0, 0x00FF_FFFF), st.just(0)),
    st.integers(0, 0xFFFF_FFFF),
)
def test_what_disassembles_assembles_to_the_same_words(first: int, second: int, third: int) -> None:
    chunk = (first, second, third)[: instruction_length(first)]
    text = statement(chunk, 0x1000, {})
    if text is None:
        return
    if "REL(" in text and "DSAREL" not in text:
        text = text.replace("REL(0x", "REL(origin - 0x1000 + 0x")
    assert words(f"ARCH 875\norigin: {text}") == chunk, text


def test_odd_words_disassemble_as_data() -> None:
    assert [text for _, _, text in disassemble((0xA008_0000, 0, 0x9808_0000))] == [
        "DATA 0xa0080000",
        "DATA 0x00000000",
        "DATA 0x98080000",
    ]


def test_an_image_survives_its_bytes_and_damage_is_noticed() -> None:
    image = ScriptsImage((1, 2, 3), (0,), {"x": (1, 2)}, {"go": 4}, {"k": 9})
    data = build_image(image)
    assert parse_image(data) == image
    for index in range(len(data)):
        with pytest.raises(ScriptsImageError):
            parse_image(data[:index])
        with pytest.raises(ScriptsImageError):
            parse_image(data[:index] + bytes((data[index] ^ 0x40,)) + data[index + 1 :])


def test_the_command_assembles_lists_and_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, image = tmp_path / "odd.ss", tmp_path / "odd.bin"
    source.write_text("ENTRY go\ngo: INT 0x42\n")
    assert scripts_assemble.main([str(source), str(image)]) == 0
    assert "98080000 00000042" in capsys.readouterr().out
    assert scripts_assemble.main(["--list", str(image)]) == 0
    assert "INT 0x42" in capsys.readouterr().out
    assert scripts_assemble.main(["--check"]) == 0
    source.write_text("FLY\n")
    assert scripts_assemble.main([str(source), str(image)]) == 1
    assert "FLY is no instruction" in capsys.readouterr().err
