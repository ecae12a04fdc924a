"""The tables DCL goes by, in the spirit of the Command Definition Utility.

A verb has parameters and qualifiers, a qualifier may take a value, a value may be keywords that take values again.
Each verb stands in `emu/console/verbs` once, with its help; the parser, HELP, completion and the tests of bad input
read it there.
"""

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from emu.console.dcl.command import Command


class Kind(Enum):
    """What a value is; completion and the checks go by it."""

    TEXT = "text"
    NUMBER = "number"
    DEVICE = "device"
    FILE = "host file"
    NODE = "node"
    TIME = "delta time"
    TOPIC = "help topic"


@dataclass(frozen=True, slots=True)
class Value:
    """A value a qualifier or keyword takes.

    many: a list in parentheses may be given.  keywords: if there are any, the value is one of them; with kind NUMBER
    it may be a number as well.
    """

    name: str = "value"
    kind: Kind = Kind.TEXT
    required: bool = True
    many: bool = False
    keywords: "tuple[Keyword, ...]" = ()


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter by position.

    many: a list may be given.  rest: takes all words that follow.  verbatim: takes the rest of the line as it is
    written; the verb reads it itself.
    """

    name: str
    prompt: str
    kind: Kind = Kind.TEXT
    required: bool = True
    many: bool = False
    rest: bool = False
    verbatim: bool = False


@dataclass(frozen=True, slots=True)
class Keyword:
    """A keyword, or a qualifier.

    nodes: the kinds of node that have it, "" for all; elsewhere it is as unknown as any misspelling.
    parameters: what the verb's parameters become when the qualifier is given.  behind: the parameter it stands
    behind; "" for a qualifier that may stand anywhere.  privileges: what it asks for.
    """

    name: str
    help: str = ""
    value: Value | None = None
    negatable: bool = False
    nodes: str = ""
    parameters: tuple[Parameter, ...] | None = None
    behind: str = ""
    privileges: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb, or one of the options its first word chooses from (SHOW DEVICE).

    disallow: combinations of elements that are illegal; "!X" means that X is absent.
    routine: called as routine(job, command); its result is a procedure, carried out on the node.
    cancellable: the routine looks out for Ctrl-C.  privileges: what it asks for.  keeps_status: $STATUS stays
    what it was when the verb succeeds.  yields: VMS has no such verb, and its abbreviations mean those of VMS.
    needs_node: it cannot be carried out when all nodes are down.
    """

    name: str
    help: str
    routine: Callable[[Any, "Command"], Generator[Any, Any, Any]] | None = None
    parameters: tuple[Parameter, ...] = ()
    qualifiers: tuple[Keyword, ...] = ()
    examples: tuple[str, ...] = ()
    options: tuple["Verb", ...] = ()
    disallow: tuple[tuple[str, ...], ...] = ()
    nodes: str = ""
    cancellable: bool = False
    privileges: tuple[str, ...] = ()
    keeps_status: bool = False
    yields: bool = False
    needs_node: bool = True


_Entry = TypeVar("_Entry", Verb, Keyword)


def available(entries: Iterable[_Entry], kind: str) -> list[_Entry]:
    """The entries that a node of this kind has."""
    return [entry for entry in entries if entry.nodes in ("", kind)]
