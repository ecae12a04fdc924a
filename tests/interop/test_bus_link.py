"""Our controllers on the bus of Debian's SIMH: judged by our own guests, by DEC's KA655 ROM, and by bad luck.

The simulators are Debian's source with simh/xrq.c in it. HBVS_ROUNDS multiplies what is done at random (1 by default).
"""

import os
import re
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from emu.shells.guest_build import GUESTS
from tests.interop.noise import NoisyLine
from tests.interop.serving import Serving
from tests.interop.simh import Mscp11, Simulator
from tests.interop.wiretap import Wiretap

ROUNDS = int(os.environ.get("HBVS_ROUNDS", "1"))
RX33_BLOCKS = 2400
RD54_BLOCKS = 311200
MACHINE = ["set cpu 11/73", "set cpu 256k", "set rq disabled", "set xrq enabled"]
PATIENCE_S = 60


def blank(path: Path, blocks: int = RX33_BLOCKS, start: bytes = b"") -> Path:
    """Make an image, sparse behind its start."""
    with path.open("wb") as image:
        image.write(start)
        image.truncate(blocks * 512)
    return path


def simh_address(url: str) -> str:
    """What ATTACH wants for an address that `serve` printed."""
    return f"serial:{url}" if url.startswith("/") else url


def attached(directory: Path, address: str, *commands: str) -> Simulator:
    return Simulator(directory / "pdp11", [*MACHINE, *commands, f"attach xrq {address}"])


def statistic(simulator: Simulator, label: str) -> float:
    printed = simulator.command("show xrq statistics")
    return float(next(line for line in printed.splitlines() if line.strip().startswith(label)).split()[-1])


def rx33(tmp_path: Path, bus: str, *more: str) -> list[str]:
    """Arguments of `serve`: an RQDX3 with an RX33."""
    unit = f"DUA0={blank(tmp_path / 'a.dsk')},drive=RX33"
    return ["--bus", bus, "--controller", "rqdx3", "--unit", unit, *more]


# ---- our PDP-11 guest


@pytest.mark.parametrize("bus", ["tcp", "unix", "pty"])
def test_the_guest_passes_all_its_checks(simh_with_xrq: Path, tmp_path: Path, bus: str) -> None:
    url = {"tcp": "tcp://127.0.0.1:0", "unix": f"unix://{tmp_path}/bus", "pty": f"pty:{tmp_path}/line"}[bus]
    with (
        Serving(*rx33(tmp_path, url)) as serving,
        attached(simh_with_xrq, simh_address(serving.buses[0])) as simulator,
    ):
        guest = Mscp11(simulator, MODE=0)
        guest.start()
        assert simulator.wait_for_halt(timeout_s=PATIENCE_S) == Mscp11.ENDED
        assert re.search(r"ALL 35 CHECKS PASSED", simulator.transcript), simulator.transcript
        assert statistic(simulator, "milliseconds, the longest") < 1000
        simulator.close()
        serving.expect("%HBVS-I-GONE")
        assert serving.stop() == 0


def test_the_guest_passes_all_its_checks_on_a_unibus(simh_with_xrq: Path, tmp_path: Path) -> None:
    unit = f"DUA0={blank(tmp_path / 'a.dsk', 891072)},drive=RA81"
    commands = ["set cpu 11/70", "set cpu 128k", "set rq disabled", "set xrq enabled"]
    with (
        Serving("--bus", "tcp://127.0.0.1:0", "--controller", "uda50a", "--unit", unit) as serving,
        Simulator(simh_with_xrq / "pdp11", [*commands, f"attach xrq {serving.buses[0]}"]) as simulator,
    ):
        guest = Mscp11(simulator, MODE=0, NXM=0o600000)
        guest.start()
        simulator.wait_for_halt(timeout_s=PATIENCE_S)
        assert "ALL 35 CHECKS PASSED" in simulator.transcript, simulator.transcript


def test_a_frozen_run_repeats_to_the_instruction(simh_with_xrq: Path, tmp_path: Path) -> None:
    def instructions() -> tuple[str, int]:
        with (
            Serving(*rx33(tmp_path, "tcp://127.0.0.1:0", "--frozen")) as serving,
            attached(simh_with_xrq, serving.buses[0], "set xrq frozen") as simulator,
        ):
            guest = Mscp11(simulator, MODE=3, COUNT=20, BLOCKS=2)
            guest.start()
            assert simulator.wait_for_halt(timeout_s=PATIENCE_S) == Mscp11.ENDED
            return simulator.command("show time"), guest.results()["ACKED"]

    first = instructions()
    assert first[1] == 20
    assert instructions() == first


