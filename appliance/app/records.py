"""What a box remembers of its meetings, and keeps: the guesses spent, and the boxes that it met."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from appliance.app import state_files, state_writing
from appliance.core.acquaintances import Met


class Records:
    """Of one box. ``now()``: monotonic seconds."""

    def __init__(self, state_dir: Path, now: Callable[[], float]) -> None:
        self._state_dir = state_dir
        self._now = now
        self.budgets = state_files.load_guesses(state_dir, now())
        self._met = state_files.load_met(state_dir)
        self.met_keys = state_files.load_met_keys(state_dir)
        """By which boxes of former meetings recognise this one."""

    def save_budgets(self) -> None:
        """Guesses were spent."""
        state_writing.save(self._state_dir, state_files.GUESSES, self.budgets.to_state(self._now()))

    def save_met_keys(self) -> None:
        """Another box recognises this one from now on."""
        state_writing.save(self._state_dir, state_files.MET_KEYS, self.met_keys.to_state())

    def meet(self, name: str, box_id: str) -> Met:
        """A box proved who it is; say what we know of it."""
        met = self._met.meet(name, box_id)
        if met is not Met.KNOWN:
            state_writing.save(self._state_dir, state_files.MET, self._met.to_state())
        return met
