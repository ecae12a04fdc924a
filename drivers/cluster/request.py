"""Requests between nodes: what a driver asks of its counterpart on another node, and how that may end.

A request is bytes, its answer is bytes; objects never cross.  A request to a node that leaves the cluster before it
answered ends with `NodeLost`.
"""

from collections.abc import Callable
from typing import Any, ClassVar, Self

from drivers.message import Failure, Message
from emu.wire.packet import Bytes


class NodeLost(Failure):
    """The node that was asked is no member of the cluster any more (SS$_NODELEAVE)."""

    def __init__(self, node: str) -> None:
        super().__init__(Message("SYSTEM", "F", "NODELEAVE", f"node {node} has left the cluster"))
        self.node = node


class Request:
    """One kind of request; subclasses are values.

    CODE: its number, one number space for all that listen on a node.
    """

    __slots__ = ()

    CODE: ClassVar[int]

    def pack(self) -> bytes:
        """Make the bytes that go to the other node."""
        raise AssertionError("a kind of request knows its bytes")

    @classmethod
    def unpack(cls, data: Bytes) -> Self:
        """Read what came from another node; raises ValueError when it is none of this kind."""
        raise AssertionError("a kind of request knows its bytes")

    @staticmethod
    def pack_answer(answer: Any) -> bytes:
        assert answer is None, "an answer with contents has bytes"
        return b""

    @staticmethod
    def unpack_answer(data: Bytes) -> Any:
        return None


class Answer:
    """How a handler answers: it calls this once, now or later.

    node: who asked.
    """

    __slots__ = ("_kind", "_send", "node")

    def __init__(self, node: str, kind: type[Request], send: Callable[[bytes], None]) -> None:
        self.node = node
        self._kind = kind
        self._send = send

    def __call__(self, answer: Any) -> None:
        self._send(self._kind.pack_answer(answer))


Handler = Callable[[Any, Answer], None]


def text_in(text: str, size: int) -> bytes:
    """Make a text field of so many bytes."""
    data = text.encode("ascii")
    assert len(data) <= size, f"{text} has room in {size} bytes"
    return data.ljust(size, b"\0")


def text_of(field: bytes) -> str:
    """Read a text field; raises ValueError when it is no text."""
    return field.rstrip(b"\0").decode("ascii")
