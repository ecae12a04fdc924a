"""What a clause is: one rule of the manuals, as a function that tries it on a controller.

How a clause is written:

    @clause("1.2")
    def step_2_echoes_the_upper_byte_of_the_step_1_word(host: Host) -> None:
        host.reset()
        expect("SA after step 1", host.step(0x9B9B, 0x1000), 0x109B)

* One function is one rule; its name reads as the rule, and it stands in the file of its command or port function.
  What needs more than the name says is a docstring.
* The section is that of the protocol reference: 1 UQSSP (AA-L621A-TK), 2 and 3 MSCP (AA-L619A-TK), 4 DUP
  (AA-L620A-TK), 5 and 6 what hosts in the field do and depend on.
* Numbers are literal, offsets count from the first byte of a message text.  Nothing of the project's own layouts
  and codes is used: this is their second witness.
* `needs` names what the target must be able to do, or have; what only the controller itself can tell (a bit of
  step 1, a controller flag) is asked on the spot: `require(host.steps[0] & 0x0040, "mapped buffers")`.
* `changes_data` marks a clause that writes to the scratch unit: it runs with --dataloss only.
* `open_question` says why the manuals, as far as they can be read, leave the rule in doubt.  A controller that
  does otherwise then differs, and does not fail.
"""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emu.conform.target import Need

if TYPE_CHECKING:
    from emu.conform.host import Host


class Violation(Exception):
    """The controller does not do what the clause says."""


class NotApplicable(Exception):
    """The clause says nothing about this controller; the text says what it does not have."""


@dataclass(frozen=True, slots=True)
class Clause:
    """One rule.

    name: file and function, `read.an_odd_byte_count_is_refused`.  text: the rule in words.  note: what those leave out.
    """

    name: str
    text: str
    note: str
    section: str
    needs: tuple[Need, ...]
    changes_data: bool
    open_question: str
    check: Callable[["Host"], None]

    @property
    def chapter(self) -> str:
        return self.name.partition(".")[0]

    @property
    def chapter_text(self) -> str:
        """What the chapter is about."""
        return (sys.modules[self.check.__module__].__doc__ or "").partition("\n\n")[0]


ACRONYMS = {"ip", "sa", "lbn", "lbns", "rbn", "mscp", "dup", "vms", "vmb", "crn", "uda50", "rqdx3", "rx33"}

CLAUSES: dict[str, Clause] = {}


def clause(
    section: str, *needs: Need, changes_data: bool = False, open_question: str = ""
) -> Callable[[Callable[["Host"], None]], Callable[["Host"], None]]:
    """Register a function as a clause of a section."""

    def register(check: Callable[["Host"], None]) -> Callable[["Host"], None]:
        name = f"{check.__module__.rpartition('.')[2]}.{check.__name__}"
        assert name not in CLAUSES, f"{name}: there is such a clause already"
        words = [word.upper() if word in ACRONYMS else word for word in check.__name__.split("_")]
        text = " ".join(words)
        note = " ".join((check.__doc__ or "").split())
        CLAUSES[name] = Clause(name, text, note, section, needs, changes_data, open_question, check)
        return check

    return register


def expect(what: str, found: object, rule: object) -> None:
    """Compare; raises Violation."""
    if found != rule:
        raise Violation(f"{what} is {_show(found)}, the rule says {_show(rule)}")


def expect_in(what: str, found: object, rule: Iterable[object]) -> None:
    """Compare with several that are allowed; raises Violation."""
    allowed = [*rule]
    if found not in allowed:
        raise Violation(f"{what} is {_show(found)}, the rule allows {', '.join(map(_show, allowed))}")


def expect_that(truth: object, rule: str) -> None:
    """Demand; `rule` is the sentence that is violated otherwise.  Raises Violation."""
    if not truth:
        raise Violation(rule)


def require(truth: object, what: str) -> None:
    """Go on only with a controller that has this; raises NotApplicable."""
    if not truth:
        raise NotApplicable(what)


def _show(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | bytes):
        return str(value)
    if isinstance(value, bytes):
        return value[:32].hex(" ") + (f" … ({len(value)} bytes)" if len(value) > 32 else "")
    return f"{value:04X}" if value > 9 else str(value)
