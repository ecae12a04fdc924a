"""A guest on a plain disk that is a mirror set: it writes while members leave, are saved, and return.

The guest is the dumb host of the controller tests; it knows nothing of shadowing.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from random import Random

import pytest

from drivers.message import Failure, Message
from drivers.platform.process import Procedure
from drivers.shadow.utility import Policy
from emu.core.block import BLOCK_BYTES, BlockDevice, BlockRequest, Function, MediumError
from emu.core.chance import Chance
from emu.core.clock import SECOND_NS, Scheduler
from emu.core.trace import Event, StateChanged
from emu.media.faulty import DeadFrom, FaultyDevice, Hold, Rule
from emu.media.memory import MemoryDevice
from emu.media.slow import SlowDevice
from emu.shells.firmware_files import load_firmware
from emu.sim.ledger import stamp
from emu.sim.mirror import MirrorDisk, MirrorMedia, MirrorSet
from emu.sim.world import World, drive_for
from tests.dumb_host import DATA, DumbHost, byte_count, extent, longword, status
from tests.simulation.stage import contents
from tests.unit.check_block_device import Asked, check_block_device

BLOCKS = 2400
READ, WRITE = 0x21, 0x22
SLOT_BYTES = 0x2000
LOOKS_LIMIT = 500_000


class Disks:
    """What outlives a world: side files, images, serial numbers."""

    def __init__(self, members: int = 2, blocks: Sequence[int] | int = BLOCKS) -> None:
        sizes = [blocks] * members if isinstance(blocks, int) else blocks
        self.sides = [MemoryDevice(127) for _ in sizes]
        self.images = [MemoryDevice(size) for size in sizes]
        self.serials = [0xAB0 + number for number in range(len(sizes))]

    def image(self, number: int) -> bytes:
        return contents(self.images[number])


class Dying:
    """A rule that kills a disk when told to."""

    def __init__(self) -> None:
        self.dead = False

    def on_request(self, request: BlockRequest) -> MediumError | None:
        return MediumError("the disk is dead") if self.dead else None


class Guest:
    """Writes at random, several requests at a time, and remembers what was acknowledged."""

    def __init__(self, host: DumbHost, mirror: MirrorSet, stream: Random) -> None:
        self.host = host
        self.mirror = mirror
        self.written: dict[int, int] = {}
        self.under_way: dict[int, tuple[int, range, int]] = {}  # crf: number, blocks, slot
        self.failed: list[int] = []
        self.departures: dict[str, tuple[dict[int, int], dict[int, int]]] = {}
        self.depth = 6
        self.writes = 0
        self._stream = stream
        self._slots = list(range(8))
        mirror.node.platform.tracer.subscribe(self._hear)

    def turn(self) -> None:
        """Take what has come, and keep `depth` writes under way."""
        while (packet := self.host.take()) is not None:
            crf, code = longword(packet, 4), status(packet[4:])
            number, blocks, slot = self.under_way.pop(crf)
            self._slots.append(slot)
            if code:
                self.failed.append(code)
            else:
                self.writes += 1
                self.written.update(dict.fromkeys(blocks, number))
        while len(self.under_way) < self.depth:
            self._write()

    def _write(self) -> None:
        lbn = self._stream.randrange(self.mirror.block_count)
        blocks = range(lbn, min(lbn + self._stream.randint(1, 12), self.mirror.block_count))
        if any(block in other for _, other, _ in self.under_way.values() for block in blocks):
            return
        slot, number = self._slots.pop(0), self.host.crf + 1
        data = b"".join(stamp(number, block) for block in blocks)
        address = DATA + slot * SLOT_BYTES
        self.host.ram.write(address, data)
        crf = self.host.send(WRITE, parameters=extent(lbn, len(data), address))
        self.under_way[crf] = (number, blocks, slot)

    def _hear(self, event: Event) -> None:
        if isinstance(event, StateChanged) and event.after == "no member":
            self.departures[event.source.rsplit("/", 1)[-1]] = self.moment()

    def moment(self) -> tuple[dict[int, int], dict[int, int]]:
        """LBN -> number of the write: those acknowledged, those under way."""
        under_way = {block: number for number, blocks, _ in self.under_way.values() for block in blocks}
        return dict(self.written), under_way

    def assert_left_with(self, disk: MirrorDisk, backup: bytes) -> None:
        self.assert_holds(self.departures[disk.device], backup)

    def assert_holds(self, moment: tuple[dict[int, int], dict[int, int]], backup: bytes) -> None:
        """All that was acknowledged at that moment, perhaps what was under way, and nothing later."""
        acknowledged, under_way = moment
        for lbn in range(self.mirror.block_count):
            block = backup[lbn * BLOCK_BYTES : (lbn + 1) * BLOCK_BYTES]
            old, new = acknowledged.get(lbn), under_way.get(lbn)
            allowed = [stamp(old, lbn) if old else bytes(BLOCK_BYTES)]
            allowed += [stamp(new, lbn)] if new else []
            assert block in allowed, f"LBN {lbn} of the backup"


class Theatre:
    """A world with one mirror set, and a guest's controller on which it is unit 0."""

    def __init__(
        self,
        disks: Disks,
        *,
        seed: int = 1,
        order: Sequence[int] = (),
        latency_us: tuple[int, int] | None = None,
        rules: Sequence[Rule] = (),
        stamps: Callable[[], object] = lambda: None,
        mount: bool = True,
        create: bool = False,
        world: World | None = None,
        name: str = "M1",
    ) -> None:
        self.disks = disks
        self.world = world or World()
        self.said: list[Message] = []
        chance = Chance(seed)
        media = []
        for number in order or range(len(disks.images)):
            side: BlockDevice = disks.sides[number]
            image: BlockDevice = disks.images[number]
            if number < len(rules):
                side, image = FaultyDevice(side, [rules[number]]), FaultyDevice(image, [rules[number]])
            if latency_us is not None:
                stream = chance.stream(f"latency {number}")
                image = SlowDevice(image, self.world.clock, _latency(stream, *latency_us), parallel=True)
            media.append(MirrorMedia(f"{'abc'[number]}.dsk", side, image, disks.serials[number], stamps))
        self.mirror = self.world.add_mirror(name, media, load_firmware("hbvs-shadow"))
        self.mirror.say = self.hear
        controller = self.world.add_controller(load_firmware("kda50"))
        device = self.mirror.device
        controller.attach_unit(0, device, drive_for(controller.firmware, device))
        if create:
            self.run(self.mirror.create("VOLUME"))
            self.normal()
        elif mount:
            self.run(self.mirror.open())
        self.host = DumbHost(controller)
        self.host.start()
        self.host.scc()
        assert status(self.host.online()) == 0
        self.guest = Guest(self.host, self.mirror, chance.stream("guest"))
        if not (mount or create):
            self.guest.depth = 0

    def hear(self, message: Message) -> None:
        self.said.append(message)

    def run(self, procedure: Procedure) -> None:
        """Run a procedure of the set; the guest goes on meanwhile once it has begun."""
        results: list[object] = []
        self.mirror.node.run("operator", procedure, results.append)
        assert self.until(lambda: bool(results)), "the procedure ends"
        if isinstance(results[0], Failure):
            raise results[0]

    def until(self, condition: Callable[[], bool]) -> bool:
        guest = getattr(self, "guest", None)
        looks = count()

        def looked() -> bool:
            assert next(looks) < LOOKS_LIMIT, (
                "it ends"
            )  # a busy guest on a disk without latency takes no time
            if guest is not None:
                guest.turn()
            return condition()

        return self.world.clock.run_until(looked, self.world.clock.now_ns + 100 * SECOND_NS)

    def work(self, writes: int) -> None:
        """Let the guest make so many writes."""
        self.guest.depth = 6
        wanted = self.guest.writes + writes
        assert self.until(lambda: self.guest.writes >= wanted), "the guest's writes are answered"

    def rest(self) -> None:
        """Let what is under way end."""
        self.guest.depth = 0
        assert self.until(lambda: not self.guest.under_way), "the guest's writes are answered"

    def normal(self) -> None:
        """Wait until every member is NORMAL."""
        mirror = self.mirror
        done = self.until(
            lambda: not any(mirror.state(d) in ("MERGING", "NORMALIZING", "COPYING") for d in mirror.disks)
        )
        assert done, "the copy ends"

    def states(self) -> list[str]:
        return [self.mirror.state(disk) for disk in self.mirror.disks]

    def backup(self, disk: MirrorDisk) -> bytes:
        saved = bytearray()
        self.run(self.mirror.backup(disk, saved.extend, lambda done, total: None))
        return bytes(saved)

    def copied(self) -> list[tuple[str, bool]]:
        """The copies so far: device, whether by minicopy."""
        return [
            (copy.target.device, copy.bitmap is not None) for copy in self.mirror.node.shadow.server.copies
        ]

    def refusal(self, procedure: Procedure) -> str:
        with pytest.raises(Failure) as refused:
            self.run(procedure)
        return refused.value.messages[0].text

    def idents(self) -> list[str]:
        said, self.said = self.said, []
        return [message.ident for message in said]

    def assert_identical(self) -> None:
        members = [n for n, disk in enumerate(self.mirror.disks) if self.mirror.state(disk) == "NORMAL"]
        assert len({self.disks.image(n) for n in members}) == 1, "members differ"
        image = self.disks.image(members[0])
        for lbn, number in self.guest.written.items():
            assert image[lbn * BLOCK_BYTES : (lbn + 1) * BLOCK_BYTES] == stamp(number, lbn), f"LBN {lbn}"


