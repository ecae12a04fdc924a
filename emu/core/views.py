"""The memory of a transfer, cut at a byte."""

from collections.abc import Iterator, Sequence

Views = Sequence[memoryview]


def split(views: Views, length: int) -> tuple[Views, Views]:
    """Cut views into the first `length` bytes and the rest; nothing is copied."""
    for index, view in enumerate(views):
        if length < len(view):
            return [*views[:index], view[:length]], [view[length:], *views[index + 1 :]]
        length -= len(view)
    return views, ()


def pieces(views: Views, start: int, size: int) -> Iterator[memoryview]:
    """Cut `size` bytes from `start` out of memory that lies in several views."""
    for view in views:
        if size <= 0:
            return
        length = len(view)
        if start < length:
            piece = view[start : start + size]
            yield piece
            size -= len(piece)
            start = 0
        else:
            start -= length
