"""Messages and locks between the nodes of one process.

DEVIATION: a stand-in for SCS and the distributed lock manager.  Messages are values handed over through the
clock, never lost, in order; a lock is a queue.  Nothing above depends on that: an answer always comes later.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

from drivers.platform.process import EventFlag, Procedure
from emu.core.clock import Clock

Answer = Callable[[Any], None]
Handler = Callable[[Any, Answer], None]


class Cluster:
    """The connections of all nodes, and their locks; `nodes` are their names, in order of joining."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._handlers: dict[tuple[str, type], Handler] = {}
        self._locks: dict[str, deque[EventFlag]] = {}
        self.messages = 0
        self.nodes: list[str] = []

    def listen(self, node: str, kind: type, handler: Handler) -> None:
        """Have messages of this class for this node handled; the handler calls `answer` once."""
        self._handlers[node, kind] = handler

    def request(self, node: str, message: object, answered: Answer) -> None:
        """Send a message; `answered` is called with the answer when it has come back."""
        self.messages += 1
        handler = self._handlers[node, type(message)]

        def reply(answer: Any) -> None:
            self._clock.call_soon(lambda: answered(answer))

        self._clock.call_soon(lambda: handler(message, reply))

    def ask(self, node: str, message: object) -> Procedure:
        """Send a message and wait for the answer."""
        flag = EventFlag(self._clock)
        self.request(node, message, flag.set)
        answer = yield flag
        return answer

    def ask_all(self, nodes: tuple[str, ...], message: object) -> Procedure:
        """Send a message to several nodes and wait for all answers, in the nodes' order."""
        flags = [EventFlag(self._clock) for _ in nodes]
        for node, flag in zip(nodes, flags, strict=True):
            self.request(node, message, flag.set)
        answers = []
        for flag in flags:
            answers.append((yield flag))
        return answers

    def lock(self, resource: str) -> Procedure:
        """Take an exclusive lock, in turn."""
        queue = self._locks.setdefault(resource, deque())
        flag = EventFlag(self._clock)
        if not queue:
            flag.set()
        queue.append(flag)
        yield flag

    def unlock(self, resource: str) -> None:
        queue = self._locks[resource]
        queue.popleft()
        if queue:
            queue[0].set()