def _latency(stream: Random, low_us: int, high_us: int) -> Callable[[BlockRequest], int]:
    return lambda request: stream.randint(low_us, high_us) * 1000


def created(members: int = 2, **options: object) -> Theatre:
    return Theatre(Disks(members), create=True, **options)  # type: ignore[arg-type]


# ---- reduce, back up, replace


@pytest.mark.parametrize("seed", range(25))
def test_members_are_reduced_saved_and_replaced_while_the_guest_writes(seed: int) -> None:
    stream = Random(seed)
    stage = created(2 + seed % 2, seed=seed, latency_us=(10, 3_000) if seed % 3 else None)
    mirror = stage.mirror
    for _ in range(4):
        stage.work(stream.randint(5, 30))
        disk = stream.choice(mirror.disks)
        stage.run(mirror.reduce(disk))
        stage.work(stream.randint(1, 20))
        assert mirror.state(disk) == "REDUCED"
        assert mirror.bitmap_percent(disk) is not None
        stage.guest.assert_left_with(disk, stage.backup(disk))
        stage.run(mirror.replace(disk))
        if stream.random() < 0.5:
            stage.normal()
        stage.work(5)
        stage.normal()
    stage.rest()
    assert stage.guest.failed == []
    assert stage.states() == ["NORMAL"] * len(mirror.disks)
    assert all(minicopy for _, minicopy in stage.copied()[len(mirror.disks) - 1 :])
    stage.assert_identical()


