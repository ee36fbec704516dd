"""The cameras that somebody may choose from, without opening any of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from appliance.media.sources import picamera, v4l2


@dataclass(frozen=True, slots=True)
class FoundCamera:
    """``source``: the configuration's word for it, by a name that outlives another order of plugging in where
    there is one. ``label``: a person's.
    """

    source: str
    label: str


def found(folder: str = "/dev") -> list[FoundCamera]:
    """Return them, best first; may take as long as a driver likes.

    Whether a Raspberry Pi's own camera is connected is not asked: its library is for the camera process.
    """
    pi = [FoundCamera("picamera2", "Raspberry Pi camera")] if picamera.installed() else []
    links = {link.resolve(): link for link in sorted(Path(folder, "v4l/by-id").glob("*"))}
    return pi + [
        FoundCamera(f"v4l2:{links.get(Path(camera.path).resolve(), camera.path)}", camera.label)
        for camera in v4l2.cameras(folder)
    ]
