"""Our guest programs on a SIMH as others built it, with its own RQ: who judges must first be judged."""

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from emu.shells.guest_build import GUESTS
from tests.interop.simh import Mscp11, Simulator

DISK = "disk.dsk"
CHECKS = 35


@pytest.fixture
def pdp11(tmp_path: Path) -> Iterator[Simulator]:
    """A PDP-11/73 with 256 KB, an RQDX3 and an empty RD54."""
    commands = ["set cpu 11/73 256k", "set rq0 rd54", f"attach rq0 {DISK}"]
    with Simulator("pdp11", commands, directory=tmp_path) as simulator:
        yield simulator


def block(disk: Path, lbn: int) -> bytes:
    with disk.open("rb") as file:
        file.seek(lbn * 512)
        return file.read(512)


def written(number: int, lbn: int) -> bytes:
    """A block as modes 2 and 3 write it."""
    pattern = [(number + 0o401 * word) & 0xFFFF for word in range(4, 256)]
    return struct.pack("<II252H", number, lbn, *pattern)


def acked_beyond(number: int) -> Callable[[dict[str, int]], bool]:
    return lambda now: now["ACKED"] > number


def test_a_stock_rqdx3_passes_all_checks(pdp11: Simulator) -> None:
    guest = Mscp11(pdp11)
    guest.start()
    pdp11.wait_for(f"ALL {CHECKS} CHECKS PASSED")
    assert pdp11.wait_for_halt() == Mscp11.ENDED
    for line in (
        "  step 1: 005500\r\n",  # S1, 22-bit Q-bus, diagnostics, mapping
        "  step 2: 010222\r\n",  # echo of 111033: valid, both rings of 4
        "  step 3: 020033\r\n",  # vector 154 / 4
        "  step 4: 040463\r\n",  # model 19, version 3
        "  unit 0: DU RD54 available\r\n",
        "  unit 3: DU RX50 offline\r\n",
        "  unit size: 311200 blocks\r\n",
        "WRITE AND READ 64 BLOCKS ... ok\r\n",
    ):
        assert line in pdp11.transcript
    assert guest.results()["SIZE"] == 311_200


def test_a_stock_uda50a_passes_all_checks(tmp_path: Path) -> None:
    commands = ["set cpu 11/70 128k", "set rq0 ra81", f"attach rq0 {DISK}"]
    with Simulator("pdp11", commands, directory=tmp_path) as pdp11:
        Mscp11(pdp11, NXM=0o600000).start()
        pdp11.wait_for("step 4: 040143")  # model 6, version 3
        pdp11.wait_for(f"ALL {CHECKS} CHECKS PASSED")


def test_the_checks_that_fail_are_named_and_counted(pdp11: Simulator) -> None:
    pdp11.command("set rq0 locked")
    guest = Mscp11(pdp11, SKIP=0o210)  # without ERASE and the fatal errors
    guest.start()
    pdp11.wait_for("WRITE AND READ 1 BLOCK ... FAILED status=020006 SA=000000")  # hardware write protect
    pdp11.wait_for("ERASE ... skipped")
    pdp11.wait_for("9 CHECKS FAILED")
    assert pdp11.wait_for_halt() == Mscp11.ENDED
    results = guest.results()
    assert (results["ERRORS"], results["PASSED"]) == (9, 23)


def test_a_csr_where_nothing_is_is_told(pdp11: Simulator) -> None:
    Mscp11(pdp11, CSR=0o160400).start()
    pdp11.wait_for("NO DEVICE AT THE CSR")
    assert pdp11.wait_for_halt() == Mscp11.NO_DEVICE


def test_the_read_loop_makes_its_count(pdp11: Simulator) -> None:
    guest = Mscp11(pdp11, MODE=1, COUNT=3000, BLOCKS=64, DEPTH=8, SPAN=7)
    guest.start()
    pdp11.wait_for("done\r\n")
    assert pdp11.wait_for_halt() == Mscp11.ENDED
    results = guest.results()
    assert (results["ACKED"], results["ERRORS"], results["REINITS"]) == (3000, 0, 0)


def test_the_write_loop_leaves_what_it_says(pdp11: Simulator, tmp_path: Path) -> None:
    guest = Mscp11(pdp11, MODE=2, COUNT=100, BLOCKS=3, SPAN=11, FIRST=70_000, DEPTH=5)
    guest.start()
    pdp11.wait_for("done\r\n")
    pdp11.wait_for_halt()
    assert guest.results()["ACKED"] == 100
    pdp11.detach("rq0")
    for number in range(90, 101):
        lbn = 70_000 + 3 * (number % 11)
        for offset in range(3):
            assert block(tmp_path / DISK, lbn + offset) == written(number, lbn + offset)
    assert (tmp_path / DISK).stat().st_size == 70_033 * 512  # and nothing behind the last one


