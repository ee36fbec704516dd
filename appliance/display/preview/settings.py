"""The settings' scenes of the preview: what the box says on each page, and the keys that lead there."""

from __future__ import annotations

from dataclasses import replace

from appliance.core.settings_view import (
    PAGES,
    Choice,
    Choices,
    Fact,
    Licence,
    PinView,
    ReportView,
    SettingsView,
)
from appliance.core.sound_check import Outcome, Report
from appliance.core.view import Snapshot, SoundCheckView, Tone
from appliance.core.words import Text, say, say_n

OPEN = "down down ok"  # from home to the settings

MICROPHONES = Choices(
    "device:Speak",
    (
        Choice("auto", say("Automatic")),
        Choice("device:Speak", "Speakerphone"),
        Choice("device:PCH", "HDA Intel PCH"),
        Choice("none", say("No microphone")),
    ),
)
SPEAKERS = Choices(
    "auto",
    (
        Choice("auto", say("Automatic")),
        Choice("device:Speak", "Speakerphone"),
        Choice("device:PCH", "HDA Intel PCH"),
        Choice("device:HDMI", "HDA Intel HDMI"),
        Choice("none", say("No loudspeaker")),
    ),
)
CAMERAS = Choices(
    "auto",
    (
        Choice("auto", say("Automatic")),
        Choice("v4l2:/dev/video0", "HD Pro Webcam"),
        Choice("v4l2:/dev/video2", "Document camera"),
        Choice("none", say("No camera")),
    ),
)
FACTS = (
    Fact(say("Network"), say("{kind} ({name})", kind=say("Wired network"), name="eth0")),
    Fact(say("Addresses"), "10.20.0.14, fd12:3456:789a:1::14"),
    Fact(say("Port"), "8787"),
    Fact(say("Boxes on this network"), say_n("{n} other box", "{n} other boxes", 3)),
    Fact(say("Camera"), "HD Pro Webcam"),
    Fact(say("Picture encoder"), say("Chosen when somebody watches")),
    Fact(say("Limit for all pictures sent"), say("No limit")),
)
LICENCES = (
    Licence("meetingbox", "MIT"),
    *(
        Licence(f"{part} {version}", licence)
        for part, version, licence in (
            ("aiortc", "1.16.0", "BSD-3-Clause"),
            ("av", "16.0.1", "BSD-3-Clause"),
            ("cryptography", "46.0.3", "Apache-2.0 OR BSD-3-Clause"),
            ("msgspec", "0.20.0", "BSD-3-Clause"),
            ("numpy", "2.3.4", "BSD-3-Clause"),
            ("pygame-ce", "2.5.6", "LGPL-2.1-or-later"),
            ("PyNaCl", "1.6.1", "Apache-2.0"),
            ("sounddevice", "0.5.3", "MIT"),
            ("spake2", "0.9", "MIT"),
            ("websockets", "15.0.1", "BSD-3-Clause"),
            ("zeroconf", "0.148.0", "LGPL-2.1-or-later"),
        )
    ),
    *(Licence(part, "BSD-3-Clause") for part in ("libvpx", "libopus", "SDL", "PortAudio", "Noto Sans")),
)
SETTINGS = SettingsView(
    microphone=MICROPHONES,
    speaker=SPEAKERS,
    camera=CAMERAS,
    facts=FACTS,
    version="0.1.0",
    fingerprint="6a1f0c93b7d2485e9f3107c2ad84e6b0",
    licences=LICENCES,
)
NO_STICK = say("The stick can't be used. Try another one, with the FAT file system.")
CHECKED = SoundCheckView(
    0.1,
    sentence=Report(Outcome.GOOD).sentence,
    figures=Report(Outcome.GOOD, -62.0, -31.0, 74.0, 38.0, -69.0).figures,
)
NOT_HEARD = SoundCheckView(
    0.1,
    sentence=Report(Outcome.WRONG_DEVICE).sentence,
    figures=say("Noise {noise} dB", noise=-58),
    tone=Tone.BAD,
)