def test_a_line_with_one_bad_bit_in_ten_thousand_loses_nothing(simh_with_xrq: Path, tmp_path: Path) -> None:
    with (
        Serving(*rx33(tmp_path, f"pty:{tmp_path}/line")) as serving,
        NoisyLine(serving.buses[0], bit_error_rate=1e-4, seed=11) as line,
        attached(simh_with_xrq, f"serial:{line.name}") as simulator,
    ):
        guest = Mscp11(simulator, MODE=3, COUNT=25, BLOCKS=4)
        guest.start()
        assert simulator.wait_for_halt(timeout_s=PATIENCE_S) == Mscp11.ENDED, simulator.transcript
        assert guest.results()["ACKED"] == 25
        assert guest.results()["ERRORS"] == 0
        assert line.bits_flipped > 10
        assert statistic(simulator, "frames damaged") > 0


# ---- DEC's ROM

# The search of the KA655's VMB for something bootable on a blank RD54, as captured from SIMH's own RQDX3.  What the
# capture has as "SA shows" is here what the controller makes SA show.
# Words that tell one controller and one volume from another are theirs: here XXXX.
CAPTURED = """
RD IP
WR IP 0000
SA 0B40
WR SA 8000
SA 1080
WR SA 01C6
SA 2000
WR SA 0000
SA 4133
WR SA 0001
RD IP
> 003C 0000 0001 0000 0000 0000 0004
< 0020 000F 0001 0000 0000 0000 0084 0000 0000 8000 0078 0103 XXXX XXXX XXXX 0113
RD IP
> 003C 0000 0001 0000 0000 0000 0009
< 002C 0002 0001 0000 0000 0000 0089 0000 0000 8000 0000 0000 XXXX XXXX XXXX 020D 4036 2564 0000 0000 BFA0 0004 XXXX
RD IP
> 003C 0000 0001 0000 0000 0000 0021 0000 0200 0000 0418 0000 0000 0000 0000 0000 0001
< 0020 0001 0001 0000 0000 0000 00A1 0000 0200 0000 0418 0000 0000 0000 0000 0000 0001
RD IP
> 003C 0000 0001 0000 0000 0000 0021 0000 0200 0000 0400 0000 0000 0000 0000 0000 0001
< 0020 0001 0001 0000 0000 0000 00A1 0000 0200 0000 0400 0000 0000 0000 0000 0000 0001
RD IP
> 003C 0000 0001 0000 0000 0000 0021 0000 0200 0000 0400
< 0020 0001 0001 0000 0000 0000 00A1 0000 0200 0000 0400
WR IP 0000
"""


def alike(heard: str, captured: str) -> bool:
    """Whether two lines are the same; words behind the end are zeros, but those of a volume's serial number."""
    words, wanted = heard.split(), captured.split()
    if "XXXX" in wanted[-1:]:
        words = words[: len(wanted)]
    wanted += ["0000"] * (len(words) - len(wanted))
    return len(words) == len(wanted) and all(b in (a, "XXXX") for a, b in zip(words, wanted, strict=True))


class Ka655:
    """A MicroVAX 3800 with DEC's console ROM, at its prompt."""

    def __init__(self, directory: Path, rom: Path, *commands: str) -> None:
        start = ["set cpu 64m", f"load -r {rom}", "set rq disabled", *commands]
        self.simulator = Simulator(directory / "vax", start)
        try:
            self.simulator.run("boot cpu")
            self.simulator.wait_for(">>>", timeout_s=PATIENCE_S)
        except BaseException:
            self.simulator.close()
            raise

    def __enter__(self) -> "Ka655":
        return self

    def __exit__(self, *_: object) -> None:
        self.simulator.close()

    def type(self, line: str, until: str = ">>>") -> str:
        """Type a command and return what is printed until the prompt is back."""
        before = len(self.simulator.transcript)
        self.simulator.type(line)
        self.simulator.wait_for(until, timeout_s=PATIENCE_S)
        return self.simulator.transcript[before:].replace("\r", "").replace("\0", " ")


def test_decs_rom_lists_our_units_and_boots_our_boot_block(
    simh_with_xrq: Path, ka655_rom: Path, tmp_path: Path
) -> None:
    boot = (GUESTS / "vaxboot.img").read_bytes()
    units = [
        f"DUA0={blank(tmp_path / 'boot.dsk', RD54_BLOCKS, boot)},drive=RD54",
        f"DUA1={blank(tmp_path / 'rx.dsk')},drive=RX33",
        "DUA2=none,drive=RX50",
        f"DUB3={blank(tmp_path / 'ra.dsk', 1216665)},drive=RA82",
    ]
    arguments = [
        "--bus",
        "tcp://127.0.0.1:0",
        "--bus",
        "tcp://127.0.0.1:0",
        "--controller",
        "rqdx3",
        "--controller",
        "kda50",
    ]
    with Serving(*arguments, *(word for unit in units for word in ("--unit", unit))) as serving:
        commands = ["set xrq enabled", "set xrqb enabled", "set xrqb address=200000FC"]
        attach = [f"attach {name} {url}" for name, url in zip(("xrq", "xrqb"), serving.buses, strict=True)]
        with Ka655(simh_with_xrq, ka655_rom, *commands, *attach) as vax:
            assert "Tests completed" in vax.simulator.transcript
            ours = (
                "UQSSP Disk Controller 0 (772150)\n-DUA0 (RD 54)\n-DUA1 (RX 33)\n-DUA2 (RX 50)\n\n"
                "UQSSP Disk Controller 1 (760374)\n-DUB3 (RA 82)\n"
            )
            assert ours in vax.type("SHOW DEVICE")
            assert ours in vax.type("SHOW UQSSP")
            printed = vax.type("BOOT DUA0", "HALT instruction")
            assert "hbvs: booted from DUA0, boot block at LBN 0" in printed
            assert "hbvs: 8 blocks read, checksum ok" in printed


