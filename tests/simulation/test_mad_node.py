"""A node that knows the password and has gone mad: what it sends harms nobody but itself."""

import pytest

from drivers.cluster.pedriver import Identity, PeDriver
from drivers.cluster.scs import Connection, Scs
from drivers.shadow.utility import Policy
from emu.core.block import BLOCK_BYTES
from emu.core.clock import SECOND_NS
from emu.wire.codes.scs import CnxFunction, Facility, LckFunction
from emu.wire.codes.shadowing import Request
from emu.wire.generated.scs import ClusterMessage, Epoch, Lock, Status
from emu.wire.generated.shadowing import SetBits
from tests.simulation.stage import NORMAL, SET, Stage

VAX_SYSTEM = 0x7FFF_0000_0001  # behind all others, so that they connect
SYSAP = "VMS$VAXcluster"


class Mad:
    """A node that says what it wants to the connection manager of an Alpha."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        link = stage.world.lan.station("MAD")
        identity = Identity(VAX_SYSTEM, "MAD", 7, "VAX")
        self.port = PeDriver(stage.alpha.platform, link, identity, group=1)
        self.scs = Scs(self.port)
        self.scs.listen(SYSAP, lambda asked: asked.accept(self))
        self.sequences: dict[Connection, int] = {}  # of its open connections
        self.port.start()

    @property
    def connection(self) -> Connection | None:
        """The one to the Alpha."""
        system = self.stage.alpha.cluster.manager.identity.system
        return next((each for each in self.sequences if each.circuit.system == system), None)

    def opened(self, connection: Connection) -> None:
        self.sequences[connection] = 0
        status = Status(votes=0, expected_votes=1).pack()
        self.send(Facility.CNX, CnxFunction.STATUS, status, counted=False, connection=connection)

    def message_came(self, connection: Connection, data: bytes) -> None:
        header = ClusterMessage.unpack(data)
        if header.facility != Facility.CNX:
            return
        if header.func == CnxFunction.STATUS:
            self.sequences[connection] = Status.unpack(data, ClusterMessage.SIZE).received
        elif header.func == CnxFunction.PROPOSE:
            view = self.stage.alpha.cluster.manager.view
            assert view is not None
            agree = Epoch.pack_fields(view.epoch + 1)
            self.send(Facility.CNX, CnxFunction.AGREE, agree, connection=connection)

    def datagram_came(self, connection: Connection, data: bytes) -> None: ...

    def closed(self, connection: Connection, reason: int) -> None:
        self.sequences.pop(connection, None)

    def send(
        self,
        facility: int,
        func: int,
        data: bytes,
        *,
        counted: bool = True,
        buffer: int = 0,
        connection: Connection | None = None,
    ) -> None:
        connection = connection or self.connection
        if connection is None:
            return
        self.sequences[connection] += counted
        header = ClusterMessage(
            seqnum=self.sequences[connection] if counted else 0,
            rspid=1,
            facility=facility,
            func=func,
            bufh=buffer,
            length=len(data),
        )
        connection.send_message(header.pack() + (b"" if buffer else data))


@pytest.fixture
def stage() -> Stage:
    stage = Stage(vax=True, block_count=2_000)
    stage.ready()
    stage.mount([], node=stage.vax)
    stage.dismount("$1$DUA11:", Policy.MINICOPY)
    return stage


def _still_works(stage: Stage) -> None:
    assert stage.vax is not None
    for node in (stage.alpha, stage.vax):
        vu = node.shadow.units[SET]
        assert stage.write_now(vu, 100, bytes(BLOCK_BYTES), node) == NORMAL
        assert not node.crashed


def test_a_mad_node_is_a_member_until_it_says_something(stage: Stage) -> None:
    mad = Mad(stage)
    stage.world.clock.run_for(5 * SECOND_NS)
    assert "MAD" in stage.alpha.cluster.nodes
    assert mad.connection is not None
    (bitmap,) = stage.alpha.shadow.bitmaps.values()
    far = SetBits(bitmap.record.identifier, 1_999, 50).pack()
    mad.send(Facility.REQUEST, Request.SET_BITS, far)
    stage.world.clock.run_for(SECOND_NS // 10)
    assert bitmap.set_count == 0
    assert stage.alpha.cluster.scs is not None
    assert "not of this volume" in stage.alpha.cluster.scs.violations[-1]
    mad.port.stop(last_gasp=False)
    stage.world.clock.run_for(60 * SECOND_NS)
    _still_works(stage)


@pytest.mark.parametrize("seed", range(3))
def test_noise_in_every_kind_of_message_harms_nobody(stage: Stage, seed: int) -> None:
    stream = stage.chance.stream(f"noise {seed}")
    mad = Mad(stage)
    functions = {
        Facility.CNX: [1, 2, 3, 4, 6, 9],  # a mad EXPEL, COMMIT or LEAVE is believed, as in a real cluster
        Facility.LCK: [int(f) for f in LckFunction] + [77],
        Facility.REQUEST: [int(f) for f in Request] + [0x87, 99],
        0x33: [1],
    }
    for _ in range(60):
        stage.world.clock.run_for(SECOND_NS * 4)
        for _ in range(3):
            facility = stream.choice(list(functions))
            data = bytearray(stream.randbytes(stream.choice((0, 3, 12, 20, 40, 76, 110))))
            if facility == Facility.LCK and stream.random() < 0.7:
                lock = Lock.unpack(bytes(Lock.SIZE))
                lock.master = stage.alpha.cluster.manager.csid
                lock.lock, lock.mode, lock.wanted = (
                    stream.randrange(4),
                    stream.randrange(7),
                    stream.randrange(7),
                )
                lock.resource = b"R"
                data = bytearray(lock.pack())
            buffer = stream.choice((0, 0, 0, 5))
            mad.send(facility, stream.choice(functions[facility]), bytes(data), buffer=buffer)
    assert stage.alpha.cluster.scs is not None
    assert len(stage.alpha.cluster.scs.violations) > 5
    mad.port.stop(last_gasp=False)
    stage.world.clock.run_for(60 * SECOND_NS)
    _still_works(stage)
