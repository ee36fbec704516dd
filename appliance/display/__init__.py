"""The screen: what people see, and what they press. ``loop.Display`` is the way in."""

import os

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")  # our standard output belongs to whoever asked

from appliance.display.loop import Display

__all__ = ["Display"]
