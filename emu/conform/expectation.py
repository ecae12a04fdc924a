"""Failures that are expected of a controller, with reasons: a TOML file.

[[failure]]
clauses = ["read.an_odd_byte_count_is_refused"]
why = "what the controller does in place of it"
source = "where that can be seen in its source"    # may be left out, as the next
checked = "what was seen when somebody looked"
"""

import tomllib
from collections.abc import Collection
from dataclasses import dataclass


class ExpectationError(Exception):
    """The file is no list of expected failures; the text says where."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """One reason and the clauses that fail for it."""

    clauses: tuple[str, ...]
    why: str
    source: str = ""
    checked: str = ""


def parse_expectations(text: str, known: Collection[str]) -> list[Expectation]:
    """Parse a file; `known` are the names of all clauses.

    Raises:
        ExpectationError: it is no TOML, an entry is not as above, or names a clause that is not there.
    """
    try:
        document = tomllib.loads(text)
        found = [
            Expectation(
                tuple(entry["clauses"]), entry["why"], entry.get("source", ""), entry.get("checked", "")
            )
            for entry in document.get("failure", [])
        ]
    except (tomllib.TOMLDecodeError, TypeError, AttributeError) as error:
        raise ExpectationError(str(error)) from error
    except KeyError as error:
        raise ExpectationError(f"an entry has no {error}") from error
    for expectation in found:
        for name in expectation.clauses:
            if name not in known:
                raise ExpectationError(f"there is no clause {name}")
    return found


def reasons(expectations: Collection[Expectation]) -> dict[str, str]:
    """Say why each clause fails."""
    return {name: expectation.why for expectation in expectations for name in expectation.clauses}
