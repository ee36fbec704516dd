"""A decoder with everything it said, and frames for it."""

from __future__ import annotations

import threading
import time

from link_helpers import encoded

from appliance.core.assembly import AssembledFrame
from appliance.core.layers import Layer
from appliance.core.picture import Picture
from appliance.media.decoder import Decoder


def frames(layer: Layer = Layer.M, key_every: int = 10_000) -> list[AssembledFrame]:
    return [AssembledFrame(data, n * 3000, key) for n, (key, data) in enumerate(encoded(layer, key_every))]


class Screen:
    """A decoder with everything it said."""

    def __init__(self, tile: tuple[int, int] | None = (640, 360)) -> None:
        self.pictures: list[Picture] = []
        self.asked = 0
        self.hold = threading.Event()
        self.hold.set()
        self.decoder = Decoder(on_picture=self._picture, on_keyframe_needed=self._ask)
        self.decoder.set_tile(tile)
        self.asked = 0

    def _picture(self, picture: Picture) -> None:
        self.hold.wait(5)
        self.pictures.append(picture)

    def _ask(self) -> None:
        self.asked += 1

    def __enter__(self) -> Screen:
        self.decoder.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.hold.set()
        self.decoder.stop()
        self.decoder.join()

    def show(self, frame: AssembledFrame) -> Picture:
        """Push a frame and wait for its picture."""
        count = len(self.pictures)
        self.decoder.push(frame)
        self.wait(lambda: len(self.pictures) > count)
        return self.pictures[-1]

    def wait(self, condition) -> None:
        deadline = time.monotonic() + 5
        while not condition():
            assert time.monotonic() < deadline, "nothing happened"
            time.sleep(0.001)
