"""A medium that fails by rule.

A rule sees each request before the device below does, and lets it pass, fails it or keeps it.  Rules
have state, so every device has its own.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Protocol

from emu.core.block import BLOCK_BYTES, BlockDevice, BlockRequest, CorrectableError, Function, MediumError
from emu.core.views import split
from emu.media.procedure import Procedure, Steps

_READ = int(Function.READ)
_WRITE = int(Function.WRITE)
_COPY = int(Function.COPY)
_FLUSH = int(Function.FLUSH)


class Rule(Protocol):
    """What to do with requests."""

    def on_request(self, request: BlockRequest) -> "MediumError | Hold | None":
        """Fail a request, keep it, or let it go on to the next rule."""
        ...


class FaultyDevice:
    """Another device, behind rules tried in order.

    A request that fails at a named LBN has first done everything before it, as a real disk has.
    """

    # The kernel would pass by the rules.
    descriptor: int | None = None

    def __init__(self, inner: BlockDevice, rules: Iterable[Rule]) -> None:
        self._inner = inner
        self._rules = tuple(rules)

    @property
    def block_count(self) -> int:
        return self._inner.block_count

    @property
    def write_protected(self) -> bool:
        return self._inner.write_protected

    def submit(self, request: BlockRequest) -> None:
        self._try_rules(request, self._rules)

    def close(self) -> None:
        self._inner.close()

    def _try_rules(self, request: BlockRequest, rules: Sequence[Rule]) -> None:
        for index, rule in enumerate(rules):
            verdict = rule.on_request(request)
            if verdict is None:
                continue
            if isinstance(verdict, Hold):
                verdict.keep(request, partial(self._try_rules, request, rules[index + 1 :]))
            else:
                Procedure(request, partial(self._fail, request, verdict)).start()
            return
        self._inner.submit(request)

    def _fail(self, request: BlockRequest, error: MediumError, part: Procedure) -> Steps:
        """Do what comes before the guilty block, then fail."""
        if error.lbn is not None and request.lbn < error.lbn:
            part.function = request.function
            part.lbn = request.lbn
            part.byte_count = (error.lbn - request.lbn) * BLOCK_BYTES
            if request.function in (_READ, _WRITE):
                part.views, _ = split(request.views, part.byte_count)
            else:
                part.views = ()
            if request.function == _COPY:
                part.source = request.source
                part.source_lbn = request.source_lbn
            earlier = yield self._inner
            if earlier is not None:
                return earlier
        return error


class BadBlocks:
    """Blocks that cannot be read, written, erased or copied to."""

    def __init__(self, lbns: Iterable[int]) -> None:
        self._lbns = sorted(lbns)

    def on_request(self, request: BlockRequest) -> MediumError | None:
        if request.function == _FLUSH:
            return None
        index = bisect_left(self._lbns, request.lbn)
        end = request.lbn + -(-request.byte_count // BLOCK_BYTES)
        if index == len(self._lbns) or self._lbns[index] >= end:
            return None
        lbn = self._lbns[index]
        return MediumError(f"block {lbn} is bad", lbn)


class CorrectableBlocks:
    """Blocks that read with a few wrong symbols, until they are asked for again alone: then corrected."""

    def __init__(self, symbols: Mapping[int, int]) -> None:
        self._symbols = symbols  # of each such LBN
        self._seen: int | None = None

    def on_request(self, request: BlockRequest) -> MediumError | None:
        if request.function != _READ:
            return None
        blocks = -(-request.byte_count // BLOCK_BYTES)
        seen, self._seen = self._seen, None
        lbn = min((lbn for lbn in self._symbols if 0 <= lbn - request.lbn < blocks), default=None)
        if lbn is None or (blocks == 1 and lbn == seen):
            return None
        self._seen = lbn
        return CorrectableError(f"block {lbn} needs correction", lbn, self._symbols[lbn])


class FailAfter:
    """One failure: `count` requests pass, the next fails, all later ones pass again."""

    def __init__(self, count: int) -> None:
        self._before_failure = count

    def on_request(self, request: BlockRequest) -> MediumError | None:
        self._before_failure -= 1
        return MediumError("the request failed once") if self._before_failure == -1 else None


class DeadFrom:
    """A disk that dies: `count` requests pass, then everything fails."""

    def __init__(self, count: int) -> None:
        self._alive = count

    def on_request(self, request: BlockRequest) -> MediumError | None:
        if self._alive > 0:
            self._alive -= 1
            return None
        return MediumError("the disk is dead")


class Hold:
    """Keeps requests until they are released, so that a test decides the order.

    While `holding` it keeps all that `applies` chooses; `held` shows them, oldest first.
    """

    def __init__(self, applies: Callable[[BlockRequest], bool] = lambda request: True) -> None:
        self.holding = True
        self._applies = applies
        self._kept: list[tuple[BlockRequest, Callable[[], None]]] = []

    @property
    def held(self) -> Sequence[BlockRequest]:
        return [request for request, _ in self._kept]

    def on_request(self, request: BlockRequest) -> "Hold | None":
        return self if self.holding and self._applies(request) else None

    def keep(self, request: BlockRequest, go_on: Callable[[], None]) -> None:
        self._kept.append((request, go_on))

    def release(self, *requests: BlockRequest) -> None:
        """Let these requests go on, in this order; all of them, oldest first, if none is named."""
        for request in requests or self.held:
            _, go_on = self._kept.pop(self.held.index(request))
            go_on()