def test_two_members_reduced_together_hold_the_same_moment() -> None:
    stage = created(3, latency_us=(10, 3_000))
    first, second, _ = stage.mirror.disks
    stage.work(40)
    stage.run(stage.mirror.reduce(first, second))
    stage.work(20)
    saved = stage.backup(first)
    assert saved == stage.backup(second)
    stage.guest.assert_left_with(first, saved)
    for disk in (second, first):
        stage.run(stage.mirror.replace(disk))
    stage.normal()
    stage.rest()
    stage.assert_identical()


def test_the_image_of_a_reduced_disk_is_the_guest_s_disk_as_it_is() -> None:
    stage = created()
    stage.work(30)
    disk = stage.mirror.disks[1]
    stage.run(stage.mirror.reduce(disk))
    stage.work(10)
    assert stage.backup(disk) == stage.disks.image(1)


def test_only_what_changed_is_copied_back() -> None:
    stage = created()
    stage.rest()
    disk = stage.mirror.disks[1]
    stage.run(stage.mirror.reduce(disk))
    assert stage.mirror.bitmap_percent(disk) == 0
    write(stage, 200, b"\x55" * 512)  # VU LBN 327: the third bit
    assert stage.mirror.bitmap_percent(disk) == 5  # one of 20
    stage.run(stage.mirror.replace(disk))
    stage.normal()
    assert stage.mirror.bitmap_percent(disk) is None
    assert stage.mirror.node.shadow.server.copies[-1].blocks_copied == 127
    stage.assert_identical()


