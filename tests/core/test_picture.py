"""A picture in the decoder's memory, whose rows may have padding between them."""

from __future__ import annotations

import pytest

from appliance.core.picture import Picture

ROWS = (bytes(range(6)), bytes(range(6, 12)))


@pytest.mark.parametrize("pitch", [0, 6, 8, 32])
def test_packed_leaves_the_padding_out(pitch: int) -> None:
    padding = bytes(max(0, pitch - 6))
    memory = memoryview(padding.join(ROWS) + b"what lies behind it")
    assert Picture(memory, 2, 2, serial=1, pitch=pitch).packed() == b"".join(ROWS)
