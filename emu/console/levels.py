"""Command levels: the terminal, and the command procedures called from it, each with its place and its rules.

A level has a procedure's lines or none, IF blocks that are open, places GOSUB returns to, and what ON asked for.
"""

from collections import deque
from dataclasses import dataclass, field

from emu.console.dcl.errors import DclError, MissingLabel
from emu.console.dcl.source import Source, begins_block, first_word, split_then, take_label

DEEPEST = 32  # levels of procedures (OpenVMS User's Manual V7.3, glossary)
SEVERITIES = "SIWEF"


@dataclass
class Block:
    """An IF block.  line: of its IF.  runs: its lines are carried out.  may_run: ELSE would turn that."""

    line: int
    runs: bool
    may_run: bool
    awaits_then: bool


@dataclass
class Level:
    """One command level.

    source: None for the terminal.  pending: lines to be carried out before the next of the source.  on: the severity
    from which on `on_action` is done; None of it means EXIT.
    """

    source: Source | None = None
    pending: deque[str] = field(default_factory=deque)
    blocks: list[Block] = field(default_factory=list)
    returns: list[tuple[int, int]] = field(default_factory=list)
    errors_matter: bool = True
    on: str = "E"
    on_action: str | None = None
    on_control_y: str | None = None

    def next_line(self) -> tuple[str, bool] | None:
        """What is carried out next, and whether it was read just now; None at the end."""
        if self.pending:
            return self.pending.popleft(), False
        line = self.source.command() if self.source is not None else None
        return (line, True) if line is not None else None

    # -- IF, THEN, ELSE, ENDIF

    def passes_over(self, line: str) -> bool:
        """Whether an IF block that does not run holds the line; keeps count of the blocks inside it."""
        if not self.blocks:
            return False
        word = first_word(take_label(line)[1])
        block = self.blocks[-1]
        if block.awaits_then and word != "THEN":
            self.blocks.clear()
            raise DclError("NOTHEN", word)
        if block.runs or word in ("ELSE", "ENDIF", "THEN"):
            return False
        if word == "IF" and begins_block(line):
            self.begin_block(runs=False, awaits_then=split_then(line)[1] is None)
            self.blocks[-1].may_run = False
        return True

    def begin_block(self, *, runs: bool, awaits_then: bool) -> None:
        """Open a block for the IF that was read just now."""
        line = self.source.next - 1 if self.source is not None else 0
        self.blocks.append(Block(line, runs, not runs, awaits_then))

    def then(self, rest: str) -> None:
        """A line that begins with THEN."""
        if not self.blocks or not self.blocks[-1].awaits_then:
            raise DclError("NOTHEN", "THEN")
        block = self.blocks[-1]
        block.awaits_then = False
        if rest and block.runs:
            self.pending.appendleft(rest)

    def otherwise(self, rest: str) -> None:
        """ELSE."""
        if not self.blocks:
            raise DclError("INVIFNEST", "ELSE")
        block = self.blocks[-1]
        block.runs, block.may_run = block.may_run, False
        if rest and block.runs:
            self.pending.appendleft(rest)

    def end_block(self) -> None:
        """ENDIF."""
        if not self.blocks:
            raise DclError("INVIFNEST", "ENDIF")
        self.blocks.pop()

    # -- GOTO, GOSUB, RETURN

    def go_to(self, name: str, missing: str) -> None:
        """Continue at a label: of this procedure, and not inside a block that is not open.  Raises DclError."""
        if self.source is None:
            raise DclError(missing, name.upper())
        label = self.source.labels.get(name.upper())
        if label is None:
            raise MissingLabel(missing, name.upper())
        open_blocks = [block.line for block in self.blocks]
        if list(label.blocks) != open_blocks[: len(label.blocks)]:
            raise DclError(missing, name.upper())
        del self.blocks[len(label.blocks) :]
        self.pending.clear()
        self.source.next = label.line

    def go_subroutine(self, name: str) -> None:
        """GOSUB; raises DclError."""
        here = (self.source.next, len(self.blocks)) if self.source is not None else (0, 0)
        self.go_to(name, "USGOSUB")
        self.returns.append(here)

    def come_back(self) -> bool:
        """RETURN; False when no GOSUB was done."""
        if not self.returns or self.source is None:
            return False
        self.source.next, blocks = self.returns.pop()
        del self.blocks[blocks:]
        self.pending.clear()
        return True

    # -- ON

    def reaction(self, severity: str) -> str | None:
        """What is to be done after a command that ended so: a line, "" for EXIT, None for nothing.

        ON counts once; then EXIT on errors is in force again.
        """
        if not self.errors_matter or SEVERITIES.index(severity) < SEVERITIES.index(self.on):
            return None
        action, self.on, self.on_action = self.on_action, "E", None
        return action or ""