def test_an_image_that_somebody_changed_while_it_was_out_is_copied_whole() -> None:
    touched = [0]
    stage = created(stamps=lambda: touched[0])
    disk = stage.mirror.disks[1]
    stage.run(stage.mirror.reduce(disk))
    stage.disks.images[1].submit(Asked(Function.WRITE, 2000, 512, [memoryview(b"x" * 512)]))
    touched[0] += 1
    stage.idents()
    stage.run(stage.mirror.replace(disk))
    assert stage.idents() == ["CHANGED", "SHDWMEMCOPY"]
    assert stage.mirror.state(disk) == "NORMALIZING"
    stage.normal()
    stage.rest()
    stage.assert_identical()


def test_what_cannot_be_done_is_refused_in_a_sentence() -> None:
    stage = created()
    mirror = stage.mirror
    first, second = mirror.disks
    stage.run(mirror.reduce(second))
    assert stage.refusal(mirror.reduce(first)) == "M1 would have no NORMAL member left"
    assert stage.refusal(mirror.remove(first)) == "M1 would have no NORMAL member left"
    assert stage.refusal(mirror.reduce(second)) == "DISK10100 is REDUCED, no member of M1"
    assert stage.refusal(mirror.remove(second)) == "DISK10100 is REDUCED, no member of M1"
    assert stage.refusal(mirror.replace(first)) == "DISK10000 is a member of M1"
    assert "reduce it first" in stage.refusal(mirror.backup(first, print, print))  # type: ignore[arg-type]
    assert stage.refusal(mirror.open()) == "M1 is open"
    with pytest.raises(Failure, match="DISK99900 is no disk of M1"):
        mirror.disk("disk99900")
    assert mirror.disk("disk10100") is second


def test_a_disk_that_is_being_copied_cannot_be_reduced_and_one_being_saved_not_replaced() -> None:
    hold = Hold(lambda request: request.function == Function.COPY or request.lbn == 2300)
    hold.holding = False
    stage = created(rules=[Dying(), hold])  # type: ignore[list-item]
    mirror, disk = stage.mirror, stage.mirror.disks[1]
    stage.rest()
    stage.run(mirror.remove(disk))
    assert mirror.state(disk) == "SPARE"
    assert "only a REDUCED disk" in stage.refusal(mirror.backup(disk, print, print))  # type: ignore[arg-type]
    hold.holding = True
    stage.run(mirror.replace(disk))
    assert (mirror.state(disk), mirror.copied_percent(disk)) == ("NORMALIZING", 0)
    assert "is NORMALIZING, only a NORMAL member" in stage.refusal(mirror.reduce(disk))
    hold.holding = False
    hold.release()
    stage.normal()
    stage.run(mirror.reduce(disk))
    refusals: list[str] = []

    def meddle(done: int, total: int) -> None:
        if not refusals:
            with pytest.raises(Failure) as refused:
                next(mirror.replace(disk))
            refusals.append(refused.value.messages[0].text)

    stage.run(mirror.backup(disk, lambda view: None, meddle))
    assert refusals == ["DISK10100 is being backed up"]
    stage.run(mirror.replace(disk))


def test_of_several_members_all_leave_or_none() -> None:
    stage = created(3)
    first, second, _ = stage.mirror.disks
    dismount = stage.mirror.node.utilities.dismount_members
    for disks in ([first, first], stage.mirror.disks):
        stage.refusal(dismount([disk.device for disk in disks], Policy.MINICOPY, stage.hear))
        assert stage.states() == ["NORMAL"] * 3
        assert stage.mirror.node.shadow.bitmaps == {}
    stage.run(dismount([first.device, second.device], Policy.MINICOPY, stage.hear))
    assert len(stage.mirror.node.shadow.bitmaps) == 2


