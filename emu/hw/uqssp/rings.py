"""Rings of descriptors in host memory, as the controller walks them.

(spec "UQSSP", ring descriptors and interrupt rule.)  A descriptor is a longword: the address of a
message text, and two bits.  OWN says whose it is; FLAG, set by the host, asks for an interrupt when the
ring makes its transition, and is always set when the controller gives the descriptor back.
"""

from emu.core.bus import BusError, HostMemory
from emu.wire.codes.uqssp import DESCRIPTOR_BYTES, FATAL, FLAG, OWN

_OWN_CLEAR = 0xFFFF_FFFF ^ OWN


class PortFault(Exception):
    """What kills a port: `code` is the fatal code its SA register will show."""

    def __init__(self, code: FATAL) -> None:
        super().__init__(code.words)
        self.code = code


class Ring:
    """One ring.

    base: bus address of descriptor 0.  length: descriptors, a power of two from 1 to 128.
    interrupt_word: bus address of the word that tells the host of this ring's transition.
    """

    __slots__ = ("_interrupt_word", "_memory", "_place", "_previous", "_successors", "base", "length")

    def __init__(self, memory: HostMemory, base: int, length: int, interrupt_word: int) -> None:
        self.base = base
        self.length = length
        self._memory = memory
        self._interrupt_word = interrupt_word
        places = [base + DESCRIPTOR_BYTES * index for index in range(length)]
        self._successors = dict(zip(places, places[1:] + places[:1], strict=True))
        self._place = places[0]
        self._previous = places[-1]

    @property
    def next(self) -> int:
        """The index of the descriptor that is read next."""
        return (self._place - self.base) // DESCRIPTOR_BYTES

    @property
    def owned(self) -> int:
        """Count the descriptors that are the controller's."""
        return sum(bool(self._memory.read_longword(place) & OWN) for place in self._successors)

    def peek(self) -> int:
        """Read the next descriptor; without OWN in it there is nothing to take.

        Raises:
            PortFault: the ring cannot be read.
        """
        try:
            return self._memory.read_longword(self._place)
        except BusError:
            raise PortFault(FATAL.RING_READ) from None

    def give_back(self, descriptor: int) -> bool:
        """Return the descriptor just read to the host and go on to the next; True asks for an interrupt.

        The transition: the host filled all of the command ring, or emptied all of the response ring,
        and this descriptor ends that.  The descriptor before it tells, being the controller's still.

        Raises:
            PortFault: the ring or the interrupt word cannot be reached.
        """
        memory, place, previous = self._memory, self._place, self._previous
        try:
            memory.write_longword(place, descriptor & _OWN_CLEAR | FLAG)
        except BusError:
            raise PortFault(FATAL.RING_WRITE) from None
        self._previous = place
        self._place = self._successors[place]
        if not descriptor & FLAG:
            return False
        try:
            if previous != place:
                return memory.announce(previous, self._interrupt_word)
            memory.write_word(self._interrupt_word, 1)  # a ring of one makes its transition every time
        except BusError as error:
            raise PortFault(FATAL.RING_READ if error.address == previous else FATAL.RING_WRITE) from None
        return True
