"""What tests of pictures and sound share."""

from __future__ import annotations

import pytest

from appliance.media.audio import webrtc_apm


@pytest.fixture(scope="session", autouse=True)
def audio_processing_library() -> None:
    """Loaded before any test: its runtime, with a socket pair of its own, lives as long as the process."""
    webrtc_apm.AudioProcessing(echo=True, noise=True, gain=False).close()
