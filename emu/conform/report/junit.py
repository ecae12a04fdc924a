"""Results as JUnit XML: a test suite for the target, a test case for each clause."""

from collections.abc import Sequence
from xml.etree import ElementTree as Xml

from emu.conform.suite import Outcome, Result
from emu.conform.target import Facts


def junit(facts: Facts, results: Sequence[Result]) -> bytes:
    """Make the document.  What differs where the manuals leave doubt, or was expected to fail, is skipped."""
    bad = sum(result.outcome.is_bad for result in results)
    skipped = sum(result.outcome is not Outcome.PASSED for result in results) - bad
    counts = {"tests": str(len(results)), "failures": str(bad), "skipped": str(skipped)}
    root = Xml.Element("testsuites", counts)
    suite = Xml.SubElement(root, "testsuite", {"name": f"mscp {facts.name}", "errors": "0", **counts})
    for result in results:
        clause = result.clause
        name = clause.name.partition(".")[2]
        case = Xml.SubElement(suite, "testcase", {"classname": clause.chapter, "name": name})
        if result.outcome.is_bad:
            failure = Xml.SubElement(
                case, "failure", {"message": result.reason, "type": result.outcome.value}
            )
            failure.text = _legal("\n".join(result.exchange))
        elif result.outcome is not Outcome.PASSED:
            Xml.SubElement(case, "skipped", {"message": f"{result.outcome.value}: {result.reason}"})
    Xml.indent(root)
    document: bytes = Xml.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _legal(text: str) -> str:
    """XML has no place for control characters."""
    return "".join(sign if sign >= " " or sign in "\n\t" else "." for sign in text)
