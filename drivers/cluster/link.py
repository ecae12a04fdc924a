"""Requests and locks between the nodes of one process.

DEVIATION: a stand-in for SCS and the distributed lock manager.  Messages are never lost and in order; a lock is a
queue.  Nothing above depends on that: an answer always comes later.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from drivers.cluster.request import Answer, Handler, NodeLost, Request
from drivers.platform.process import EventFlag, Procedure
from emu.core.clock import Clock


class Exchange:
    """What connects the nodes; `nodes` are their names, in order of joining."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.messages = 0
        self.systems: dict[str, Cluster] = {}
        self.locks: dict[str, deque[EventFlag]] = {}

    @property
    def nodes(self) -> list[str]:
        return list(self.systems)


class Cluster:
    """The cluster as one node sees it."""

    def __init__(self, node: str, exchange: Exchange) -> None:
        self.node = node
        self._exchange = exchange
        self._clock = exchange.clock
        self._handlers: dict[int, tuple[type[Request], Handler]] = {}
        exchange.systems[node] = self

    @property
    def nodes(self) -> tuple[str, ...]:
        """The members, this node included, in order of joining."""
        return tuple(self._exchange.systems)

    def listen(self, kind: type[Request], handler: Handler) -> None:
        """Have requests of this kind handled; the handler calls `answer` once, now or later."""
        self._handlers[kind.CODE] = (kind, handler)

    def request(self, node: str, message: Request, answered: Callable[[Any], None]) -> None:
        """Send a request; `answered` is called with the answer, or with NodeLost, later and once."""
        self._exchange.messages += 1
        system, code, data = self._exchange.systems[node], message.CODE, message.pack()

        def reply(answer: bytes) -> None:
            self._clock.call_soon(lambda: answered(message.unpack_answer(answer)))

        self._clock.call_soon(lambda: system.handle(self.node, code, data, reply))

    def handle(self, node: str, code: int, data: bytes, reply: Callable[[bytes], None]) -> None:
        """Hear a request of another node."""
        kind, handler = self._handlers[code]
        handler(kind.unpack(data), Answer(node, kind, reply))

    def ask(self, node: str, message: Request) -> Procedure:
        """Send a request and wait for the answer; raises NodeLost."""
        flag = EventFlag(self._clock)
        self.request(node, message, flag.set)
        answer = yield flag
        if isinstance(answer, NodeLost):
            raise answer
        return answer

    def ask_all(self, nodes: Sequence[str], message: Request) -> Procedure:
        """Send a request to several nodes and wait for all answers, in the nodes' order.

        In place of the answer of a node that was lost there is a NodeLost; it is not raised.
        """
        flags = [EventFlag(self._clock) for _ in nodes]
        for node, flag in zip(nodes, flags, strict=True):
            self.request(node, message, flag.set)
        answers = []
        for flag in flags:
            answers.append((yield flag))
        return answers

    def lock(self, resource: str) -> Procedure:
        """Take an exclusive lock, in turn."""
        queue = self._exchange.locks.setdefault(resource, deque())
        flag = EventFlag(self._clock)
        if not queue:
            flag.set()
        queue.append(flag)
        yield flag

    def unlock(self, resource: str) -> None:
        queue = self._exchange.locks[resource]
        queue.popleft()
        if queue:
            queue[0].set()