def test_a_backup_that_is_ended_leaves_the_disk_ready_to_return() -> None:
    stage = created()
    disk = stage.mirror.disks[1]
    stage.run(stage.mirror.reduce(disk))

    def stop(done: int, total: int) -> None:
        raise Failure(Message("BACKUP", "F", "CANCELED", "ended by operator"))

    assert stage.refusal(stage.mirror.backup(disk, lambda view: None, stop)) == "ended by operator"
    stage.run(stage.mirror.replace(disk))
    assert stage.mirror.state(disk) == "COPYING"
    stage.normal()


# ---- members die


def test_a_member_that_dies_is_put_out_and_the_guest_notices_nothing() -> None:
    rule = Dying()
    stage = created(rules=[rule], latency_us=(10, 2_000))
    stage.work(20)
    rule.dead = True
    stage.work(40)
    stage.rest()
    assert stage.guest.failed == []
    assert stage.states() == ["FAILED", "NORMAL"]
    stage.assert_identical()
    rule.dead = False
    stage.run(stage.mirror.replace(stage.mirror.disks[0]))
    stage.normal()
    stage.assert_identical()


def test_when_all_members_are_dead_the_guest_gets_drive_errors_and_no_request_hangs() -> None:
    rules = [Dying(), Dying()]
    stage = created(rules=rules, latency_us=(10, 2_000))
    stage.work(20)
    for rule in rules:
        rule.dead = True
    assert stage.until(lambda: len(stage.guest.failed) >= 20)
    stage.rest()
    assert {code & 0x1F for code in stage.guest.failed} == {0x0B}  # drive error
    for opcode in (READ, WRITE, 0x12, 0x13):
        assert status(ask(stage, opcode, extent(0, 512))) & 0x1F == 0x0B
    assert "make its writes durable" in stage.refusal(stage.mirror.flush())
    replace = stage.mirror.replace(stage.mirror.disks[0])
    assert "error reading the storage control block" in stage.refusal(replace)  # the last member stays one
    assert "make its writes durable" in stage.refusal(stage.mirror.close())


def test_a_member_that_cannot_be_flushed_is_put_out() -> None:
    class FlushFails:
        def on_request(self, request: BlockRequest) -> MediumError | None:
            return MediumError("write-back failed") if request.function == Function.FLUSH else None

    stage = created(rules=[FlushFails()])
    stage.rest()
    assert status(ask(stage, 0x13, extent(0, 0))) == 0
    assert stage.states() == ["FAILED", "NORMAL"]


# ---- requests


def ask(stage: Theatre, opcode: int, parameters: bytes) -> bytes:
    """One command of the resting guest, and its end message."""
    stage.host.send(opcode, parameters=parameters)
    packets: list[bytes] = []

    def answered() -> bool:
        packets.extend(stage.host.responses())
        return bool(packets)

    clock = stage.world.clock
    assert clock.run_until(answered, clock.now_ns + 100 * SECOND_NS), "the command is answered"
    return packets[0][4:]


def write(stage: Theatre, lbn: int, data: bytes) -> None:
    stage.host.ram.write(DATA, data)
    end = ask(stage, WRITE, extent(lbn, len(data)))
    assert (status(end), byte_count(end)) == (0, len(data))


def test_the_virtual_unit_keeps_the_promises_of_a_block_device() -> None:
    clock = Scheduler()

    def make(blocks: int) -> BlockDevice:
        disks = Disks(2, blocks)
        world = World(clock)
        media = [
            MirrorMedia("a.dsk", *pair) for pair in zip(disks.sides, disks.images, disks.serials, strict=True)
        ]
        mirror = world.add_mirror("M1", media, load_firmware("hbvs-shadow"))
        world.run(mirror.node, mirror.create("VOLUME"))
        return mirror.device

    check_block_device(make, lambda: clock.run_until(lambda: False), examples=20)


def test_the_guest_s_blocks_stand_in_the_image_where_they_always_stood() -> None:
    stage = created()
    stage.rest()
    write(stage, 0, b"\x11" * 512)
    write(stage, 2399, b"\x22" * 512)
    for number in (0, 1):
        image = stage.disks.image(number)
        assert image[:512] == b"\x11" * 512
        assert image[-512:] == b"\x22" * 512
        assert contents(stage.disks.sides[number])[512 + 472 : 512 + 478] == b"VOLUME"


