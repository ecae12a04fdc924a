"""Streams by name: sockets, pseudo-terminals, serial lines."""

import os
import select
import stat
import tty
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from emu.shells.streams import Listener, Stream, StreamError, connect, listen

GUARD_SECONDS = 5.0


class Room:
    """Everything that is open, and a way to wait for bytes."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def listen(self, url: str) -> Listener:
        listener = listen(url)
        self._stack.callback(listener.close)
        return listener

    def connect(self, url: str) -> Stream:
        return self.keep(connect(url))

    def accept(self, listener: Listener) -> Stream:
        descriptor = listener.fileno()
        if descriptor is not None:
            assert select.select([descriptor], [], [], GUARD_SECONDS)[0], "somebody comes"
        stream = listener.accept()
        assert stream is not None
        return self.keep(stream)

    def keep(self, stream: Stream) -> Stream:
        self._stack.callback(stream.close)
        return stream

    def open(self, name: str) -> int:
        """Open the far end of a pseudo-terminal, as a program would."""
        descriptor = os.open(name, os.O_RDWR | os.O_NOCTTY)
        return descriptor

    def read(self, stream: Stream) -> bytes:
        assert select.select([stream], [], [], GUARD_SECONDS)[0], "bytes come"
        return stream.read()


@pytest.fixture
def room() -> Iterator[Room]:
    with ExitStack() as stack:
        yield Room(stack)


def everything(byte_count: int = 256) -> bytes:
    return bytes(range(256))[:byte_count]


@pytest.mark.parametrize("url", ["tcp://127.0.0.1:0", "tcp://:0", "tcp://[::1]:0", "telnet://localhost:0"])
def test_tcp_carries_all_bytes_both_ways_and_tells_its_port(room: Room, url: str) -> None:
    listener = room.listen(url)
    near = room.connect(listener.name)
    far = room.accept(listener)
    assert near.write(everything()[:100], memoryview(everything())[100:]) == 256
    assert room.read(far) == everything()
    far.write(b"\xff\0\r")
    assert room.read(near) == b"\xff\0\r"
    assert near.telnet == far.telnet == url.startswith("telnet")
    near.close()
    assert room.read(far) == b""


def test_reading_when_nothing_came_does_not_wait(room: Room) -> None:
    listener = room.listen("tcp://:0")
    assert listener.accept() is None
    near = room.connect(listener.name)
    with pytest.raises(BlockingIOError):
        near.read()


def test_writing_to_somebody_who_does_not_read_does_not_wait(room: Room, tmp_path: Path) -> None:
    listener = room.listen(f"unix://{tmp_path}/door")
    near = room.connect(listener.name)
    room.accept(listener)
    data = bytes(1 << 20)
    while near.write(data):
        pass
    assert near.write(data) == 0


def test_a_peer_that_is_gone_is_an_error_with_a_sentence(room: Room, tmp_path: Path) -> None:
    listener = room.listen(f"unix://{tmp_path}/door")
    near = room.connect(listener.name)
    room.accept(listener).close()
    with pytest.raises(StreamError, match=r"door: Broken pipe"):
        near.write(b"x")


def test_a_port_of_all_addresses_is_exposed_and_one_of_this_host_is_not(room: Room) -> None:
    assert room.listen("tcp://0.0.0.0:0").exposed
    assert room.listen("telnet://[::]:0").exposed
    assert not room.listen("tcp://:0").exposed
    assert not room.listen("tcp://[::1]:0").exposed
    assert not room.listen("pty:").exposed


def test_a_unix_socket_is_for_its_owner_and_goes_when_it_is_closed(room: Room, tmp_path: Path) -> None:
    path = tmp_path / "door"
    listener = listen(f"unix://{path}")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    listener.close()
    assert not path.exists()


def test_a_unix_socket_that_was_left_behind_is_replaced_and_one_in_use_is_not(
    room: Room, tmp_path: Path
) -> None:
    path = tmp_path / "door"
    abandoned = listen(f"unix://{path}")
    os.link(path, tmp_path / "kept")
    abandoned.close()
    os.rename(tmp_path / "kept", path)
    room.listen(f"unix://{path}")
    with pytest.raises(StreamError, match="Address already in use"):
        listen(f"unix://{path}")
    room.connect(f"unix://{path}")


def test_a_file_is_not_taken_for_a_socket(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("data")
    with pytest.raises(StreamError):
        listen(f"unix://{path}")
    assert path.read_text() == "data"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("2323", "is no address"),
        ("ftp://host:1", "is no address"),
        ("tcp://127.0.0.1", "wanted tcp://HOST:PORT"),
        ("tcp://127.0.0.1:x", "wanted tcp://HOST:PORT"),
        ("tcp://127.0.0.1:99999", "wanted tcp://HOST:PORT"),
        ("telnet://127.0.0.1:1/path", "wanted telnet://HOST:PORT"),
        ("unix://", "it has no path"),
        ("unix://relative", "a path begins with a slash"),
        ("serial:", "wanted serial:///DEVICE"),
        ("serial:///dev/null?speed=1", "speed is no setting"),
        ("serial:///dev/null?baud=fast", "fast is no value for baud"),
        ("serial:///dev/nonesuch", "cannot be opened"),
        ("serial:nonsense://x", "cannot be opened"),
        ("unix:///nonesuch/door", "No such file"),
        ("pty:/nonesuch/link", "No such file"),
    ],
)
def test_bad_addresses_are_refused_in_a_sentence(url: str, words: str) -> None:
    for routine in (listen, connect):
        with pytest.raises(StreamError) as caught:
            routine(url)
        assert words in str(caught.value)


def test_a_port_that_nobody_listens_on_is_refused_in_a_sentence(room: Room) -> None:
    listener = listen("tcp://:0")
    listener.close()
    with pytest.raises(StreamError, match="Connection refused"):
        connect(listener.name)


def test_a_port_that_is_taken_is_refused_in_a_sentence(room: Room) -> None:
    with pytest.raises(StreamError, match="Address already in use"):
        listen(room.listen("tcp://:0").name)


# ---- pseudo-terminals


def test_a_pty_passes_all_bytes_as_they_are_and_keeps_what_was_said_before(room: Room) -> None:
    listener = room.listen("pty:")
    near = room.accept(listener)
    near.write(b"hello\r\n")
    far = room.open(listener.name)
    assert os.read(far, 100) == b"hello\r\n"
    os.write(far, everything())
    assert room.read(near) == everything()
    near.write(everything())
    assert os.read(far, 1000) == everything()
    os.close(far)


def test_a_pty_has_one_stream_at_a_time_and_another_after_a_hang_up(room: Room) -> None:
    listener = room.listen("pty:")
    near = room.accept(listener)
    assert listener.accept() is None
    os.close(room.open(listener.name))
    assert room.read(near) == b""
    near.close()
    assert listener.accept() is None  # nobody is there
    far = room.open(listener.name)
    near = room.accept(listener)
    os.write(far, b"again")
    assert room.read(near) == b"again"
    os.close(far)


def test_a_pty_may_have_a_link_which_goes_when_it_is_closed(tmp_path: Path) -> None:
    link = tmp_path / "console"
    link.symlink_to("/dev/pts/nonesuch")  # of one that was killed
    listener = listen(f"pty:{link}")
    assert os.readlink(link) == listener.name
    listener.close()
    assert not link.is_symlink()


def test_a_pty_does_not_replace_a_file_by_its_link(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("data")
    with pytest.raises(StreamError, match="File exists"):
        listen(f"pty:{path}")
    assert path.read_text() == "data"


def test_a_pty_of_ones_own_is_a_stream_too(room: Room) -> None:
    near = room.connect("pty:")
    far = room.open(near.name)
    os.write(far, b"x")
    assert room.read(near) == b"x"
    os.close(far)


# ---- serial lines


def test_a_serial_line_is_opened_with_its_settings(room: Room) -> None:
    other_end = room.connect("pty:")
    line = room.connect(f"serial://{other_end.name}?baud=19200&parity=n&stop=1&xonxoff=0")
    line.write(everything())
    assert room.read(other_end) == everything()
    other_end.write(everything())
    assert room.read(line) == everything()
    assert tty.tcgetattr(line.fileno())[4] == tty.B19200


def test_a_serial_line_that_breaks_comes_back(room: Room, tmp_path: Path) -> None:
    link = tmp_path / "line"
    other_end = listen(f"pty:{link}")
    first_end = other_end.accept()
    assert first_end is not None
    listener = room.listen(f"serial://{link}")
    line = room.accept(listener)
    assert listener.accept() is None
    first_end.close()
    other_end.close()  # unplugged
    assert room.read(line) == b""
    line.close()
    assert listener.accept() is None
    room.listen(f"pty:{link}")
    line = room.accept(listener)
    with pytest.raises(BlockingIOError):
        line.read()


def test_a_url_of_pyserial_without_a_descriptor_works_too(room: Room) -> None:
    line = room.connect("serial:loop://")
    line.write(everything())
    got = b""
    while len(got) < 256:
        got += room.read(line)
    assert got == everything()


def test_pyserials_socket_url_ends_when_its_peer_does(room: Room) -> None:
    listener = room.listen("tcp://:0")
    line = room.connect("serial:socket://" + listener.name.removeprefix("tcp://"))
    far = room.accept(listener)
    far.write(b"ready")
    got = b""
    while len(got) < 5:
        got += room.read(line)
    far.close()
    assert got == b"ready"
    assert room.read(line) == b""
