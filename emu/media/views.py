"""The memory of a transfer, cut at a byte."""

from collections.abc import Sequence

Views = Sequence[memoryview]


def split(views: Views, length: int) -> tuple[Views, Views]:
    """Cut views into the first `length` bytes and the rest; nothing is copied."""
    for index, view in enumerate(views):
        if length < len(view):
            return [*views[:index], view[:length]], [view[length:], *views[index + 1 :]]
        length -= len(view)
    return views, ()