def test_requests_longer_than_a_piece_and_more_than_memory_has_room_for_are_done_whole() -> None:
    stage = Theatre(Disks(2, 8000), create=True)
    device, clock = stage.mirror.device, stage.world.clock
    data = bytes(1 + n % 251 for n in range(7999 * 512 + 3))
    asked = [Asked(Function.WRITE, 0, len(data), [memoryview(data)[:700], memoryview(data)[700:]])]
    device.submit(asked[0])
    clock.run_until(lambda: bool(asked[0].answers))
    buffers = [bytearray(1 << 19) for _ in range(12)]
    reads = [Asked(Function.READ, 300 * n, 1 << 19, [memoryview(b)]) for n, b in enumerate(buffers)]
    for request in reads:
        device.submit(request)
    clock.run_until(lambda: all(request.answers for request in reads))
    assert [request.answers for request in asked + reads] == [[None]] * 13
    for n, buffer in enumerate(buffers):
        assert buffer == data[300 * n * 512 :][: 1 << 19]
    erase = Asked(Function.ERASE, 1, 7000 * 512)
    device.submit(erase)
    clock.run_until(lambda: bool(erase.answers))
    assert stage.disks.image(1) == data[:512] + bytes(7000 * 512) + data[7001 * 512 :] + bytes(509)


@pytest.mark.parametrize("seed", range(5))
def test_writes_to_the_same_blocks_leave_the_same_on_every_member(seed: int) -> None:
    stage = created(seed=seed, latency_us=(10, 5_000))
    stage.rest()
    stream = Random(seed)
    requests = []
    for number in range(40):
        data = bytes([number]) * 512 * stream.randint(1, 8)
        requests.append(Asked(Function.WRITE, stream.randrange(12), len(data), [memoryview(data)]))
        stage.mirror.device.submit(requests[-1])
    assert stage.until(lambda: all(request.answers for request in requests))
    assert stage.disks.image(0) == stage.disks.image(1)
    model = bytearray(30 * 512)
    for request in requests:
        model[request.lbn * 512 : request.lbn * 512 + request.byte_count] = request.views[0]
    assert stage.disks.image(0)[: 30 * 512] == model


def test_a_later_write_is_not_undone_by_an_earlier_one_that_is_done_again() -> None:
    class BadSpot:
        def on_request(self, request: BlockRequest) -> MediumError | None:
            is_there = request.function == Function.WRITE and request.byte_count and request.lbn == 100
            return MediumError("block 100 is bad", 100) if is_there else None

    stage = created(rules=[BadSpot()])
    stage.rest()
    vu = stage.mirror.virtual_unit
    assert vu is not None
    early, late = (Asked(Function.WRITE, 100, 512, [memoryview(bytes([n]) * 512)]) for n in (1, 2))
    stage.mirror.device.submit(early)
    assert stage.until(lambda: bool(vu.parked) and vu.stalled)
    stage.mirror.device.submit(late)
    assert stage.until(lambda: bool(early.answers and late.answers))
    assert stage.states() == ["FAILED", "NORMAL"]
    assert stage.disks.image(1)[100 * 512 : 101 * 512] == b"\2" * 512


def test_a_request_whose_memory_was_taken_away_moves_nothing() -> None:
    stage = created(latency_us=(100, 200))
    memory = bytearray(b"\x99" * 512)
    request = Asked(Function.READ, 0, 512, [memoryview(memory)])
    stage.mirror.device.submit(request)
    request.byte_count, request.views = 0, ()
    assert stage.until(lambda: bool(request.answers))
    assert memory == b"\x99" * 512


def test_a_set_that_is_not_open_answers_with_an_error() -> None:
    stage = created()
    stage.rest()
    stage.run(stage.mirror.close())
    assert status(ask(stage, READ, extent(0, 512))) & 0x1F == 0x0B
    assert stage.states() == ["SPARE", "SPARE"]
    stage.run(stage.mirror.open())
    assert status(ask(stage, READ, extent(0, 512))) == 0


