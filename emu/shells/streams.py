"""Byte streams by name: TCP, telnet, Unix sockets, serial lines, pseudo-terminals.

    tcp://HOST:PORT      telnet://HOST:PORT       HOST may be left out: 127.0.0.1; PORT 0 is any free one to listen on
    unix:///PATH
    serial:///dev/ttyS0?baud=9600&bits=8&parity=N&stop=1&rtscts=0&xonxoff=0
    serial:URL           any URL of pyserial: serial:rfc2217://HOST:PORT, serial:loop://
    pty:  pty:/PATH      a pseudo-terminal; a symbolic link to its other end is made at PATH

`telnet` says only that a telnet filter belongs on the stream; the stream itself carries the bytes as they are.
A stream is a file descriptor that never blocks.  Sizes are bytes.
"""

import errno
import fcntl
import ipaddress
import os
import select
import socket
import stat
import termios
import threading
import tty
from array import array
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

import serial

READ_BYTES = 1 << 20
PARTS_AT_A_TIME = 1024  # IOV_MAX of Linux
CONNECT_SECONDS = 5.0
KEEPALIVE = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 15), (socket.TCP_KEEPCNT, 4))  # seconds, times
PUMP_SECONDS = 0.2  # how soon a serial port without descriptor notices that it was closed
DEFAULT_BAUD = 9600
LOOPBACK = "127.0.0.1"


class StreamError(Exception):
    """A stream cannot be had, or broke; the text says why."""


class Stream:
    """Bytes in both directions.

    name: the peer's, for people.  telnet: the address asked for a telnet filter.
    """

    def __init__(
        self, name: str, descriptor: int, *, telnet: bool = False, on_close: Callable[[], None] | None = None
    ) -> None:
        os.set_blocking(descriptor, False)
        self.name = name
        self.telnet = telnet
        self._descriptor = descriptor
        self._closing = [on_close] if on_close is not None else []
        self._buffer = bytearray(READ_BYTES)  # costs memory as far as it is used
        self._view = memoryview(self._buffer)

    def fileno(self) -> int:
        return self._descriptor

    def read(self) -> bytes:
        """Take what has come, b"" at the end; raises BlockingIOError when nothing has, StreamError."""
        try:
            return bytes(self._view[: os.readv(self._descriptor, (self._buffer,))])
        except BlockingIOError:
            raise
        except OSError as error:
            if error.errno == errno.EIO:  # a pseudo-terminal that nobody has open any more
                return b""
            raise self._broken(error) from error

    def write(self, *parts: bytes | bytearray | memoryview) -> int:
        """Send as much as goes without waiting; returns how much that was; raises StreamError."""
        try:
            return os.writev(self._descriptor, parts[:PARTS_AT_A_TIME])
        except BlockingIOError:
            return 0
        except OSError as error:
            raise self._broken(error) from error

    def close(self) -> None:
        """Hang up; may be called again."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            for action in self._closing:
                action()

    def on_close(self, action: Callable[[], None]) -> None:
        """Have something done when this end is closed."""
        self._closing.append(action)

    def _broken(self, error: OSError) -> StreamError:
        return StreamError(f"{self.name}: {_reason(error)}")


class Listener(Protocol):
    """Where streams come from.

    name: where it listens, as a URL that others can connect to.  exposed: other machines can reach it.
    """

    name: str
    telnet: bool
    exposed: bool

    def fileno(self) -> int | None:
        """Readable when a stream may be had; None: nothing tells, ask from time to time."""
        ...

    def accept(self) -> Stream | None:
        """The next stream, None when there is none."""
        ...

    def close(self) -> None: ...


def listen(url: str) -> Listener:
    """Listen at an address; raises StreamError."""
    scheme = _scheme(url)
    try:
        if scheme in ("tcp", "telnet"):
            return TcpListener(*_host_and_port(url), telnet=scheme == "telnet")
        if scheme == "unix":
            return UnixListener(_path(url))
        if scheme == "pty":
            return PtyListener(_path(url))
        return SerialListener(url)
    except OSError as error:
        raise StreamError(f"{url} cannot be listened on: {_reason(error)}") from error


def connect(url: str) -> Stream:
    """Connect to an address; raises StreamError.  A serial line or a pseudo-terminal of one's own is opened."""
    scheme = _scheme(url)
    try:
        if scheme in ("tcp", "telnet"):
            return _connect_tcp(url, telnet=scheme == "telnet")
        if scheme == "unix":
            peer = socket.socket(socket.AF_UNIX)
            try:
                peer.settimeout(CONNECT_SECONDS)
                peer.connect(str(_path(url)))
            except BaseException:
                peer.close()
                raise
            return Stream(url, peer.detach())
        if scheme == "pty":
            pair = PtyListener(_path(url))
            return Stream(pair.name, os.dup(pair.descriptor), on_close=pair.close)
        return _open_serial(url)
    except OSError as error:
        raise StreamError(f"{url} cannot be connected to: {_reason(error)}") from error


