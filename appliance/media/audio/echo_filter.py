"""The room, learned: which echo does what is played leave in the microphone?

A Kalman filter in the frequency domain, in partitions of 20 ms (Enzner and Vary, "Frequency-domain adaptive
Kalman filter for acoustic echo control", 2006; partitioned by Kuech et al., ICASSP 2014). Its step is as
large as what is still uncertain about the room, against what else is in the microphone: it learns fast while
only the loudspeaker talks and stands still while a person does, without anybody who detects that.

It works up to 8 kHz; above there is next to nothing of a voice's echo.
"""

from __future__ import annotations

import numpy as np
import numpy.fft  # numpy itself does it at the first use, in a thread that must not wait
import numpy.typing as npt

from appliance.core import limits

Signal = npt.NDArray[np.float32]  # a frame of 960 samples, full scale 1.0

_BLOCK = limits.SOUND_FRAME
_FFT = 2 * _BLOCK  # overlap-save: the older half of a transform is thrown away
_BAND = _FFT * 8000 // limits.SOUND_RATE  # bins up to 8 kHz
_PARTS = limits.ECHO_PARTITIONS
_CONSTRAINED = 5  # partitions a frame whose response is cut to its 20 ms: all of them within 80 ms
_FORGET = np.float32(0.998)  # of the learned room a frame: what moves in it is followed in some seconds
_PRIOR = 0.03  # power of the echo path at first, in the first partition
_PRIOR_DECAY = 0.85  # ... and how it fades, a partition: what is said of rooms before one is known
_NOISE_SMOOTH = np.float32(0.5)  # of the spectrum of what is no echo, a frame
_HUSH = np.float32(4e-3)  # power a bin always counts as no echo: what is hardly played teaches nothing
_SILENT = 1e-7  # power of everything that was played and may still be heard: there is no echo


class EchoFilter:
    """For one thread. A step is `advance` and then `cancel`, once a frame."""

    def __init__(self) -> None:
        shape = (_PARTS, _BAND + 1)
        self._played = np.zeros((limits.ECHO_OWED_MAX + 2, _BLOCK), np.float32)  # the newest first
        self._reference = np.zeros(shape, np.complex64)  # its spectra, the newest first
        self._power = np.zeros(shape, np.float32)  # of the reference
        self._path = np.zeros(shape, np.complex64)  # what was learned
        decay = np.power(np.float32(_PRIOR_DECAY), np.arange(_PARTS, dtype=np.float32))
        self._uncertain = np.empty(shape, np.float32)  # variance of what was learned
        self._uncertain[:] = (_PRIOR * decay)[:, None]
        self._rest = np.zeros(_BAND + 1, np.float32)  # power of what is no echo
        self._turn = 0
        self._spectrum = np.zeros(_BLOCK + 1, np.complex64)
        self._residual = np.zeros(_FFT, np.float32)
        self.echo = np.zeros(_BLOCK, np.float32)
        """What the last frame held of the loudspeaker, as far as it is known."""

    def advance(self, played: Signal | None) -> None:
        """Take the frame that was played beside the microphone's next; None: it is not known yet."""
        self._played[1:] = self._played[:-1]
        self._played[0] = 0.0 if played is None else played
        self._reference[1:] = self._reference[:-1]
        self._power[1:] = self._power[:-1]
        self._transform(0)

    def mend(self, age: int, played: Signal) -> None:
        """Put in what was not known ``age`` frames ago."""
        self._played[age] = played
        self._transform(age)
        if age:
            self._transform(age - 1)

    def skip(self, played: Signal) -> None:
        """Take a frame more, without one of the microphone: from now on everything is heard 20 ms later."""
        self.advance(played)
        for learned, nothing in ((self._path, 0.0), (self._uncertain, _PRIOR)):
            learned[1:] = learned[:-1].copy()
            learned[0] = nothing

    def retreat(self, *, drifted: bool = True) -> None:
        """Forget the last frame, which was never played.

        ``drifted``: what was learned had followed, so from now on everything is heard 20 ms sooner.
        """
        for history in (self._played, self._reference, self._power):
            history[:-1] = history[1:].copy()
            history[-1] = 0.0
        if drifted:
            self._path[:-1] = self._path[1:].copy()
            self._path[-1] = 0.0
            self._uncertain[:-1] = self._uncertain[1:].copy()

    def _transform(self, age: int) -> None:
        both = np.concatenate((self._played[age + 1], self._played[age]))
        spectrum = np.fft.rfft(both)[: _BAND + 1].astype(np.complex64)
        self._reference[age] = spectrum
        self._power[age] = spectrum.real**2 + spectrum.imag**2

    def cancel(self, captured: Signal) -> Signal:
        """Return the captured frame without the echo that is known, and learn from what is left."""
        power = self._power
        if float(power.sum()) < _SILENT * _FFT * _FFT:
            self.echo = np.zeros(_BLOCK, np.float32)
            return captured
        self._spectrum[: _BAND + 1] = (self._reference * self._path).sum(axis=0)
        self.echo = np.fft.irfft(self._spectrum, _FFT)[_BLOCK:].astype(np.float32)
        left = captured - self.echo
        self._residual[_BLOCK:] = left
        error = np.fft.rfft(self._residual)[: _BAND + 1].astype(np.complex64)
        self._rest += (1 - _NOISE_SMOOTH) * (error.real**2 + error.imag**2 - self._rest)
        gain = self._uncertain / (0.5 * (power * self._uncertain).sum(axis=0) + self._rest + _HUSH)
        kept = _FORGET * _FORGET
        self._uncertain *= kept * (1 - 0.5 * gain * power)
        self._uncertain += (1 - kept) * (self._path.real**2 + self._path.imag**2)
        self._path *= _FORGET
        self._path += gain * (np.conj(self._reference) * error)
        self._constrain()
        return left

    def _constrain(self) -> None:
        """A partition's response lasts 20 ms; what the circular convolution put behind that is cut off."""
        turn = slice(self._turn, self._turn + _CONSTRAINED)
        self._turn = (self._turn + _CONSTRAINED) % _PARTS
        response = np.fft.irfft(self._path[turn], 2 * _BAND, axis=1)
        response[:, _BAND:] = 0.0
        self._path[turn] = np.fft.rfft(response, axis=1)
