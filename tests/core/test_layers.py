"""Which layer fills which tile."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core.layers import Layer, layer_for_height, layer_wanted


@pytest.mark.parametrize(
    ("height", "layer"),
    [
        (0, Layer.L),
        (180, Layer.L),
        (198, Layer.L),  # 10 % of upscaling: nobody sees it
        (199, Layer.M),
        (360, Layer.M),
        (396, Layer.M),
        (397, Layer.H),
        (720, Layer.H),
        (8192, Layer.H),
    ],
)
def test_the_smallest_layer_that_fills_the_tile(height: int, layer: Layer) -> None:
    assert layer_for_height(height) is layer


@pytest.mark.parametrize(
    ("max_height", "max_fps", "visible", "layer"),
    [
        (720, 30, True, Layer.H),
        (720, 240, True, Layer.H),
        (720, 29, True, Layer.L),  # H and M have 30 pictures a second, and nobody thins them out
        (360, 15, True, Layer.L),
        (720, 1, True, Layer.L),
        (720, 0, True, None),
        (720, 30, False, None),
        (0, 30, True, Layer.L),
    ],
)
def test_what_a_receiver_asks_for(max_height: int, max_fps: int, visible: bool, layer: Layer | None) -> None:
    assert layer_wanted(max_height, max_fps, visible) is layer


@given(st.integers(0, 8192), st.integers(0, 240))
def test_a_receiver_gets_no_more_pictures_than_it_can_use_unless_it_is_the_least(
    max_height: int, max_fps: int
) -> None:
    layer = layer_wanted(max_height, max_fps, True)
    assert (layer is None) == (max_fps == 0)
    if layer is not None:
        assert layer is Layer.L or layer.spec.fps <= max_fps
        assert layer.fits(layer_for_height(max_height))


def test_layers_are_in_order() -> None:
    assert [layer.above for layer in Layer] == [Layer.M, Layer.H, Layer.H]
    assert [layer.below for layer in Layer] == [Layer.L, Layer.L, Layer.M]
    assert [[a.fits(b) for b in Layer] for a in Layer] == [
        [True, True, True],
        [False, True, True],
        [False, False, True],
    ]