def begin_connecting(url: str) -> Stream:
    """Connect to a TCP address and do not wait: the stream breaks if nobody answers; raises StreamError."""
    if _scheme(url) != "tcp":
        raise StreamError(f"{url} is no address: wanted tcp://HOST:PORT")
    try:
        host, port = _host_and_port(url)
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        peer = socket.socket(family, kind)
        peer.setblocking(False)
        _prepare_tcp(peer)
        peer.connect_ex(address)
    except OSError as error:
        raise StreamError(f"{url} cannot be connected to: {_reason(error)}") from error
    return Stream(url, peer.detach())


# ---- addresses

_SCHEMES = ("tcp", "telnet", "unix", "serial", "pty")


def _scheme(url: str) -> str:
    scheme = url.partition(":")[0].lower()
    if scheme not in _SCHEMES or ":" not in url:
        raise StreamError(
            f"{url} is no address: wanted tcp://HOST:PORT, telnet://HOST:PORT, unix:///PATH, "
            "serial:///DEVICE?baud=9600, or pty:"
        )
    return scheme


def _host_and_port(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = None
    if port is None or parts.path.strip("/") or parts.username or parts.query:
        raise StreamError(f"{url} is no address: wanted {parts.scheme}://HOST:PORT")
    return parts.hostname or LOOPBACK, port


def _path(url: str) -> Path | None:
    """The path of unix:///PATH, pty:/PATH and the like; None when there is none."""
    text = url.partition(":")[2]
    if text.startswith("//"):
        host, _, text = text[2:].partition("/")
        if host:
            raise StreamError(
                f"{url} is no address: a path begins with a slash, {url.partition(':')[0]}:///PATH"
            )
        text = f"/{text}" if text else ""
    if not text.strip("/"):
        if url.lower().startswith("pty"):
            return None
        raise StreamError(f"{url} is no address: it has no path")
    return Path(text).expanduser()


def _reason(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "nobody answers"
    return error.strerror or str(error)


# ---- TCP and Unix sockets


def _prepare_tcp(peer: socket.socket) -> None:
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in KEEPALIVE:
        peer.setsockopt(socket.IPPROTO_TCP, option, value)


def _connect_tcp(url: str, *, telnet: bool) -> Stream:
    peer = socket.create_connection(_host_and_port(url), CONNECT_SECONDS)
    _prepare_tcp(peer)
    return Stream(url, peer.detach(), telnet=telnet)


def _url_of(scheme: str, address: tuple[str, int]) -> str:
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    return f"{scheme}://{host}:{address[1]}"


class TcpListener:
    """A TCP port."""

    def __init__(self, host: str, port: int, *, telnet: bool = False) -> None:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        self._socket = socket.create_server(address[:2], family=family, backlog=16)
        assert kind == socket.SOCK_STREAM, "that is what was asked for"
        self._socket.setblocking(False)
        own = self._socket.getsockname()[:2]
        self.name = _url_of("telnet" if telnet else "tcp", own)
        self.telnet = telnet
        self.exposed = not ipaddress.ip_address(own[0].partition("%")[0]).is_loopback

    def fileno(self) -> int:
        return self._socket.fileno()

    def accept(self) -> Stream | None:
        try:
            peer, address = self._socket.accept()
            _prepare_tcp(peer)
        except OSError:  # nobody, or gone again
            return None
        return Stream(_url_of("tcp", address[:2]), peer.detach(), telnet=self.telnet)

    def close(self) -> None:
        self._socket.close()


class UnixListener:
    """A socket of this host, for this user alone."""

    telnet = False
    exposed = False

    def __init__(self, path: Path | None) -> None:
        assert path is not None, "a Unix socket has a path"
        self._path = path
        self.name = f"unix://{path.absolute()}"
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._remove_abandoned()
            mask = os.umask(0o177)
            try:
                self._socket.bind(str(path))
            finally:
                os.umask(mask)
            self._socket.listen(16)
            self._socket.setblocking(False)
        except BaseException:
            self._socket.close()
            raise

    def _remove_abandoned(self) -> None:
        """Remove a socket that somebody left behind; one that is served stays."""
        try:
            if not stat.S_ISSOCK(self._path.lstat().st_mode):
                return
        except FileNotFoundError:
            return
        with socket.socket(socket.AF_UNIX) as probe:
            probe.setblocking(False)
            try:
                probe.connect(str(self._path))
            except ConnectionRefusedError:
                self._path.unlink()
            except BlockingIOError:
                pass

    def fileno(self) -> int:
        return self._socket.fileno()

    def accept(self) -> Stream | None:
        try:
            peer, _ = self._socket.accept()
        except OSError:
            return None
        return Stream(self.name, peer.detach())

    def close(self) -> None:
        self._socket.close()
        with suppress(OSError):
            self._path.unlink()


# ---- pseudo-terminals

_UNLOCK_PTY = 0x4004_5431  # TIOCSPTLCK, TIOCGPTN of Linux
_GET_PTY_NUMBER = 0x8004_5430


def _open_pty() -> tuple[int, str]:
    """The near end of a new pseudo-terminal and the name of the far one, which nobody has opened yet.

    os.openpty opens the far end too; closed again, the pair would count as hung up.
    """
    descriptor = os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY)
    try:
        number = array("i", [0])
        fcntl.ioctl(descriptor, _UNLOCK_PTY, number)
        fcntl.ioctl(descriptor, _GET_PTY_NUMBER, number)
        tty.setraw(descriptor, termios.TCSANOW)  # of the pair: bytes pass as they are
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, f"/dev/pts/{number[0]}"


class PtyListener:
    """A pseudo-terminal: one stream at a time, for whoever opens its far end.

    The first stream is there at once, so that what it says waits for the one who comes.  After a hang-up the next
    comes when the far end is opened again; one that is opened again before anybody looked was not hung up.
    """

    telnet = False
    exposed = False

    def __init__(self, link: Path | None) -> None:
        self.descriptor, self.name = _open_pty()
        self._link: Path | None = None
        self._open = False
        if link is not None:
            try:
                if link.is_symlink() and not link.exists():
                    link.unlink()  # of one that ended without cleaning up
                link.symlink_to(self.name)
            except BaseException:
                os.close(self.descriptor)
                raise
            self._link = link

    def fileno(self) -> None:
        return None

    def accept(self) -> Stream | None:
        if self._open or self._hung_up():
            return None
        self._open = True
        return Stream(self.name, os.dup(self.descriptor), on_close=self._closed)

    def _closed(self) -> None:
        self._open = False

    def _hung_up(self) -> bool:
        poll = select.poll()
        poll.register(self.descriptor, 0)
        return bool(poll.poll(0))

    def close(self) -> None:
        os.close(self.descriptor)
        if self._link is not None:
            with suppress(OSError):
                self._link.unlink()


# ---- serial lines

_OPTIONS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "baud": ("baudrate", int),
    "bits": ("bytesize", int),
    "parity": ("parity", str.upper),
    "stop": ("stopbits", float),
    "rtscts": ("rtscts", lambda text: bool(int(text))),
    "xonxoff": ("xonxoff", lambda text: bool(int(text))),
}