def test_the_verify_loop_finds_what_it_wrote(pdp11: Simulator) -> None:
    guest = Mscp11(pdp11, MODE=3, COUNT=100, BLOCKS=64, SPAN=100)
    guest.start()
    pdp11.wait_for("done\r\n")
    assert pdp11.wait_for_halt() == Mscp11.ENDED


def test_the_verify_loop_stops_at_a_difference(pdp11: Simulator) -> None:
    guest = Mscp11(pdp11, MODE=3, BLOCKS=2)
    listing = (GUESTS / "mscp11.lst").read_text()
    (compare,) = (line for line in listing.splitlines() if "VERIFY: CMP" in line)
    pdp11.deposit(int(compare.split()[1], 8) + 2, 0)  # compare with some other word
    guest.start()
    pdp11.wait_for("MISMATCH 1\r\n")
    assert pdp11.wait_for_halt() == Mscp11.MISMATCH
    assert guest.results()["ACKED"] == 1


def test_a_port_that_dies_is_brought_up_again_and_the_same_write_is_sent_again(pdp11: Simulator) -> None:
    guest = Mscp11(pdp11, MODE=2, BLOCKS=4, DEPTH=4, SPAN=50)
    guest.start_stepping()
    for deaths in range(3):
        guest.step_until(lambda now: now["ACKED"] > 20 and now["STATE"] == 2)
        pdp11.deposit("rq sa", 0o100006)  # ring read failure
        pdp11.deposit("rq csta", 0o10)  # and RQ's own state for it: no poll is heard any more
        acked = guest.results()["ACKED"]
        after = guest.step_until(acked_beyond(acked + 20))
        assert (after["REINITS"], after["FATAL"], after["ERRORS"]) == (deaths + 1, 0o100006, 0)


def test_a_port_that_falls_silent_is_brought_up_again(pdp11: Simulator) -> None:
    guest = Mscp11(pdp11, MODE=2, PATIENCE=2)
    guest.start_stepping()
    guest.step_until(acked_beyond(20))
    pdp11.command("reset rq")
    guest.step_until(lambda now: now["REINITS"] == 1 and now["ACKED"] > 100)


def test_a_unit_that_went_away_is_brought_on_line_when_it_is_back(pdp11: Simulator, tmp_path: Path) -> None:
    guest = Mscp11(pdp11, MODE=2)
    guest.start_stepping()
    guest.step_until(acked_beyond(10))
    pdp11.detach("rq0")
    without = guest.step_until(lambda now: now["STATUS"] == 0o43)  # no volume
    pdp11.attach("rq0", tmp_path / DISK)
    after = guest.step_until(acked_beyond(without["ACKED"] + 10))
    assert (after["ONLINES"], after["REINITS"], after["ERRORS"]) == (1, 0, 0)


def test_an_error_is_printed_and_the_same_transfer_sent_again(pdp11: Simulator) -> None:
    guest = Mscp11(pdp11, MODE=2)
    pdp11.command("set rq0 locked")
    guest.start_stepping()
    locked = guest.step_until(lambda now: now["ERRORS"] > 2)
    assert (locked["STATUS"], locked["ACKED"]) == (0o20006, 0)
    assert "error 020006\r\nerror 020006\r\n" in pdp11.transcript
    pdp11.command("set rq0 writeenabled")
    guest.step_until(acked_beyond(10))


@pytest.fixture(scope="module")
def vax_console(ka655_rom: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """A MicroVAX 3800 at its `>>>`: DUA0 with the boot block, DUA1 with a damaged one."""
    directory = tmp_path_factory.mktemp("vax")
    image = (GUESTS / "vaxboot.img").read_bytes()
    (directory / "good.dsk").write_bytes(image)
    (directory / "damaged.dsk").write_bytes(image[:-5] + b"?" + image[-4:])
    commands = ["set cpu 32m", "set cpu conhalt", f"load -r {ka655_rom}", "set rq0 rd54", "set rq1 rd54"]
    commands += ["attach rq0 good.dsk", "attach rq1 damaged.dsk"]
    with Simulator("vax", commands, directory=directory) as vax:
        vax.run("boot cpu")
        vax.wait_for(">>>", timeout_s=60)
        yield vax


def test_the_rom_of_a_microvax_boots_the_boot_block(vax_console: Simulator) -> None:
    vax_console.type("BOOT DUA0")
    vax_console.wait_for(r"hbvs: booted from DUA0, boot block at LBN 0\r\n")
    vax_console.wait_for(r"hbvs: CSR 20001468, device type 17\r\n")
    vax_console.wait_for(r"hbvs: 8 blocks read, checksum ok\r\n")
    vax_console.wait_for(">>>")


def test_the_boot_block_sees_a_wrong_block(vax_console: Simulator) -> None:
    vax_console.type("BOOT DUA1")
    vax_console.wait_for(r"hbvs: booted from DUA1, boot block at LBN 0\r\n")
    vax_console.wait_for(r"hbvs: 8 blocks read, CHECKSUM WRONG\r\n")
    vax_console.wait_for(">>>")
