"""A dumb SCSI initiator: literal CDBs in, status, data and sense out."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from emu.core.block import BlockDevice
from emu.core.clock import Scheduler
from emu.core.trace import Tracer
from emu.hw.scsi.logical_unit import LogicalUnit
from emu.hw.scsi.profiles import DISK, Profile
from emu.hw.scsi.target import Target
from emu.hw.scsi.task import Nexus, Task
from emu.media.memory import MemoryDevice

BLOCKS = 1000
GOOD, CHECK_CONDITION, BUSY, CONFLICT, FULL, ACA_ACTIVE, ABORTED = 0x00, 0x02, 0x08, 0x18, 0x28, 0x30, 0x40


class AskedTask(Task):
    """A task that remembers its end; data-out comes when `deliver` is called, if it was held back."""

    def __init__(self, *args, data: bytes | None = b"", **keywords) -> None:
        super().__init__(*args, **keywords)
        self.data_out = data
        self.memory = b""
        self.data_in = b""
        self.status: int | None = None
        self.sense = b""
        self.ends = 0
        self.was_aborted = False
        self.wanted: tuple[int, Callable[[Sequence[memoryview]], None]] | None = None

    def fetch(self, length, done) -> None:
        assert self.wanted is None, "a task fetches at most once"
        self.wanted = (length, done)
        if self.data_out is not None:
            self.deliver(self.data_out)

    def deliver(self, data: bytes) -> None:
        length, done = self.wanted
        half = min(len(data), length) // 2
        view = memoryview(data)[:length]
        done([view[:half], view[half:]] if half else [view])

    def room(self, length):
        self.memory = bytearray(length)
        view = memoryview(self.memory)
        return [view[: length // 3], view[length // 3 :]]

    def send(self, length) -> None:
        assert not self.data_in, "data is sent once"
        self.data_in = bytes(self.memory[:length])

    def complete(self, status, sense) -> None:
        self.ends += 1
        assert self.ends == 1, "a task ends once"
        self.status = status
        self.sense = sense

    def aborted(self) -> None:
        self.ends += 1
        assert self.ends == 1, "a task ends once"
        self.was_aborted = True

    @property
    def why(self) -> str:
        """Key/ASC/ASCQ of fixed sense, in hex."""
        return f"{self.sense[2] & 0xF:02x}/{self.sense[12]:02x}/{self.sense[13]:02x}"


class HeldSenseTask(AskedTask):
    """A task of a transport without autosense."""

    autosense = False


class Cells:
    """A nonvolatile memory that is not."""

    def __init__(self) -> None:
        self.content = b""

    def read(self) -> bytes:
        return self.content

    def write(self, content: bytes) -> None:
        self.content = content


class Stage:
    """A target with one unit at LUN 0, and an initiator that has heard of the power-on."""

    def __init__(
        self,
        profile: Profile = DISK,
        medium: BlockDevice | None = None,
        task_type: type[AskedTask] = AskedTask,
        nonvolatile=None,
        blocks: int = BLOCKS,
        **changes,
    ) -> None:
        self.clock = Scheduler()
        self.tracer = Tracer()
        self.profile = replace(profile, **changes)
        self.target = Target(self.clock, self.tracer, "iqn.2026-01.test:disk")
        self.medium = medium or MemoryDevice(self.profile.block_count or blocks)
        self.nonvolatile = nonvolatile
        self.task_type = task_type
        self.unit = self.make_unit("SN1", self.medium)
        self.target.attach(0, self.unit)
        self.tags = 0
        self.nexus = self.initiator("one")

    def make_unit(self, serial: str, medium: BlockDevice) -> LogicalUnit:
        return LogicalUnit(
            medium, self.profile, self.clock, self.tracer, serial, serial, nonvolatile=self.nonvolatile
        )

    def initiator(self, name: str, port: int = 1) -> Nexus:
        """Connect an initiator, and swallow its power-on attention."""
        nexus = Nexus(name, port, b"\x05" + name.encode().ljust(23, b"\0"))
        self.target.connect(nexus)
        for lun in self.target.units:
            assert self.ask("00 00 00 00 00 00", nexus=nexus, lun=lun).status == CHECK_CONDITION
        return nexus

    def start(
        self, cdb: str | bytes, data: bytes | None = b"", nexus: Nexus | None = None, lun: int = 0, **keywords
    ) -> AskedTask:
        """Submit a task and let no time pass."""
        self.tags += 1
        octets = bytes.fromhex(cdb) if isinstance(cdb, str) else cdb
        keywords.setdefault("tag", self.tags)
        task = self.task_type(nexus or self.nexus, lun, octets, data=data, **keywords)
        self.target.submit(task)
        return task

    def ask(self, cdb: str | bytes, data: bytes | None = b"", **keywords) -> AskedTask:
        """Submit a task and wait for its end."""
        task = self.start(cdb, data, **keywords)
        self.clock.run_until(lambda: task.ends)
        assert task.ends == 1, "a task ends"
        return task

    def good(self, cdb: str | bytes, data: bytes | None = b"", **keywords) -> bytes:
        """Submit a task that has to end GOOD; return its data-in."""
        task = self.ask(cdb, data, **keywords)
        assert task.status == GOOD, task.why if task.sense else task.status
        return task.data_in

    def refused(self, cdb: str | bytes, data: bytes | None = b"", **keywords) -> str:
        """Submit a task that has to end with CHECK CONDITION; return its sense."""
        task = self.ask(cdb, data, **keywords)
        assert task.status == CHECK_CONDITION, task.status
        return task.why
