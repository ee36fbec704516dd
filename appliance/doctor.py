"""The doctor's report: what was found, what is wrong, what to do.

Nothing here looks at the machine: a probe is a function that is passed in. One that fails or raises
is a finding like any other, so the report always has a line for every probe.
"""

from __future__ import annotations

import enum
import textwrap
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from appliance.core import limits
from appliance.errors import MeetingBoxError


class Level(enum.Enum):
    """How a finding is to be taken."""

    OK = "ok"
    WARNING = "warning"  # the box runs, without something that somebody may want
    PROBLEM = "problem"  # a meeting will not work as it should


@dataclass(frozen=True, slots=True)
class Finding:
    """``name``: what was looked at. ``found``: what is there.

    ``wrong``, ``remedy``: sentences, empty where nothing is wrong or its sentence says what to do.
    """

    name: str
    level: Level
    found: str
    wrong: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    """``look`` may take its time and may raise; it runs once."""

    name: str
    look: Callable[[], Finding]


def ok(name: str, found: str) -> Finding:
    return Finding(name, Level.OK, found)


def warning(name: str, found: str, wrong: str, remedy: str) -> Finding:
    return Finding(name, Level.WARNING, found, wrong, remedy)


def problem(name: str, found: str, wrong: str, remedy: str) -> Finding:
    return Finding(name, Level.PROBLEM, found, wrong, remedy)


def examine(probes: Iterable[Probe]) -> tuple[Finding, ...]:
    """Run the probes, some at a time; one that raises is a problem and does not stop the others."""
    with ThreadPoolExecutor(limits.DOCTOR_AT_ONCE, thread_name_prefix="doctor") as pool:
        return tuple(pool.map(_look, probes))


def _look(probe: Probe) -> Finding:
    try:
        return probe.look()
    except MeetingBoxError as error:
        return problem(probe.name, "nothing", str(error), "")
    except Exception as error:
        wrong = f"The check itself failed: {type(error).__name__}: {error}"
        return problem(
            probe.name, "nothing", wrong, "Please report this with the output of `meetingbox version`."
        )


def healthy(findings: Iterable[Finding]) -> bool:
    """Tell whether nothing is a problem; warnings are not."""
    return all(finding.level is not Level.PROBLEM for finding in findings)


def to_dict(findings: Iterable[Finding]) -> dict[str, Any]:
    """The report for machines: ``{"healthy": bool, "findings": [{"name", "level", …}]}``."""
    findings = tuple(findings)
    return {
        "healthy": healthy(findings),
        "findings": [{**asdict(f), "level": f.level.value} for f in findings],
    }


def to_text(report: Mapping[str, Any], width: int = 100) -> str:
    """The report of ``to_dict`` for a person, at most ``width`` columns wide."""
    findings = report["findings"]
    column = max((len(f["name"]) for f in findings), default=0) + 2
    indent = " " * (10 + column)
    lines: list[str] = []
    for f in findings:
        head = f"{f['level']:<10}{f['name']:<{column}}"
        for text, first in (
            (f["found"], head),
            (f["wrong"], indent),
            (f["remedy"] and f"→ {f['remedy']}", indent),
        ):
            if text or first is head:
                lines += textwrap.wrap(
                    text, max(width, 40), initial_indent=first, subsequent_indent=indent
                ) or [first.rstrip()]
    count = {level: sum(f["level"] == level.value for f in findings) for level in Level}
    problems, warnings = count[Level.PROBLEM], count[Level.WARNING]
    if not problems and not warnings:
        verdict = "Everything is as it should be."
    else:
        verdict = f"{_plural(problems, 'problem')}, {_plural(warnings, 'warning')}."
    return "\n".join([*lines, "", verdict])


def _plural(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
