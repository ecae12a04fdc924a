"""A processor that stands still for a while: its node goes on where it was, or finds that the others did without it."""

from drivers.platform.host import WaitingIrp
from drivers.platform.node_clock import NodeClock
from emu.core.block import BLOCK_BYTES
from emu.core.clock import MILLISECOND_NS, SECOND_NS, Scheduler
from emu.media.faulty import Hold
from emu.sim.lan import RING_DATAGRAMS, Weather
from emu.wire.codes.vms import IO
from tests.simulation.stage import NORMAL, SET, Stage, contents

BLOCK, OTHER = b"\x31" * BLOCK_BYTES, b"\x32" * BLOCK_BYTES


class Pausing(Stage):
    """An Alpha and a VAX with one set mounted; the VAX has no quorum without the Alpha."""

    def __init__(self, **options: object) -> None:
        super().__init__(vax=True, block_count=1_500, latency_us=(1_000, 2_000), **options)  # type: ignore[arg-type]
        self.ready()
        assert self.vax is not None
        self.node = self.vax
        self.vu = self.mount([], node=self.node)

    def pause_for(self, seconds: float) -> None:
        self.world.pause("VAX1")
        self.world.clock.run_for(int(seconds * SECOND_NS))
        self.world.go_on("VAX1")

    @property
    def members(self) -> tuple[str, ...]:
        return self.alpha.cluster.nodes


def test_a_short_pause_is_noticed_by_nobody() -> None:
    stage = Pausing()
    circuit = stage.node.cluster.circuit_to("ALPHA1")
    write = stage.write(stage.vu, 500, BLOCK, stage.node)
    stage.pause_for(3)
    assert not write.finished.is_set
    stage.world.clock.run_for(SECOND_NS)
    assert write.status == NORMAL
    assert stage.node.cluster.circuit_to("ALPHA1") is circuit


def test_a_node_that_stood_still_for_less_than_the_others_wait_is_a_member_yet() -> None:
    stage = Pausing()
    circuit = stage.node.cluster.circuit_to("ALPHA1")
    write = stage.write(stage.vu, 500, BLOCK, stage.node)
    stage.pause_for(15)
    stage.world.clock.run_for(10 * SECOND_NS)
    assert write.status == NORMAL
    assert stage.members == ("ALPHA1", "VAX1")
    assert stage.node.cluster.circuit_to("ALPHA1") is not circuit
    assert stage.alpha.shadow.server.merges == []


def test_a_node_that_stood_still_for_longer_stops_and_the_set_was_merged() -> None:
    stage = Pausing()
    stage.pause_for(60)
    stage.world.clock.run_for(10 * SECOND_NS)
    assert stage.node.crashed
    assert stage.members == ("ALPHA1",)
    assert len(stage.alpha.shadow.server.merges) == 1


def test_a_write_that_was_half_way_does_not_reach_the_copy_target_of_those_who_went_on() -> None:
    hold, copying = Hold(lambda request: request.lbn == 500), Hold(lambda request: request.lbn > 1_000)
    copying.holding = False
    stage = Pausing(firmware="kdm70", rules=[[hold], [], [copying]])
    stage.dismount("$1$DUA12:")
    copying.holding = True
    stage.mount(["$1$DUA12:"])
    stage.world.clock.run_for(SECOND_NS)
    stage.write(stage.vu, 500, BLOCK, stage.node)
    stage.world.clock.run_for(SECOND_NS)
    assert hold.held
    stage.world.pause("VAX1")
    hold.holding = False
    hold.release()  # the full members have it now, and the VAX does not know
    stage.world.lan.weather = Weather((10 * MILLISECOND_NS, 10 * MILLISECOND_NS))
    stage.world.clock.run_for(60 * SECOND_NS)
    assert stage.write_now(stage.alpha.shadow.units[SET], 500, OTHER) == NORMAL
    stage.world.go_on("VAX1")
    stage.world.clock.run_for(SECOND_NS)
    assert stage.node.crashed
    assert {contents(disk)[500 * BLOCK_BYTES : 501 * BLOCK_BYTES] for disk in stage.disks} == {OTHER}


def test_what_is_begun_without_quorum_goes_to_no_disk_before_there_is_quorum() -> None:
    stage = Pausing()
    stage.world.lan.isolate("VAX1")
    stage.world.clock.run_for(15 * SECOND_NS)
    assert not stage.node.cluster.works
    platform = stage.node.platform
    write = WaitingIrp(platform, IO.WRITEPBLK, 500, BLOCK_BYTES, platform.pool.allocate(BLOCK_BYTES))
    stage.node.disk(stage.names[0]).queue_io(write)
    stage.world.clock.run_for(5 * SECOND_NS)
    assert not write.finished.is_set
    stage.world.lan.mend()
    stage.world.clock.run_for(5 * SECOND_NS)
    assert write.status == NORMAL


def test_an_adapter_keeps_so_many_datagrams_for_a_processor_that_does_not_look() -> None:
    stage = Pausing()
    stage.world.pause("VAX1")
    station = stage.world.lan.stations["VAX1"]
    for _ in range(RING_DATAGRAMS + 10):
        station.take(b"")
    assert len(station.release()) == RING_DATAGRAMS


def test_what_fell_due_meanwhile_happens_in_its_order_but_what_was_cancelled() -> None:
    scheduler = Scheduler()
    clock = NodeClock(scheduler)
    seen: list[str] = []
    clock.call_after(20, lambda: seen.append("second"))
    first = clock.call_after(10, lambda: seen.append("first"))
    cancelled = clock.call_after(30, lambda: seen.append("cancelled"))
    clock.pause()
    clock.call_soon(lambda: seen.append("at once"))
    scheduler.run_for(100)
    assert seen == []
    assert first.pending
    cancelled.cancel()
    clock.go_on()
    scheduler.run_soon()
    assert seen == ["at once", "first", "second"]


def test_a_processor_that_is_halted_while_it_stands_still_does_nothing_more() -> None:
    scheduler = Scheduler()
    clock = NodeClock(scheduler)
    seen: list[str] = []
    clock.pause()
    clock.call_soon(lambda: seen.append("never"))
    clock.halt()
    clock.go_on()
    scheduler.run_soon()
    assert seen == []
