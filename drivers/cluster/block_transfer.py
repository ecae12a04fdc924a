"""Block transfers of one connection: data of any length between named buffers of the two nodes.

    request_data:  REQDAT ──▶ ;  ◀── RETDAT, RETDAT, … the last one says so        (or ◀── RETCNF with a status)
    send_data:     SNDDAT, SNDDAT, … the last one says so ──▶ ;  ◀── RETCNF

Who is asked does nothing but move bytes: its SYSAP hears of no transfer, as with the adapters that do this by
themselves.
"""

from collections.abc import Callable

from emu.wire.codes.scs import DATA_PIECE_BYTES, PpdOpcode, TransferStatus
from emu.wire.generated.scs import BlockTransfer

Send = Callable[[int, int, int, BlockTransfer, bytes], None]
Done = Callable[[TransferStatus], None]
BUFFER_LIMIT = 256  # names at once, of one connection


class Transfers:
    """The named buffers of a connection, and the transfers that this end began."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._buffers: dict[int, memoryview] = {}
        self._name = 0
        self._rspid = 0
        self._waiting: dict[int, Done] = {}

    def map(self, buffer: memoryview) -> int:
        """Give a buffer a name, by which the other end reads and writes it; one of bytes is read only."""
        assert len(self._buffers) < BUFFER_LIMIT, "names are given back"
        self._name = (self._name + 1) & 0xFFFF_FFFF or 1
        self._buffers[self._name] = buffer
        return self._name

    def unmap(self, name: int) -> None:
        self._buffers.pop(name, None)

    def request_data(self, buffer: int, remote: int, offset: int, length: int, done: Done) -> None:
        """Read `length` bytes at `offset` of the remote buffer into the local one; `done` hears how it ended."""
        request = BlockTransfer(
            rspid=self._begin(done), xct_len=length, snd_name=remote, snd_boff=offset, rec_name=buffer
        )
        self._send(PpdOpcode.REQDAT, 0, 0, request, b"")

    def send_data(self, buffer: int, remote: int, offset: int, length: int, done: Done) -> None:
        """Write `length` bytes of the local buffer at `offset` of the remote one; `done` hears how it ended."""
        self._pieces(PpdOpcode.SNDDAT, self._begin(done), (buffer, 0), (remote, offset), length)

    def close(self) -> None:
        """Forget everything; transfers under way never end."""
        self._buffers.clear()
        self._waiting.clear()

    def _begin(self, done: Done) -> int:
        self._rspid += 1
        self._waiting[self._rspid] = done
        return self._rspid

    def _pieces(
        self, opcode: int, rspid: int, sender: tuple[int, int], receiver: tuple[int, int], length: int
    ) -> None:
        view = self._buffers[sender[0]]
        for place in range(0, max(length, 1), DATA_PIECE_BYTES):
            size = min(DATA_PIECE_BYTES, length - place)
            start = sender[1] + place
            piece = BlockTransfer(
                rspid=rspid,
                xct_len=size,
                snd_name=sender[0],
                snd_boff=start,
                rec_name=receiver[0],
                rec_boff=receiver[1] + place,
            )
            self._send(opcode, 0, int(place + size >= length), piece, bytes(view[start : start + size]))

    # -- what comes

    def heard(self, opcode: int, status: int, last: int, transfer: BlockTransfer, data: memoryview) -> bool:
        """Hear a packet of a transfer; False when it belongs to none."""
        if opcode == PpdOpcode.REQDAT:
            self._data_requested(transfer)
        elif opcode == PpdOpcode.SNDDAT:
            found = self._place(transfer.rec_name, transfer.rec_boff, transfer.xct_len, writable=True)
            if found is TransferStatus.NORMAL and len(data) == transfer.xct_len:
                self._buffers[transfer.rec_name][transfer.rec_boff :][: len(data)] = data
            elif len(data) != transfer.xct_len:
                return False
            if last or found is not TransferStatus.NORMAL:
                self._send(PpdOpcode.RETCNF, found, 1, BlockTransfer(rspid=transfer.rspid), b"")
        elif opcode == PpdOpcode.RETDAT:
            if transfer.rspid not in self._waiting or len(data) != transfer.xct_len:
                return False
            found = self._place(transfer.rec_name, transfer.rec_boff, transfer.xct_len, writable=True)
            if found is not TransferStatus.NORMAL:
                return False
            self._buffers[transfer.rec_name][transfer.rec_boff :][: len(data)] = data
            if last:
                self._waiting.pop(transfer.rspid)(TransferStatus.NORMAL)
        else:
            done = self._waiting.pop(transfer.rspid, None)
            if done is not None:  # a transfer that failed is confirmed once for every piece
                known = status in tuple(TransferStatus)
                done(TransferStatus(status) if known else TransferStatus.BAD_NAME)
        return True

    def _data_requested(self, transfer: BlockTransfer) -> None:
        found = self._place(transfer.snd_name, transfer.snd_boff, transfer.xct_len, writable=False)
        if found is TransferStatus.NORMAL:
            self._pieces(
                PpdOpcode.RETDAT,
                transfer.rspid,
                (transfer.snd_name, transfer.snd_boff),
                (transfer.rec_name, transfer.rec_boff),
                transfer.xct_len,
            )
        else:
            self._send(PpdOpcode.RETCNF, found, 1, BlockTransfer(rspid=transfer.rspid), b"")

    def _place(self, name: int, offset: int, length: int, *, writable: bool) -> TransferStatus:
        view = self._buffers.get(name)
        if view is None or (writable and view.readonly):
            return TransferStatus.BAD_NAME
        return TransferStatus.NORMAL if offset + length <= len(view) else TransferStatus.BAD_EXTENT
