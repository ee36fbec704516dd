"""What a box costs: one against N remote peers, 640x360 at 30 a second each way, ours and plain aiortc.

Only the box under test is measured, its camera process included; the remote peers are one more program
that sends pictures encoded beforehand and decodes nothing. Both boxes take their pictures from the same
film of a talking head, encode them, and convert every frame that comes to RGB 640x360. They take turns,
round by round; figures are medians over the rounds. One JSON line last on stdout, the table on stderr.

``cores``: seconds of CPU per second. ``fps_min``: of the slowest stream, in or out. ``ratio``: ours to
plain. ``floor_cores``: what one further peer costs at the least, measured in every round beside the
boxes: decoding its stream with PyAV, converting it to RGB, and sealing, sending, receiving and opening
its packets, in a bare loop, for as many peers as the largest row has and 30 times a second.
``floor_unpaced_cores`` is the same for one peer and without a pause: then everything is in the cache,
which it never is in a call. ``floor_ratio``: what one peer more than in the smallest row costs, in floors.

The remote peers take their pictures at the same moment; with ``--spread`` each at its own, which is
dearer: the box is woken by each of them.
"""

from __future__ import annotations

import argparse
import json
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import av
from _engine import FPS, HEIGHT, WIDTH
from _engine_process import LOAD, OURS, PLAIN, EngineProcess, connect
from _film import write as write_film
from _load import recording
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import VideoReformatter
from pylibsrtp import Policy, Session

from appliance.core import rtp
from appliance.core.layers import Codec
from appliance.media.fanout import split

SETTLE_S = 2.0  # after the connections are up: the encoders have their rate, the first keyframes are over
RATIO_BOUNDS = {3: 0.13, 6: 0.12}
FPS_BOUNDS = {7: 29.0}
FLOOR_BOUND = 1.5
FLOOR_S = 4.0
KEY = bytes(range(28))


def box(program: Path, film: Path, peers: int, seconds: float, load: tuple[str, ...]) -> tuple[float, float]:
    """(cores, slowest stream's pictures a second) of one box with so many peers."""
    film_option = ("--film", str(film))
    with (
        EngineProcess(LOAD, *film_option, *load) as remote,
        EngineProcess(program, "--counting", *film_option) as measured,
    ):
        for n in range(peers):
            connect(remote, measured, n)
        time.sleep(SETTLE_S)
        before, sent_before = measured.take(), remote.take()
        time.sleep(seconds)
        after, sent_after = measured.take(), remote.take()
    wall = (after["now_ms"] - before["now_ms"]) / 1000
    sent_wall = (sent_after["now_ms"] - sent_before["now_ms"]) / 1000
    shown = [stream["pictures"] / wall for stream in after["streams"]]
    sent = [
        (b["counters"]["frames"] - a["counters"]["frames"]) / sent_wall
        for a, b in zip(sent_before["streams"], sent_after["streams"], strict=True)
    ]
    return (after["cpu_s"] - before["cpu_s"]) / wall, min(*shown, *sent)


class BarePeer:
    """What one peer's stream can't do without: its SRTP sessions, its decoder, its converter."""

    def __init__(self) -> None:
        decoder = av.CodecContext.create("h264", "r")
        assert isinstance(decoder, VideoCodecContext)
        decoder.thread_count = 1
        self._decoder = decoder
        self._converter = VideoReformatter()
        self._outgoing, self._incoming = (
            Session(Policy(key=KEY, ssrc_type=kind, srtp_profile=Policy.SRTP_PROFILE_AEAD_AES_128_GCM))
            for kind in (Policy.SSRC_ANY_OUTBOUND, Policy.SSRC_ANY_INBOUND)
        )

    def frame(self, data: bytes, packets: list[bytes], a: socket.socket, b: socket.socket) -> None:
        for packet in packets:
            a.sendto(self._outgoing.protect(packet), b.getsockname())
            self._incoming.unprotect(b.recv(2048))
        for picture in self._decoder.decode(av.Packet(data)):
            bytes(self._converter.reformat(picture, WIDTH, HEIGHT, "rgb24", threads=1).planes[0])


def floor(film: Path, peers: int, *, paced: bool) -> float:
    """Cores that a peer costs at the least, of so many in one bare loop.

    ``paced``: 30 times a second, as pictures come; else without a pause.
    """
    frames, number = recording(film), 0
    packets: list[list[bytes]] = []
    for frame in frames:
        payloads = split(frame.data, Codec.H264)
        packets.append(
            [
                rtp.serialize(102, False, number + at, frame.timestamp, 1, payload)
                for at, payload in enumerate(payloads)
            ]
        )
        number += len(payloads)
    bare = [BarePeer() for _ in range(peers)]
    count = min(len(frames), int(FLOOR_S * FPS))
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as a,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as b,
    ):
        b.bind(("127.0.0.1", 0))
        began, used = time.monotonic(), time.process_time()
        for at in range(count):
            for peer in bare:
                peer.frame(frames[at].data, packets[at], a, b)
            if paced:
                time.sleep(max(0.0, began + (at + 1) / FPS - time.monotonic()))
        return (time.process_time() - used) / (count / FPS) / peers


