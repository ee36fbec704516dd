"""Runs inside an emulated box: the far end of its sound card, the kernel's ALSA loopback.

    far_end.py play FILE               one channel of 16 bits at 48 kHz, again and again
    far_end.py record FILE SECONDS     the same the other way

The loopback (snd-aloop) joins two ends only while both have the same format, rate, channels and order of
samples. PipeWire takes 32 bits, 48 kHz, two channels, each on its own; no program for the command line
can be told the last of these.
"""

import array
import ctypes
import sys

PCM = b"hw:Loopback,1,0"
PLAYBACK, CAPTURE = 0, 1  # <alsa/pcm.h>
RW_NONINTERLEAVED = 4
S32_LE = 10
RATE, CHANNELS = 48000, 2
LATENCY_US = 400000
PIECE = 4800  # frames at once, a tenth of a second

alsa = ctypes.CDLL("libasound.so.2")
alsa.snd_strerror.restype = ctypes.c_char_p
alsa.snd_pcm_writen.restype = alsa.snd_pcm_readn.restype = ctypes.c_long


def opened(direction):
    pcm = ctypes.c_void_p()
    checked(alsa.snd_pcm_open(ctypes.byref(pcm), PCM, direction, 0))
    checked(alsa.snd_pcm_set_params(pcm, S32_LE, RW_NONINTERLEAVED, CHANNELS, RATE, 0, LATENCY_US))
    return pcm


def checked(code):
    if code < 0:
        sys.exit("far_end: " + alsa.snd_strerror(int(code)).decode())
    return code


def moved(move, pcm, samples, count):
    """Move frames, the same in both channels; what stumbles is set up again."""
    channels = (ctypes.c_void_p * CHANNELS)(*[samples.buffer_info()[0]] * CHANNELS)
    done = move(pcm, channels, ctypes.c_ulong(count))
    if done < 0:
        checked(alsa.snd_pcm_recover(pcm, int(done), 1))
        return 0
    return done


def play(name):
    with open(name, "rb") as file:
        tone = array.array("h", file.read())
    wide = array.array("i", (sample << 16 for sample in tone))
    pcm, at = opened(PLAYBACK), 0
    while True:
        piece = wide[at : at + PIECE]
        at = (at + moved(alsa.snd_pcm_writen, pcm, piece, len(piece))) % len(wide)


def record(name, seconds):
    pcm, heard = opened(CAPTURE), array.array("h")
    piece = array.array("i", bytes(4 * PIECE))
    while len(heard) < seconds * RATE:
        count = moved(alsa.snd_pcm_readn, pcm, piece, PIECE)
        heard.extend(sample >> 16 for sample in piece[:count])
    with open(name, "wb") as file:
        file.write(heard.tobytes())


if __name__ == "__main__":
    if sys.argv[1] == "play":
        play(sys.argv[2])
    else:
        record(sys.argv[2], int(sys.argv[3]))