# ---- the set comes and goes


def test_creating_keeps_the_first_image_and_fills_the_others() -> None:
    disks = Disks(2, [BLOCKS, BLOCKS + 50])
    original = bytes(1 + n % 251 for n in range(BLOCKS * 512))
    disks.images[0].submit(Asked(Function.WRITE, 0, len(original), [memoryview(original)]))
    stage = Theatre(disks, create=True)
    assert stage.mirror.block_count == BLOCKS
    assert disks.image(0) == original
    assert disks.image(1) == original + bytes(50 * 512)
    again = Theatre(disks, mount=False)
    assert again.refusal(again.mirror.create("OTHER")) == "DISK10000 (a.dsk) holds a volume already"


def test_after_a_proper_close_nothing_is_copied() -> None:
    stage = created(3)
    stage.work(30)
    stage.rest()
    stage.run(stage.mirror.close())
    again = Theatre(stage.disks, order=[2, 0, 1])
    assert again.states() == ["NORMAL"] * 3
    assert again.copied() == []
    assert again.idents() == ["MOUNTED", "SHDWMEMSUCC", "SHDWMEMSUCC", "SHDWMEMSUCC"]


def test_after_a_crash_the_members_are_merged() -> None:
    stage = created(3, latency_us=(10, 3_000))
    stage.work(30)
    again = Theatre(stage.disks)
    stage.guest.assert_holds(stage.guest.moment(), stage.disks.image(0))
    again.work(10)
    again.normal()
    assert again.copied() == []
    assert len(again.mirror.node.shadow.server.merges) == 1
    assert again.states() == ["NORMAL"] * 3
    again.rest()
    again.assert_identical()


def test_a_disk_that_was_reduced_stays_out_of_the_next_run_untouched() -> None:
    stage = created()
    stage.work(20)
    stage.run(stage.mirror.reduce(stage.mirror.disks[1]))
    stage.work(20)
    stage.rest()
    stage.run(stage.mirror.close())
    kept = stage.disks.image(1)
    again = Theatre(stage.disks, order=[1, 0])
    assert again.states() == ["SPARE", "NORMAL"]
    assert "SPARE" in again.idents()
    again.work(10)
    assert again.disks.image(1) == kept
    again.run(again.mirror.replace(again.mirror.disks[0]))
    assert again.mirror.state(again.mirror.disks[0]) == "NORMALIZING"
    again.normal()
    again.rest()
    assert again.disks.image(0) == again.disks.image(1)


def test_a_blank_spare_stays_out_until_it_is_added() -> None:
    stage = created()
    stage.rest()
    stage.run(stage.mirror.close())
    disks = Disks(3)
    disks.sides[:2], disks.images[:2] = stage.disks.sides, stage.disks.images
    again = Theatre(disks)
    assert again.states() == ["NORMAL", "NORMAL", "SPARE"]
    again.run(again.mirror.replace(again.mirror.disks[2]))
    again.normal()
    again.rest()
    again.assert_identical()


def test_an_older_copy_of_a_member_stays_out() -> None:
    stage = created()
    stage.rest()
    stage.run(stage.mirror.close())
    old_side, old_image = contents(stage.disks.sides[1]), stage.disks.image(1)
    later = Theatre(stage.disks)
    later.work(20)
    later.rest()
    later.run(later.mirror.close())
    for device, content in ((stage.disks.sides[1], old_side), (stage.disks.images[1], old_image)):
        device.submit(Asked(Function.WRITE, 0, len(content), [memoryview(content)]))
    again = Theatre(stage.disks)
    assert again.states() == ["NORMAL", "SPARE"]
    again.work(5)
    assert again.disks.image(1) == old_image


