"""The camera as the rest of the box sees it: always there, whatever the device does.

``CameraProcess`` keeps one camera process running (``camera_link``), tells it what is wanted, and
replaces it when it fails:

- it died: started again;
- pictures are wanted and none came for ``CAMERA_SILENT_AFTER``: killed and started again;
- it is opening a device, or looks for a missing one: it has ``CAMERA_OPENING_MAX``;
- several failures in a row: each next start waits longer (``CAMERA_RESTART_DELAYS``), and encodes in
  software, because a driver may be what hangs;
- several failures within an hour while hardware encoded: software for as long as the box runs.

The call goes on meanwhile; ``state`` has the sentence for the screen.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from appliance.core.driver_trust import DriverTrust
from appliance.core.keyframes import KeyframeMerger
from appliance.core.layers import Codec, Layer, Stream
from appliance.core.limits import (
    CAMERA_FAILING_AFTER,
    CAMERA_OPENING_MAX,
    CAMERA_RATE_SAMPLES,
    CAMERA_RATE_WINDOW,
    CAMERA_RESTART_DELAYS,
    CAMERA_SILENT_AFTER,
    CAMERA_SOFTWARE_AFTER,
    CAMERA_STEADY_AFTER,
)
from appliance.core.picture import Picture
from appliance.core.view import DeviceView
from appliance.core.words import say
from appliance.media.camera_link import CameraLink
from appliance.media.encoded import EncodedFrame
from appliance.media.selfview import fit_self_view
from appliance.media.sources.source import parse_source
from appliance.media.wire import Keyframe, Phase, SelfView, Status, Want

log = logging.getLogger("meetingbox.camera")

KIND = "camera"
AUTO = "auto"  # the encoder that suits this computer
SOFTWARE = "libx264"
HARDWARE = "h264_v4l2m2m"

RESTARTING = say("The camera does not answer. It is being restarted.")
FAILING = say("The camera fails again and again. Unplug it and plug it in again, or restart the box.")
NOTHING = Want(frozenset(), None)


class CameraProcess:
    """Start and stop it on one event loop; every callback comes on that loop.

    ``source``, ``encoder``: the configuration's words (``sources.source``, ``encoders.choice``). ``label``:
    the box's name, which the test picture shows. ``on_frame``: every encoded picture of the wanted
    streams. ``on_self_view``: the newest self-view picture. ``on_state``: the device's label and
    problem, when they change.

    DeviceError if ``source`` makes no sense.
    """

    def __init__(
        self,
        source: str,
        label: str,
        *,
        encoder: str = AUTO,
        on_frame: Callable[[EncodedFrame], None],
        on_self_view: Callable[[Picture], None],
        on_state: Callable[[DeviceView], None],
    ) -> None:
        self._spec = parse_source(source)
        self._source = source
        self._label = label
        self._encoder = encoder
        self._on_frame = on_frame
        self._on_self_view = on_self_view
        self._on_state = on_state
        self._state = DeviceView(KIND, "None" if self._spec.kind == "none" else "Camera")
        self._want = NOTHING
        self._most_fps = 0
        self._keyframes = KeyframeMerger()
        self._keyframe_timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._link: CameraLink | None = None
        self._status: Status | None = None
        self._sign_at = 0.0  # the last time it was certain that the process works
        self._steady_since: float | None = None  # pictures without a failure since
        self._failures = 0  # in a row
        self._driver = DriverTrust()
        self._restarts = 0
        self._serial = 0
        self._changed = asyncio.Event()  # something that the supervisor has to look at
        self._stopping = asyncio.Event()
        self._sent: dict[Stream, deque[tuple[float, int]]] = {}

    # --- what the box asks ------------------------------------------------------------------------

    async def start(self) -> None:
        """Start the camera process and watch over it. ``none`` starts nothing."""
        if self._spec.kind == "none":
            self._on_state(self._state)
        elif self._task is None:
            self._stopping.clear()
            self._task = asyncio.create_task(self._supervise(), name="camera supervisor")

    async def stop(self) -> None:
        """End the camera process; returns within about two seconds, whatever it does."""
        self._stopping.set()
        self._changed.set()
        task, self._task = self._task, None
        if task is not None:
            await task
        if self._keyframe_timer is not None:
            self._keyframe_timer.cancel()
            self._keyframe_timer = None

    async def use(self, source: str, label: str) -> None:
        """Have another camera, or another name on the test picture, from now on: a new process, which makes
        what is wanted as after a failure. Returns within about two seconds. DeviceError if ``source`` makes
        no sense.
        """
        spec = parse_source(source)
        if (source, label) == (self._source, self._label):
            return
        await self.stop()
        self._spec, self._source, self._label = spec, source, label
        self._status = self._steady_since = None
        self._failures = 0
        self._tell(DeviceView(KIND, "None" if spec.kind == "none" else "Camera"))
        await self.start()

    def want(self, streams: frozenset[Stream]) -> None:
        """Have exactly these streams encoded from now on; a new one begins with a keyframe."""
        for stream in self._want.streams - streams:
            self._keyframes.forget(stream)
            self._sent.pop(stream, None)
        self._wish(streams=frozenset(streams))

    def set_self_view(self, size: tuple[int, int] | None) -> None:
        """Have self-view pictures of exactly this size, or none.

        Above limits.SELF_VIEW_MAX_PIXELS the size is reduced; each picture carries its own.
        """
        self._wish(self_view=fit_self_view(*size) if size else None)

    def set_most_fps(self, fps: int) -> None:
        """Take at most ``fps`` pictures a second from now on; 0: as many as the layers have."""
        self._most_fps = fps
        self._wish()

    def request_keyframe(self, stream: Stream) -> None:
        """A receiver needs a keyframe. The first request is served at once, repeats are merged."""
        if stream not in self._want.streams:
            return
        if self._keyframes.request(stream, time.monotonic()):
            self._send_keyframe(frozenset((stream,)))
        else:
            self._schedule_keyframes()

    @property
    def state(self) -> DeviceView:
        """The device in use, and its problem."""
        return self._state

    def stats(self) -> dict[str, Any]:
        """Return figures for ``stats``: rates are those of the last two seconds, bitrates in bit/s.

        ``encoder``: who encodes H.264 now, several if they differ by layer. ``streams``: one entry for
        each. ``layers``: the H.264 of each layer, or what else it is encoded in.
        """
        status, link = self._status, self._link
        encoders = dict(status.encoders) if status and link else {}
        h264 = dict.fromkeys(name for stream, name in encoders.items() if stream.codec is Codec.H264)
        streams = []
        layers: dict[str, dict[str, float]] = {}
        for stream in (Stream(layer, codec) for codec in Codec for layer in Layer):
            if stream not in self._want.streams:
                continue
            fps, bitrate = self._rates(stream)
            rates = {"fps": fps, "bitrate": bitrate}
            name, codec = stream.layer.value, stream.codec.value
            streams.append({"layer": name, "codec": codec, "encoder": encoders.get(stream, ""), **rates})
            layers.setdefault(name, rates)
        return {
            "source": self._source,
            "label": self._state.label,
            "problem": str(self._state.problem),
            "encoder": ", ".join(h264),
            "encoders_open": len(encoders),
            "streams": streams,
            "layers": layers,
            "pid": link.pid if link else None,
            "restarts": self._restarts,
        }

    # --- what the camera process says -------------------------------------------------------------

    def _frame(self, frame: EncodedFrame) -> None:
        now = self._sign()
        stream = frame.stream
        if stream not in self._want.streams:
            return  # it was on its way when the stream was given up
        if frame.keyframe:
            self._keyframes.keyframe(stream, now)
        self._sent.setdefault(stream, deque(maxlen=CAMERA_RATE_SAMPLES)).append((now, len(frame.data)))
        self._on_frame(frame)

    def _self_view(self, view: SelfView, rgb: bytes) -> None:
        self._sign()
        if self._want.self_view != (view.width, view.height):
            return
        self._serial += 1
        self._on_self_view(Picture(rgb, view.width, view.height, self._serial, view.captured_ns / 1e9))

    def _heard(self, status: Status) -> None:
        self._sign_at = time.monotonic()
        if self._status is None or self._status.phase is not status.phase:
            self._changed.set()  # the supervisor's patience is another one now
        self._status = status
        if status.phase is Phase.MISSING:
            self._steady_since = None
            self._tell(DeviceView(KIND, status.label, status.problem))
        elif status.phase is not Phase.OPENING:
            self._tell(DeviceView(KIND, status.label))

    def _sign(self) -> float:
        """A picture came: the process works."""
        now = self._sign_at = time.monotonic()
        if self._steady_since is None:
            self._steady_since = now
        elif self._failures and now - self._steady_since > CAMERA_STEADY_AFTER:
            self._failures = 0
        return now

    def _tell(self, state: DeviceView) -> None:
        if state != self._state:
            self._state = state
            self._on_state(state)

    # --- keeping it alive ---------------------------------------------------------------------------

    async def _supervise(self) -> None:
        while not self._stopping.is_set():
            try:
                link = self._begin()
            except OSError as error:  # no process, no memory, no file descriptors
                delay = self._failed(f"can't be started: {error}")
            else:
                reason = await self._watch(link)
                self._link = None
                await link.end(kill=not self._stopping.is_set())
                if self._stopping.is_set():
                    return
                delay = self._failed(reason)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay)

    def _begin(self) -> CameraLink:
        distrusted = self._driver.lost or self._failures >= CAMERA_SOFTWARE_AFTER
        link = self._link = CameraLink(
            self._source,
            self._label,
            SOFTWARE if distrusted else self._encoder,
            on_frame=self._frame,
            on_self_view=self._self_view,
            on_status=self._heard,
            on_over=self._changed.set,
        )
        self._status = None
        self._sign_at = time.monotonic()
        if self._want != NOTHING:
            link.send(self._want)
        return link

    async def _watch(self, link: CameraLink) -> str:
        """Return why the process has to be replaced, once it has to; or that all is to end."""
        while not link.over:
            if self._stopping.is_set():
                return "is to end"
            patience = self._patience()
            left = None if patience is None else self._sign_at + patience - time.monotonic()
            if left is not None and left <= 0:
                return "is silent"
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), left)
        return "died"

    def _patience(self) -> float | None:
        """How long the process may be silent now, in seconds; None: as long as it likes."""
        if self._status is None:
            return CAMERA_OPENING_MAX
        if self._want == NOTHING:
            return None
        if self._status.phase in (Phase.OPENING, Phase.MISSING):
            return CAMERA_OPENING_MAX
        return CAMERA_SILENT_AFTER

    def _failed(self, reason: str) -> float:
        """Note a failure; return how long to wait until the next start."""
        self._failures += 1
        self._restarts += 1
        self._steady_since = None
        log.warning("the camera process %s; restart %d", reason, self._restarts)
        status, self._status = self._status, None
        hardware = status is not None and HARDWARE in dict(status.encoders).values()
        if hardware and self._driver.failed(time.monotonic()):
            log.warning("%s fails again and again; %s until the box restarts", HARDWARE, SOFTWARE)
        problem = FAILING if self._failures >= CAMERA_FAILING_AFTER else RESTARTING
        self._tell(DeviceView(KIND, self._state.label, problem))
        return CAMERA_RESTART_DELAYS[min(self._failures, len(CAMERA_RESTART_DELAYS)) - 1]

    # --- commands -----------------------------------------------------------------------------------

    def _wish(self, **changes: Any) -> None:
        want = replace(self._want, fps=self._most_fps, **changes)
        if not want.streams and want.self_view is None:
            want = NOTHING
        if want == self._want:
            return
        self._want = want
        self._sign_at = max(self._sign_at, time.monotonic())
        self._changed.set()
        if self._link is not None:
            self._link.send(want)

    def _send_keyframe(self, streams: frozenset[Stream]) -> None:
        if self._link is not None:
            self._link.send(Keyframe(streams))

    def _schedule_keyframes(self) -> None:
        due = self._keyframes.next_due()
        if due is None or self._keyframe_timer is not None:
            return
        delay = max(0.0, due - time.monotonic())
        self._keyframe_timer = asyncio.get_running_loop().call_later(delay, self._keyframes_due)

    def _keyframes_due(self) -> None:
        self._keyframe_timer = None
        streams = self._keyframes.due(time.monotonic())
        if streams:
            self._send_keyframe(streams)
        self._schedule_keyframes()

    def _rates(self, stream: Stream) -> tuple[float, int]:
        """Pictures and bits a second of a stream, over the last moments."""
        now = time.monotonic()
        recent = [(at, size) for at, size in self._sent.get(stream, ()) if now - at <= CAMERA_RATE_WINDOW]
        if len(recent) < 2:
            return 0.0, 0
        interval = (recent[-1][0] - recent[0][0]) / (len(recent) - 1)
        span = max(len(recent) * interval, now - recent[0][0] - interval, 1e-3)
        return round(len(recent) / span, 1), round(sum(size for _, size in recent) * 8 / span)