def test_decs_vmb_says_and_hears_what_was_captured(
    simh_with_xrq: Path, ka655_rom: Path, tmp_path: Path
) -> None:
    unit = f"DUA0={blank(tmp_path / 'a.dsk', RD54_BLOCKS)},drive=RD54"
    with Serving("--bus", "tcp://127.0.0.1:0", "--controller", "rqdx3", "--unit", unit) as serving:
        tap = Wiretap(serving.buses[0])
        with Ka655(simh_with_xrq, ka655_rom, "set xrq enabled", f"attach xrq {tap.url}") as vax:
            tap.heard.clear()
            assert "?43 FILESTRUCT" in vax.type("BOOT DUA0", "HALT instruction")
        tap.close()
    heard = [line for line in tap.heard if line != "SA 0000"]
    heard = heard[heard.index("RD IP") :]
    captured = CAPTURED.strip().splitlines()
    for line, wanted in zip(heard, captured, strict=False):
        assert alike(line, wanted), f"{line}\nwas captured as\n{wanted}"
    assert len(heard) >= len(captured)


# ---- bad luck


def stamps(path: Path, first: int, blocks: int, span: int) -> list[int]:
    """The number of the transfer that each place of the guest's write loop holds."""
    content = path.read_bytes()
    numbers = []
    for place in range(span):
        start = (first + blocks * place) * 512
        whole = {content[start + 512 * block : start + 512 * block + 4] for block in range(blocks)}
        assert len(whole) == 1, f"a transfer at place {place} is torn"
        numbers.append(int.from_bytes(whole.pop(), "little"))
    return numbers


def assert_one_moment(numbers: list[int], at_least: int) -> None:
    """Every place holds the last transfer that went there before some moment, and `at_least` was before it."""
    span, moment = len(numbers), max(numbers)
    assert moment >= at_least
    for place, number in enumerate(numbers):
        expected = moment - (moment - place) % span
        assert number == max(expected, 0), f"place {place} holds {number}, not {expected}, at {moment}"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


FIRST, BLOCKS, SPAN = 1000, 4, 50


def test_killing_either_side_loses_no_acknowledged_write(simh_with_xrq: Path, tmp_path: Path) -> None:
    chance = Random(5)
    arguments = rx33(tmp_path, f"tcp://127.0.0.1:{free_port()}")
    image = tmp_path / "a.dsk"
    serving = Serving(*arguments)
    simulator, guest = writer(simh_with_xrq, serving)
    try:
        for _ in range(8 * ROUNDS):
            time.sleep(chance.uniform(0.02, 0.3))  # a moment nobody chose
            if chance.random() < 0.6:
                serving.close()
                before = guest.look()[
                    "ACKED"
                ]  # the simulator has not halted: it answers, and the guest goes on
                serving = Serving(*arguments)
                after = wait_for(guest, lambda results, goal=before: results["ACKED"] > goal + 3)  # type: ignore[misc]
                assert after["REINITS"] >= 1
            else:
                before = guest.look()["ACKED"]
                os.kill(simulator.pid, signal.SIGKILL)
                simulator.close()
                serving.expect("%HBVS-I-GONE")
                assert_one_moment(stamps(image, FIRST, BLOCKS, SPAN), before)
                serving.close()
                blank(image)  # the guest's numbers begin anew
                serving = Serving(*arguments)
                simulator, guest = writer(simh_with_xrq, serving)
                wait_for(guest, lambda results: results["ACKED"] > 3)
        simulator.stop()
        results = guest.results()
        assert results["STATE"] == 2
        assert_one_moment(stamps(image, FIRST, BLOCKS, SPAN), results["ACKED"])
    finally:
        simulator.close()
        serving.close()


def writer(directory: Path, serving: Serving) -> tuple[Simulator, Mscp11]:
    """A simulator whose guest writes for ever, beginning with number 1."""
    simulator = attached(directory, serving.buses[0])
    guest = Mscp11(simulator, MODE=2, COUNT=0, BLOCKS=BLOCKS, FIRST=FIRST, SPAN=SPAN, PATIENCE=0)
    guest.start()
    return simulator, guest


def wait_for(guest: Mscp11, condition: Callable[[dict[str, int]], bool]) -> dict[str, int]:
    """Look at a running guest until its results are as wanted."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        results = guest.look()
        assert results["STATE"] in (0, 1, 2), results
        if condition(results):
            return results
        time.sleep(0.05)
    raise AssertionError(f"it does not come: {results}, {guest.simulator.transcript[-500:]}")
