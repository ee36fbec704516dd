"""The screen: what people see, and what they press. ``loop.Display`` is the way in."""

import os
import sys

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")  # our standard output belongs to whoever asked
# Sound is not pygame's here, and its mixer with all of its codecs is a tenth of what a start loads.
for _name in ("pygame.mixer", "pygame.mixer_music"):
    sys.modules.setdefault(_name, None)  # type: ignore[arg-type] # "there is none", as import understands it

from appliance.display.loop import Display  # noqa: E402 - pygame comes with it

__all__ = ["Display"]