def to(page: str) -> str:
    """The keys from home into a page."""
    return " ".join([OPEN, *["down"] * PAGES.index(page), "ok"])


CHECK = f"{to('sound')} down down down ok"  # from home to the sound check: it is below the microphones


def scenes(home: Snapshot, now: float) -> list[tuple[str, Snapshot, str, Snapshot | None]]:
    """Every scene of the settings as (name, what the box says, keys, what it says after them)."""
    open_ = replace(home, settings=SETTINGS, sound_check=SoundCheckView(0.45))
    pin = replace(SETTINGS, pin=PinView(kept=True, left=5))
    locked = replace(home, settings=SettingsView(locked=True, pin=PinView(kept=True, left=5)))

    def pinned(**values: object) -> Snapshot:
        view = PinView(kept=True, **values)  # type: ignore[arg-type]
        return replace(home, settings=SettingsView(locked=True, pin=view))

    def reporting(state: str, problem: Text = "") -> Snapshot:
        return replace(open_, settings=replace(SETTINGS, report=ReportView(state, problem)))

    found: list[tuple[str, Snapshot, str, Snapshot | None]] = [
        (f"settings-{page}", open_, to(page), None) for page in PAGES
    ]
    return [
        *found,
        ("settings-list", open_, OPEN, None),
        ("settings-sound-testing", replace(open_, settings=replace(SETTINGS, testing=True)), OPEN, None),
        ("sound-check", open_, CHECK, None),
        ("sound-check-running", replace(open_, sound_check=SoundCheckView(0.7, True)), CHECK, None),
        ("sound-check-good", replace(open_, sound_check=CHECKED), CHECK, None),
        ("sound-check-bad", replace(open_, sound_check=NOT_HEARD), CHECK, None),
        ("settings-name-typing", open_, f"{to('name')} ok delete delete x", None),
        ("settings-rooms-none", replace(open_, presets=()), to("rooms"), None),
        ("settings-rooms-remove", open_, f"{to('rooms')} right ok", None),
        ("settings-rooms-name", replace(open_, presets=()), f"{to('rooms')} ok B o", None),
        ("settings-rooms-number", replace(open_, presets=()), f"{to('rooms')} ok B o ok 4 2", None),
        ("settings-pin-new", open_, f"{to('pin')} ok 4 7 1 1", None),
        ("settings-pin-again", open_, f"{to('pin')} ok 4 7 1 1 ok 4 7", None),
        ("settings-pin-differs", open_, f"{to('pin')} ok 4 7 1 1 ok 4 7 1 2 ok", None),
        ("settings-pin-kept", replace(open_, settings=pin), to("pin"), None),
        ("settings-pin-remove", replace(open_, settings=pin), f"{to('pin')} down ok", None),
        ("settings-reset-asked", open_, f"{to('reset')} ok", None),
        ("settings-reset-twice", open_, f"{to('reset')} ok right ok", None),
        (
            "settings-problem",
            replace(open_, settings=replace(SETTINGS, problem=say("That is not possible."))),
            to("look"),
            None,
        ),
        ("settings-report-no-stick", reporting("no-stick"), to("about"), None),
        ("settings-report-ready", reporting("ready"), to("about"), None),
        ("settings-report-working", reporting("working"), to("about"), None),
        ("settings-report-written", reporting("written"), to("about"), None),
        ("settings-report-failed", reporting("failed", NO_STICK), to("about"), None),
        ("settings-locked", locked, f"{OPEN} 4 7", None),
        ("settings-locked-wrong", locked, f"{OPEN} 4 7 1 2 ok", pinned(wrong=3, left=2)),
        ("settings-locked-waits", locked, OPEN, pinned(wrong=5, left=5, until=now + 42.5)),
    ]