def _open_serial(url: str) -> Stream:
    target, settings = _serial_target(url)
    try:
        port = serial.serial_for_url(target, timeout=PUMP_SECONDS, **settings)
    except (serial.SerialException, ValueError) as error:
        raise StreamError(f"{url} cannot be opened: {error}") from error
    try:
        descriptor = os.dup(port.fileno())
    except (AttributeError, OSError):  # io.UnsupportedOperation is an OSError: no descriptor
        return _Pump(port).stream(target)
    if os.isatty(descriptor):
        _tell_nothing_from_the_end(descriptor)
    return Stream(target, descriptor, on_close=port.close)


def _tell_nothing_from_the_end(descriptor: int) -> None:
    """Have a read of nothing fail; as pyserial sets a line it returns nothing, as at the end."""
    settings = termios.tcgetattr(descriptor)
    settings[6][termios.VMIN] = 1
    termios.tcsetattr(descriptor, termios.TCSANOW, settings)


def _serial_target(url: str) -> tuple[str, dict[str, Any]]:
    """The device or pyserial's URL, and pyserial's names of the settings."""
    rest = url.partition(":")[2]
    settings: dict[str, Any] = {"baudrate": DEFAULT_BAUD}
    if "://" in rest:
        return rest, settings  # its query, if it has one, is pyserial's
    rest = rest.removeprefix("//")
    device, _, query = rest.partition("?")
    if not device:
        raise StreamError(f"{url} is no address: wanted serial:///DEVICE?baud=9600")
    for key, value in parse_qsl(query, keep_blank_values=True):
        if key not in _OPTIONS:
            raise StreamError(f"{url}: {key} is no setting of a line; there are {', '.join(_OPTIONS)}")
        name, convert = _OPTIONS[key]
        try:
            settings[name] = convert(value)
        except ValueError:
            raise StreamError(f"{url}: {value} is no value for {key}") from None
    return device, settings


