"""HELP, and the reference of the manual page: the table of operations, for people."""

from collections.abc import Iterator, Sequence
from textwrap import wrap

from emu.console.hardware.grammar import Arguments, Grammar, Operation
from emu.console.hardware.refusal import Reason, Refused
from emu.console.hardware.session import Session

WIDTH = 78


def help_lines(operations: Sequence[Operation], grammar: Grammar, topic: str) -> Iterator[str]:
    """Explain a verb, or list all there are; nothing for a word that is none."""
    table = [form for each in operations for form in each.forms(grammar)]
    if not topic:
        verbs = list(dict.fromkeys(form.verb for form in table))
        for start in range(0, len(verbs), 6):
            yield "".join(f"{verb:13}" for verb in verbs[start : start + 6]).rstrip()
        yield "HELP verb explains one."
        return
    wanted = topic.upper()
    found = [form.verb for form in table if form.verb.startswith(wanted)]
    verb = wanted if wanted in found else found[0] if found else ""
    for each in operations:
        forms = [form for form in each.forms(grammar) if form.verb == verb]
        yield from (form.text for form in forms)
        if forms:
            yield from _explanation(each, grammar)


def _explanation(each: Operation, grammar: Grammar) -> Iterator[str]:
    yield from wrap(each.help, WIDTH, initial_indent="    ", subsequent_indent="    ")
    if grammar is Grammar.SIMH:
        yield from (f"    -{letter}  {meaning}" for letter, meaning in each.switches)


def explain(session: Session, arguments: Arguments) -> None:
    lines = list(help_lines(session.operations, session.grammar, arguments["verb"]))
    if not lines:
        raise Refused(Reason.ARGUMENT, f"there is no command {arguments['verb'].upper()}")
    for line in lines:
        session.say(line)


def reference(operations: Sequence[Operation], grammar: Grammar) -> str:
    """Tell every verb of a grammar, in the alphabet's order."""
    table = [(form.verb, each) for each in operations for form in each.forms(grammar)]
    lines: list[str] = []
    for verb in sorted(dict.fromkeys(verb for verb, _ in table)):
        lines += [*help_lines(operations, grammar, verb), ""]
    return "\n".join(lines[:-1]) + "\n"
