"""The audio level of RFC 6464: 0 is as loud as can be, 127 is silence, one step is 1 dB."""

from __future__ import annotations

import math

import numpy as np

from appliance.media.audio.ring import Samples

SILENCE_DBOV = 127


def level_dbov(samples: Samples) -> int:
    """Return the level of a frame in -dBov, 0 to 127 (RFC 6464 section 3; RFC 6465 section 4)."""
    as_float = samples.astype(np.float32)
    power = float(np.dot(as_float, as_float)) / max(len(samples), 1) / (32768.0 * 32768.0)
    if power <= 0.0:
        return SILENCE_DBOV
    return min(max(round(-10.0 * math.log10(power)), 0), SILENCE_DBOV)
