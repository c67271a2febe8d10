"""Which tests of a stage failed, as pytest reported: whoever reads only the end of a log needs the names."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

LONGEST = 200
"""Characters of a reason that are shown: its first line is meant to say what is wrong."""


def failed_tests(report: Path) -> list[str]:
    """Return a line for each test that failed or could not be set up: its name and the first line of the reason.

    In: a JUnit report, https://github.com/testmoapp/junitxml. One that is missing or cut short (a stage that was
    killed) names no test.
    """
    try:
        cases = ET.parse(report).iter("testcase")  # noqa: S314 (our own pytest wrote it)
    except (OSError, ET.ParseError):
        return []
    return [
        f"{case.get('classname')}::{case.get('name')} - {_first_line(reason)}"
        for case in cases
        for reason in case
        if reason.tag in {"failure", "error"}
    ]


def _first_line(reason: ET.Element) -> str:
    return (reason.get("message") or "").partition("\n")[0][:LONGEST]
