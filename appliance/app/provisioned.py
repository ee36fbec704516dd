"""What an appliance's set-up has to say at home: the mistake on its card.

``meetingbox provision apply`` writes it before the box starts (``provision/mistake.py``), and nobody else.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from appliance.config import PROVISION_RUN
from appliance.core import limits
from appliance.core.view import Problem
from appliance.core.words import from_plain

log = logging.getLogger("meetingbox")

FILE = "problem.json"


class _File(msgspec.Struct, frozen=True):
    code: str
    sentence: str | dict[str, object]


def problem(environ: Mapping[str, str] | None = None) -> Problem | None:
    """Return what the set-up found, None where there is nothing: on a computer that is no appliance, too.

    ``$MEETINGBOX_PROVISION_DIR`` names another folder.
    """
    environ = os.environ if environ is None else environ
    path = Path(environ.get("MEETINGBOX_PROVISION_DIR") or PROVISION_RUN) / FILE
    try:
        with path.open("rb") as stream:
            found = msgspec.json.decode(stream.read(limits.PROBLEM_FILE_MAX_BYTES), type=_File)
        return Problem(found.code, from_plain(found.sentence))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        log.warning("provision.unreadable %s", type(error).__name__)
        return None
