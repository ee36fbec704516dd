"""What the screen of the settings shows and what a person changes on it, as immutable values."""

from __future__ import annotations

from dataclasses import dataclass, field

from appliance.core.words import Text

PAGES = (
    "sound",
    "camera",
    "network",
    "name",
    "rooms",
    "joining",
    "language",
    "look",
    "pin",
    "reset",
    "about",
)
"""The pages of the settings, in the order of their list."""
CALL_PAGES = ("sound", "camera")
"""Those that may be opened in a call."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several: ``value`` as the configuration has it, ``label`` as a person knows it."""

    value: str
    label: Text


@dataclass(frozen=True, slots=True)
class Choices:
    """What there is to choose from, and the value in force."""

    value: str = "auto"
    choices: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of what is in use: what it is, and its value."""

    label: Text
    value: Text


@dataclass(frozen=True, slots=True)
class Licence:
    """A part that this product is made of, and under which licence it stands."""

    part: str
    licence: str


@dataclass(frozen=True, slots=True)
class PinView:
    """The admin PIN. ``kept``: there is one. ``wrong``: how often a wrong one was typed since the settings
    were opened. ``left``: tries until there is a wait. ``until``: monotonic seconds before which none is
    looked at, None while one is. ``busy``: one is being looked at.
    """

    kept: bool = False
    wrong: int = 0
    left: int = 0
    until: float | None = None
    busy: bool = False


@dataclass(frozen=True, slots=True)
class ReportView:
    """A report for support, onto a USB stick. ``state``: "no-stick", "ready", "working", "written" or
    "failed"; ``problem``: why.
    """

    state: str = "no-stick"
    problem: Text = ""


@dataclass(frozen=True, slots=True)
class SettingsView:
    """The settings while their screen is open.

    ``pages``: those that may be opened. ``locked``: nothing else is told before the PIN was typed.
    ``testing``: the loudspeaker plays its test sound. ``problem``: why the last change was not made, empty
    when it was; ``changes`` grows with every change that was made. ``report``: None where none can be saved.
    """

    pages: tuple[str, ...] = PAGES
    locked: bool = False
    pin: PinView = PinView()
    microphone: Choices = Choices()
    speaker: Choices = Choices()
    camera: Choices = Choices()
    testing: bool = False
    facts: tuple[Fact, ...] = ()
    joining_minutes: float = 10.0
    version: str = ""
    fingerprint: str = ""
    licences: tuple[Licence, ...] = ()
    problem: Text = ""
    changes: int = 0
    report: ReportView | None = None


# --- Intents ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OpenSettings:
    """Show the settings, or another page of them."""

    page: str


@dataclass(frozen=True, slots=True)
class CloseSettings:
    """Nobody looks at them any more; the PIN is asked for again the next time."""


@dataclass(frozen=True, slots=True)
class EnterPin:
    """Unlock the settings."""

    pin: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SetPin:
    """Keep another admin PIN; an empty one: none."""

    pin: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ChooseDevice:
    """``kind``: "camera", "microphone" or "speaker". ``value``: as the configuration has it."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class SetName:
    """Call this box so; an empty name: what its configuration says."""

    name: str


@dataclass(frozen=True, slots=True)
class SetPresets:
    """The rooms on the home screen, each with its label and number."""

    presets: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class SetJoiningMinutes:
    """How long a meeting stays open to newcomers."""

    minutes: float


@dataclass(frozen=True, slots=True)
class ChangeLook:
    """``theme``: "dark" or "light". ``still``: no motion. ``language``: its code. None: as it is."""

    theme: str | None = None
    still: bool | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class PlayTestSound:
    """Have the loudspeaker play some notes."""


@dataclass(frozen=True, slots=True)
class SaveReport:
    """Write a report for support onto the USB stick."""


@dataclass(frozen=True, slots=True)
class FactoryReset:
    """Forget everything that this box keeps, and be as on the first day."""


SettingsIntent = (
    OpenSettings
    | CloseSettings
    | EnterPin
    | SetPin
    | ChooseDevice
    | SetName
    | SetPresets
    | SetJoiningMinutes
    | ChangeLook
    | PlayTestSound
    | SaveReport
    | FactoryReset
)
