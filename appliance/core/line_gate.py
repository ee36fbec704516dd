"""How often an address may fail to open a direct line: what it sends costs a key agreement each time."""

from __future__ import annotations

from collections import OrderedDict

from appliance.core import limits
from appliance.core.guesses import Window


class LineGate:
    """Slows down addresses whose line handshakes fail."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, Window] = OrderedDict()

    def allows(self, address: str, now: float) -> bool:
        """Say whether a connection of this address may try."""
        failures = self._failures.get(address)
        return failures is None or failures.available(now) > 0

    def failed(self, address: str, now: float) -> None:
        """A line handshake of this address failed."""
        window = Window(limits.LINE_FAILURES_MAX, limits.LINE_FAILURES_SPAN)
        self._failures.setdefault(address, window).take(now)
        self._failures.move_to_end(address)
        if len(self._failures) > limits.LINE_ADDRESSES_REMEMBERED:
            self._failures.popitem(last=False)
