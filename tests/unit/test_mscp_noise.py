"""Any commands at all, at every controller: each is answered once, and nothing is left behind."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.hw.mscp.own_blocks import VolatileBlocks
from emu.media.faulty import BadBlocks, CorrectableBlocks, FaultyDevice, Hold
from emu.shells.firmware_files import known_firmware, load_firmware
from emu.wire.codes.mscp import OP
from tests.dumb_host import DATA, DumbHost, longword, longwords, make_controller, words

IMMEDIATE = (0x01, 0x02, 0x03, 0x04)
NUMBERS = st.one_of(
    st.sampled_from([0, 1, 2, 511, 512, 513, 1024, 0x8000, DATA, 0xFFFF_FFFF, 0x8000_0000]),
    st.integers(0, 0xFFFF_FFFF),
)


@st.composite
def commands(draw: st.DrawFn) -> tuple[int, int, int, bytes]:
    """Opcode, unit, modifiers, parameters: half of them a transfer that could be meant."""
    opcode = draw(st.sampled_from([int(opcode) for opcode in OP if opcode < 0x40] + [0x3F]))
    unit = draw(st.sampled_from([0, 0, 0, 1, 7]))
    modifiers = draw(
        st.one_of(st.just(0), st.sampled_from([0x8000, 0x1000, 0x4000, 0x0008]), st.integers(0, 0xFFFF))
    )
    if draw(st.booleans()):
        blocks, lbn = draw(st.integers(0, 20)), draw(st.integers(0, 300))
        return opcode, unit, modifiers, longwords(512 * blocks, DATA, 0, 0, lbn) + words(1, 1)
    numbers = draw(st.lists(NUMBERS, min_size=12, max_size=12))
    numbers[1] = max(numbers[1], DATA)  # a buffer over the host's own rings ends all talk
    return opcode, unit, modifiers, longwords(*numbers)


@pytest.mark.parametrize("name", known_firmware())
@settings(derandomize=True, deadline=None, max_examples=12)
@given(wanted=st.lists(commands(), max_size=30), data=st.data())
def test_every_command_is_answered_once(
    name: str, wanted: list[tuple[int, int, int, bytes]], data: st.DataObject
) -> None:
    controller = make_controller(load_firmware(name))
    kind = min(controller.firmware.drives.values(), key=lambda drive: drive.block_count)
    hold = Hold()
    rules = [hold, CorrectableBlocks({3: 1}), BadBlocks([17, 200])]
    medium = FaultyDevice(VolatileBlocks(kind.block_count), rules)
    controller.attach_unit(0, medium, kind, has_arm=True)
    host = DumbHost(controller, log2=5)
    host.start()
    host.scc(0xF0)
    host.online()
    host.responses()
    answered = []

    def hear() -> None:
        answered.extend(
            longword(packet, 4) for packet in host.responses() if packet[2] >> 4 == 0 and packet[12] & 0x80
        )

    sent = []
    for opcode, unit, modifiers, parameters in wanted:
        if host.credits < 2:
            break
        sent.append(host.send(opcode, unit, modifiers, parameters))
        hear()
        if opcode in IMMEDIATE:
            assert sent[-1] in answered, "an immediate command waits for nothing"
        if hold.held and data.draw(st.booleans()):
            hold.release(data.draw(st.sampled_from(list(hold.held))))
            hear()
    if not host.port.running:
        assert host.sa() in (0x8016, 0x8017), "a page table that cannot be read, or must not be used"
        return
    for _ in range(2000):
        host.run(20_000_000)  # a copy's next chunk comes a little later
        hear()
        if not hold.held:
            break
        hold.release()
        hear()
    assert sorted(answered) == sent
    assert host.port.traffic.outstanding == 0
    assert all(unit.outstanding() == [] for unit in controller.units.values())
