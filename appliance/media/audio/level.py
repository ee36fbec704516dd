"""How loud a frame is: the audio level of RFC 6464 (0 is as loud as can be, 127 is silence, one step
is 1 dB), and the levels of its bands for `appliance.core.silence`.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.fft  # numpy itself does it at the first use, in a thread that must not wait

from appliance.core import limits
from appliance.media.audio.ring import Samples

SILENCE_DBOV = 127

# Below the lowest is rumble, above the highest nothing of speech that the rest does not show.
BAND_EDGES_HZ = (150, 300, 600, 1000, 1600, 2500, 4000, 6000, 9000)
BANDS = len(BAND_EDGES_HZ) - 1

_FULL_SCALE = 32768.0
_EDGES = 2 * (np.array(BAND_EDGES_HZ) * limits.SOUND_FRAME // limits.SOUND_RATE)  # a bin is two numbers
# A window, so that the rumble below does not show in every band.
_WINDOW = np.hanning(limits.SOUND_FRAME)  # float64: numpy transforms it twice as fast as float32
_SCALE = 2.0 / (_FULL_SCALE**2 * limits.SOUND_FRAME * float(np.dot(_WINDOW, _WINDOW)))
_NOTHING = 1e-12


def level_dbov(samples: Samples) -> int:
    """Return the level of a frame in -dBov, 0 to 127 (RFC 6464 section 3; RFC 6465 section 4)."""
    as_float = samples.astype(np.float32)
    power = float(np.dot(as_float, as_float)) / max(len(samples), 1) / _FULL_SCALE**2
    if power <= 0.0:
        return SILENCE_DBOV
    return min(max(round(-10.0 * math.log10(power)), 0), SILENCE_DBOV)


def band_levels(samples: Samples) -> list[float]:
    """Return the level in dBov (0 is the loudest) of each band of one frame, 48 kHz."""
    spectrum = np.fft.rfft(samples * _WINDOW).view(np.float64)[: _EDGES[-1]]
    powers = np.add.reduceat(spectrum * spectrum, _EDGES[:-1])
    return [10.0 * math.log10(power * _SCALE + _NOTHING) for power in powers.tolist()]
