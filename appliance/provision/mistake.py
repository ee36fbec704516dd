"""A mistake on the card as the sentence that home shows, and the file in which the box reads it."""

from __future__ import annotations

import re
from pathlib import PurePath

import msgspec

from appliance import config_checks
from appliance.core import limits
from appliance.core.words import Text, Words, say, to_plain
from appliance.errors import ConfigError
from appliance.provision.plan import Problem

PROBLEM = "problem.json"


class ProblemFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``sentence``: as ``core.words.to_plain`` writes it. ``line``: from 1, 0 where there is none."""

    code: str
    file: str
    line: int
    key: str
    sentence: str | dict[str, object]
    v: int = 1


def of_card(error: ConfigError, last_good: bool) -> ProblemFile:
    """What to show for a card with a mistake; ``last_good``: is an earlier card in force instead?"""
    what = _what(error)
    if last_good:
        sentence = say(
            "{mistake} Until it is corrected, the last good settings are in use.",
            mistake=what,
        )
    else:
        sentence = say("{mistake} Until it is corrected, the standard settings are in use.", mistake=what)
    key = "" if error.key.startswith("line ") else error.key
    return ProblemFile(error.code, _name(error), error.line, key, to_plain(sentence))


def of_plan(problem: Problem, file: str) -> ProblemFile:
    """What to show for a card that is good, but for something that this box can't do."""
    return ProblemFile(problem.code, file, 0, problem.key, to_plain(problem.sentence))


def of_disk() -> ProblemFile:
    """What to show where nothing can be kept."""
    sentence = say("This box can't keep anything: its card can't be written to. Put in another card.")
    return ProblemFile("provision.data", "", 0, "", to_plain(sentence))


def to_bytes(problem: ProblemFile) -> bytes:
    return msgspec.json.encode(problem)


def _name(error: ConfigError) -> str:
    return PurePath(error.file).name


def _where(error: ConfigError) -> Text:
    if not error.line:
        return _name(error)
    return say("{file}, line {line}", file=_name(error), line=error.line)


def _what(error: ConfigError) -> Words:
    where, key, file = _where(error), error.key, _name(error)
    match error.code.removeprefix("config."):
        case "syntax":
            return say(
                "{where}: a quote, a bracket or an equals sign is missing, or one too many.", where=where
            )
        case "twice":
            return say("{where}: this setting is there a second time.", where=where)
        case "unknown":
            near = re.search(r"\(did you mean (.*)\?\)$", error.expected)
            if near:
                return say("{where}: there is no {key}. Is it {near}?", where=where, key=key, near=near[1])
            return say("{where}: there is no {key}.", where=where, key=key)
        case "country":
            return say(
                "{where}: Wi-Fi needs the country, like {example}.", where=where, example='country = "DE"'
            )
        case "missing-key":
            return say("{where}: {key} is missing.", where=where, key=_missing(error))
        case "conflict":
            return say("{where}: {key} does not fit what is there besides.", where=where, key=key)
        case "type" | "value" if key in config_checks.SECRETS:
            return say("{where}: {key} can't be used like that.", where=where, key=key)
        case "type" | "value":
            return say("{where}: {key} can't be {found}.", where=where, key=key, found=error.found)
        case "encoding":
            return say("{where}: save it as UTF-8.", where=where)
        case "empty":
            return say("{file} is empty.", file=file)
        case "too-large":
            size = limits.CONFIG_MAX_BYTES // 1024
            return say("{file} is larger than {n} kB.", file=file, n=size)
        case "directory":
            return say("{file} is a folder, and must be a file.", file=file)
        case "missing" if error.found.endswith(".txt"):
            return say("{file} is missing: {found} needs this name.", file=file, found=error.found)
        case "missing":
            return say("{file} is missing on the card.", file=file)
        case _:
            return say("{file} can't be read.", file=file)


def _missing(error: ConfigError) -> str:
    """What is missing: the key itself, or the one that must stand beside it."""
    beside = re.match(r"(\S+) beside it", error.expected)
    return beside[1] if beside else error.key
