"""Results as one page of HTML that needs nothing else: to be sent to whoever made the controller."""

from collections import Counter
from collections.abc import Sequence
from html import escape
from itertools import groupby

from emu.conform.suite import Outcome, Result
from emu.conform.target import Facts

_STYLE = """
:root { color-scheme: light dark; --bad: #b3261e; --good: #1b6e3c; --doubt: #8a5a00; --quiet: #6b7280; --line: #8884; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem } h2 { font-size: 1.1rem; margin: 2rem 0 .4rem }
.counts { display: flex; flex-wrap: wrap; gap: .5rem; padding: 0; list-style: none }
.counts li { border: 1px solid var(--line); border-radius: .5rem; padding: .3rem .8rem }
.counts b { font-size: 1.2rem; margin-right: .3rem }
table { border-collapse: collapse; width: 100% }
td, th { border-top: 1px solid var(--line); padding: .25rem .5rem; text-align: left; vertical-align: top }
td:first-child { white-space: nowrap; width: 9.5rem } td:nth-child(2) { width: 3rem; color: var(--quiet) }
.passed { color: var(--good) } .failed, .unexpected-pass { color: var(--bad); font-weight: 600 }
.differs, .expected-failure { color: var(--doubt) } .skipped { color: var(--quiet) }
.note { font-size: .9em }
.why { color: var(--quiet); font-size: .9em }
pre { background: #8881; padding: .7rem; overflow-x: auto; font-size: 12.5px; line-height: 1.35; border-radius: .4rem }
"""


def page(facts: Facts, results: Sequence[Result], version: str) -> str:
    """Make the page."""
    counts = Counter(result.outcome for result in results)
    tiles = "".join(
        f'<li class="{_kind(outcome)}"><b>{counts[outcome]}</b>{outcome.value}</li>'
        for outcome in Outcome
        if counts[outcome]
    )
    chapters = "".join(
        _chapter(name, [*group]) for name, group in groupby(results, key=lambda result: result.clause.chapter)
    )
    bad = [result for result in results if result.outcome.is_bad]
    first = f"<h2>What failed</h2><ul>{''.join(map(_link, bad))}</ul>" if bad else ""
    title = f"MSCP conformance of {escape(facts.name)}"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><style>{_STYLE}</style></head><body>
<h1>{title}</h1>
<p>{len(results)} clauses of UQSSP (section 1), MSCP (2, 3), DUP (4) and of what hosts depend on (6), tried by hbvs
{escape(version)}. Controller model {facts.model}, {facts.bus_address_bits} address bits.
Offsets count from the first byte of a message text.</p>
<ul class="counts">{tiles}</ul>
{first}
{chapters}</body></html>
"""


def _chapter(name: str, results: Sequence[Result]) -> str:
    rows = "".join(map(_row, results))
    about = escape(results[0].clause.chapter_text)
    return f"<h2>{escape(_words(name))}</h2><p class=why>{about}</p><table>{rows}</table>\n"


def _link(result: Result) -> str:
    name = result.clause.name
    return f'<li><a href="#{escape(name)}">{escape(name)}</a>: {escape(result.reason)}</li>\n'


def _row(result: Result) -> str:
    clause = result.clause
    text = escape(clause.text[:1].upper() + clause.text[1:])
    if clause.note:
        text += f'<div class="note">{escape(clause.note)}</div>'
    if result.reason:
        text += f'<div class="why">{escape(result.reason)}</div>'
    if result.exchange:
        body = escape("\n".join(result.exchange))
        text += f"<details{_open(result)}><summary>what passed</summary><pre>{body}</pre></details>"
    return (
        f'<tr id="{escape(clause.name)}"><td class="{_kind(result.outcome)}">{result.outcome.value}</td>'
        f"<td>{escape(clause.section)}</td><td>{text}</td></tr>\n"
    )


def _open(result: Result) -> str:
    return " open" if result.outcome is Outcome.FAILED else ""


def _kind(outcome: Outcome) -> str:
    return outcome.value.replace(" ", "-")


def _words(chapter: str) -> str:
    return chapter.replace("_", " ").capitalize()