class _Pump:
    """A serial port that has no descriptor, behind a pair of sockets that has; a thread for each direction."""

    def __init__(self, port: serial.Serial) -> None:
        self._port = port
        self._near, self._far = socket.socketpair()
        self._threads = [
            threading.Thread(target=body, daemon=True) for body in (self._inwards, self._outwards)
        ]
        for thread in self._threads:
            thread.start()

    def stream(self, name: str) -> Stream:
        return Stream(name, self._near.detach(), on_close=self._close)

    def _inwards(self) -> None:
        with suppress(OSError, serial.SerialException):
            while self._port.is_open:
                data = self._port.read(max(1, self._port.in_waiting))
                if data:
                    self._far.sendall(data)
        self._hang_up()

    def _outwards(self) -> None:
        with suppress(OSError, serial.SerialException):
            while data := self._far.recv(1 << 16):
                self._port.write(data)
        self._hang_up()

    def _hang_up(self) -> None:
        with suppress(OSError):
            self._far.shutdown(socket.SHUT_RDWR)

    def _close(self) -> None:
        self._hang_up()
        for thread in self._threads:
            thread.join(2 * PUMP_SECONDS)
        self._port.close()
        self._far.close()


class SerialListener:
    """A serial line: one stream at a time, and another when the line is there again after it broke."""

    telnet = False
    exposed = False

    def __init__(self, url: str) -> None:
        self._url = url
        self._open = False
        self._first: Stream | None = _open_serial(url)  # so that a line that is not there is told at once
        self.name = self._first.name

    def fileno(self) -> None:
        return None

    def accept(self) -> Stream | None:
        if self._open:
            return None
        stream, self._first = self._first, None
        if stream is None:
            try:
                stream = _open_serial(self._url)
            except StreamError:
                return None
        stream.on_close(self._closed)
        self._open = True
        return stream

    def _closed(self) -> None:
        self._open = False

    def close(self) -> None:
        if self._first is not None:
            self._first.close()
            self._first = None
