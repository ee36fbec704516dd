"""Faults that a LAN and its boxes have, one after the other, and how long it takes until all is well again.

Whole boxes, headless, each in a network namespace of its own, in a meeting of ``--boxes``. Every fault
happens ``--rounds`` times; what is reported is the worst of them.

``detected_ms``
    from the fault until the others show it: the tile says "reconnecting", or is gone; null where nothing has
    to be shown.
``healed_ms``
    from the moment at which it *can* heal (the cable is back, the box is started again, or the fault itself
    where nothing is undone) until every pair that had to do with it draws pictures and goes on doing so.
    null: not within ``PATIENCE`` seconds.
``calls_lost``
    boxes that were not in the meeting at a round's end, and pairs that never drew again, over all rounds.
``others_disturbed``
    whether a pair that had nothing to do with it drew less than 3/4 of its pictures meanwhile, or none for
    more than a second.
``kept``
    whether all this is within the bounds of ``BOUNDS``.

The faults themselves are in ``_faults.py``. Needs root. One JSON line last on stdout, the table on stderr.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from _faults import FAULTS, Fault, Round
from net.namespaces import can_make_namespaces

from appliance.errors import MeetingBoxError

BOUNDS: dict[str, tuple[float | None, float]] = {
    "box killed, restarted": (4.0, 6.0),
    "cable out 10 s": (None, 4.0),
    "cable out 60 s": (None, 4.0),
    "half the boxes partitioned for 20 s": (None, 5.0),
    "address renumbered": (None, 5.0),
    "one link's UDP blocked": (4.0, 4.0),
    "no multicast, static addresses": (None, 3.0),
    "no multicast, cached addresses": (None, 3.0),
    "every signaling server restarted": (None, 3.0),
    "wall clock jumps by a year": (None, 0.0),
    "camera process killed": (None, 4.0),
    "camera process wedged": (None, 4.0),
    "cloned identity": (None, 30.0),
    "5 % loss and 30 ms while joining": (None, 3.0),
}
"""By fault: within how many seconds it is to be detected (None: not at all) and healed."""


def worst(seconds: list[float | None]) -> float | None:
    """The worst in milliseconds; None if one of them never was."""
    return None if None in seconds else round(1000 * max(s for s in seconds if s is not None))


def row(name: str, rounds: list[Round], failed: int) -> dict[str, Any]:
    """A fault's row of the report; ``failed``: rounds that ended in an error, each a lost call."""
    must_detect, within = BOUNDS[name]
    detected = worst([one.detected for one in rounds]) if must_detect is not None and rounds else None
    healed = worst([one.healed for one in rounds]) if rounds and not failed else None
    lost = sum(one.lost for one in rounds) + failed
    disturbed = any(one.disturbed for one in rounds)
    kept = healed is not None and healed <= 1000 * within and not lost and not disturbed
    if must_detect is not None:
        kept = kept and detected is not None and detected <= 1000 * must_detect
    notes = sorted({note for one in rounds for note in one.notes})
    return {
        "fault": name,
        "detected_ms": detected,
        "healed_ms": healed,
        "calls_lost": lost,
        "others_disturbed": disturbed,
        "rounds": len(rounds),
        "kept": kept and all(not one.notes for one in rounds),
        **({"notes": notes} if notes else {}),
    }


def measure(fault: Fault, rounds: int, boxes: int) -> dict[str, Any]:
    """Let one fault happen several times."""
    seen: list[Round] = []
    failed = 0
    with tempfile.TemporaryDirectory(prefix="meetingbox-faults-") as scratch:
        try:
            for one in fault.rounds(Path(scratch), rounds, boxes):
                seen.append(one)
                print(f"  {fault.name}: {one}", file=sys.stderr, flush=True)
        except (AssertionError, OSError, RuntimeError, subprocess.SubprocessError, MeetingBoxError) as error:
            failed = 1
            traceback.print_exception(error, file=sys.stderr)
        found = row(fault.name, seen, failed)
    bounds = BOUNDS[fault.name]
    print(
        f"{fault.name:36} detected {found['detected_ms']!s:>6} ms  healed {found['healed_ms']!s:>6} ms"
        f" (within {1000 * bounds[1]:.0f})  lost {found['calls_lost']}"
        f"  others {'disturbed' if found['others_disturbed'] else 'undisturbed'}"
        f"  {'kept' if found['kept'] else 'NOT KEPT'}",
        file=sys.stderr,
        flush=True,
    )
    return found


def main() -> int:
    names = [fault.name for fault in FAULTS]
    parser = argparse.ArgumentParser(
        prog="faults",
        description=__doc__,
        epilog="faults:\n  " + "\n  ".join(names),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--fault", action="append", metavar="NAME", help="only those whose name has this in it"
    )
    parser.add_argument("--rounds", type=int, default=5, help="of each; default: 5")
    parser.add_argument("--boxes", type=int, default=4, help="in the meeting, 4 or more; default: 4")
    arguments = parser.parse_args()
    if not can_make_namespaces():
        print("faults needs root and iproute2: it makes network namespaces.", file=sys.stderr)
        return 2
    if arguments.boxes < 4:
        parser.error("--boxes: a partition in two halves and an uninvolved pair need 4")
    parts = arguments.fault or [""]
    chosen = [fault for fault in FAULTS if any(part in fault.name for part in parts)]
    if not chosen:
        parser.error(f"--fault: there are: {', '.join(names)}")
    rows = [measure(fault, arguments.rounds, arguments.boxes) for fault in chosen]
    print(json.dumps({"bench": "faults", "rows": rows}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