def show(row: dict[str, Any]) -> None:
    bound = RATIO_BOUNDS.get(row["peers"])
    judged = "" if bound is None else f" (at most {bound}: {'met' if row['ratio'] <= bound else 'MISSED'})"
    least = FPS_BOUNDS.get(row["peers"])
    if least is not None:
        judged += f" (at least {least:.0f} fps: {'met' if row['fps_min'] >= least else 'MISSED'})"
    ratio = "" if row["floor_ratio"] is None else f"  {row['floor_ratio']:.2f} floors a peer"
    print(
        f"{row['peers']:2} peers  ours {row['cores']:.3f} cores {row['fps_min']:4.1f} fps"
        f"  plain {row['plain_cores']:.3f} cores {row['plain_fps_min']:4.1f} fps"
        f"  ratio {row['ratio']:.3f}{ratio}{judged}",
        file=sys.stderr,
    )


def measure(
    film: Path, sizes: list[int], rounds: int, seconds: float, load: tuple[str, ...]
) -> tuple[dict[tuple[int, str], list[tuple[float, float]]], list[tuple[float, float]]]:
    """Every round's (cores, fps) of each size and program, and its floors."""
    seen: dict[tuple[int, str], list[tuple[float, float]]] = {}
    floors: list[tuple[float, float]] = []
    for number in range(rounds):
        for peers in sizes:
            for program in (PLAIN, OURS) if number % 2 == 0 else (OURS, PLAIN):
                result = box(program, film, peers, seconds, load)
                seen.setdefault((peers, program.stem), []).append(result)
                print(
                    f"  round {number + 1} of {rounds}: {peers} peers,"
                    f" {program.stem[1:]:5} {result[0]:.3f} cores {result[1]:4.1f} fps",
                    file=sys.stderr,
                )
        floors.append((floor(film, max(sizes), paced=True), floor(film, 1, paced=False)))
    return seen, floors


def main() -> int:
    parser = argparse.ArgumentParser(prog="cpu", description=__doc__)
    parser.add_argument("--peers", default="1,3,6,7", help="comma-separated; default: 1,3,6,7")
    parser.add_argument("--rounds", type=int, default=3, help="of ours and plain in turn; default: 3")
    parser.add_argument("--seconds", type=float, default=6.0, help="of each measurement; default: 6")
    parser.add_argument(
        "--spread", action="store_true", help="every remote peer takes its pictures at another moment"
    )
    arguments = parser.parse_args()
    sizes = [int(text) for text in arguments.peers.split(",")]
    with tempfile.TemporaryDirectory(prefix="meetingbox-bench-") as scratch:
        film = Path(scratch) / "film.y4m"
        write_film(film)
        seen, floors = measure(
            film, sizes, arguments.rounds, arguments.seconds, ("--spread",) if arguments.spread else ()
        )
    floor_cores, unpaced = (statistics.median(column) for column in zip(*floors, strict=True))
    rows: list[dict[str, Any]] = []
    for peers in sizes:
        (cores, fps), (plain_cores, plain_fps) = (
            [statistics.median(column) for column in zip(*seen[peers, program.stem], strict=True)]
            for program in (OURS, PLAIN)
        )
        more = peers - sizes[0]
        further = (cores - rows[0]["cores"]) / more if more > 0 else None
        row = {
            "peers": peers,
            "cores": round(cores, 3),
            "fps_min": round(fps, 1),
            "plain_cores": round(plain_cores, 3),
            "plain_fps_min": round(plain_fps, 1),
            "ratio": round(cores / plain_cores, 3),
            "floor_ratio": None if further is None else round(further / floor_cores, 2),
        }
        rows.append(row)
        show(row)
    ratio = rows[-1]["floor_ratio"]
    if ratio is not None:
        judged = "met" if ratio <= FLOOR_BOUND else "MISSED"
        print(
            f"a further peer: {ratio:.2f} times the floor of {floor_cores:.4f} cores"
            f" (at most {FLOOR_BOUND}: {judged})",
            file=sys.stderr,
        )
    print(
        json.dumps(
            {
                "bench": "cpu",
                "rows": rows,
                "spread": arguments.spread,
                "floor_cores": round(floor_cores, 4),
                "floor_unpaced_cores": round(unpaced, 4),
                "floor_ratio": ratio,
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