@pytest.mark.parametrize("clean", [True, False])
def test_an_unfinished_copy_is_never_the_source(clean: bool) -> None:
    hold = Hold(lambda request: request.function == Function.COPY)
    disks = Disks(2)
    content = b"\x77" * BLOCKS * 512
    disks.images[0].submit(Asked(Function.WRITE, 0, len(content), [memoryview(content)]))
    stage = Theatre(disks, rules=[Dying(), hold], mount=False)  # type: ignore[list-item]
    stage.guest.depth = 0
    stage.run(stage.mirror.create("VOLUME"))
    if clean:
        closing: list[object] = []
        stage.mirror.node.run("close", stage.mirror.close(), closing.append)
        stage.world.clock.run_for(SECOND_NS)
        hold.holding = False
        hold.release()
        assert stage.until(lambda: closing == [None])
        assert disks.image(0) == content
        disks.images[1].submit(Asked(Function.ERASE, 0, BLOCKS * 512))  # it had not come so far
    alone = Theatre(disks, order=[1], mount=False)
    assert "holds an unfinished copy" in alone.refusal(alone.mirror.open())
    again = Theatre(disks, order=[1, 0])
    again.normal()
    assert again.copied() == [("$1$DUA10:", False)]
    assert disks.image(0) == content
    assert disks.image(1) == content


def test_disks_of_two_sets_are_not_mixed() -> None:
    one, other = created(), created()
    for stage, label in ((one, "VOLUME"), (other, "OTHER")):
        stage.run(stage.mirror.close())
        again = Theatre(stage.disks, mount=False)
        for side in stage.disks.sides:
            side.submit(Asked(Function.ERASE, 0, 127 * 512))
        again.run(again.mirror.create(label))
        again.normal()
        again.run(again.mirror.close())
    mixed = Disks(2)
    mixed.serials = [0xAB0, 0xCD0]
    mixed.sides = [one.disks.sides[0], other.disks.sides[0]]
    mixed.images = [one.disks.images[0], other.disks.images[0]]
    stage = Theatre(mixed, mount=False)
    assert "belong to different sets" in stage.refusal(stage.mirror.open())


def test_an_empty_disk_alone_holds_no_set() -> None:
    stage = Theatre(Disks(2), mount=False)
    assert "must be created first" in stage.refusal(stage.mirror.open())


def test_sets_keep_apart_and_may_come_in_another_order_next_time() -> None:
    first = created()
    second = Theatre(_renumbered(Disks(2), 0xEE0), create=True, world=first.world, name="M2")
    assert second.mirror.virtual_unit_name == "DSA2:"
    assert [disk.name for disk in second.mirror.disks] == ["DISK10200", "DISK10300"]
    assert [disk.device for disk in second.mirror.disks] == ["$1$DUA12:", "$1$DUA13:"]
    for stage in (first, second):
        stage.work(10)
        stage.rest()
        stage.run(stage.mirror.close())
    again = Theatre(second.disks)
    assert again.mirror.virtual_unit_name == "DSA1:"
    assert again.states() == ["NORMAL", "NORMAL"]
    both = Theatre(first.disks, world=again.world, name="M2")
    assert both.states() == ["NORMAL", "NORMAL"]


def _renumbered(disks: Disks, first: int) -> Disks:
    disks.serials = [first + n for n in range(len(disks.serials))]
    return disks


def bad_media() -> Iterator[tuple[list[MirrorMedia], str]]:
    def media(serial: int, blocks: int = 100) -> MirrorMedia:
        return MirrorMedia("a.dsk", MemoryDevice(127), MemoryDevice(blocks), serial)

    yield [], "needs 1 to 3 images, not 0"
    yield [media(n) for n in range(4)], "needs 1 to 3 images, not 4"
    yield [media(1), media(1)], "one is a copy of the other"
    yield [media(1, 99)], "a.dsk has 99 blocks, fewer than the 100 of M1"


def test_images_that_cannot_make_a_set_are_refused() -> None:
    for media, sentence in bad_media():
        with pytest.raises(ValueError, match=sentence):
            World().add_mirror("M1", media, load_firmware("hbvs-shadow"), block_count=100)


def test_a_disk_that_cannot_be_read_does_not_keep_the_set_from_opening() -> None:
    stage = created()
    stage.rest()
    stage.run(stage.mirror.close())
    again = Theatre(stage.disks, rules=[DeadFrom(0)])
    assert again.states() == ["FAILED", "NORMAL"]
    assert "UNREADABLE" in again.idents()
    again.work(5)
