"""What a person has to put right at this box, each with its remedy; the worst first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.core.view import Problem
from appliance.core.words import Words, say
from appliance.errors import ConfigError
from appliance.signaling.discovery import clean_name
from appliance.signaling.interfaces import host_addresses

if TYPE_CHECKING:
    from appliance.app.box import Box


def problems(box: Box) -> tuple[Problem, ...]:
    """Those of the network and the settings; devices say their own."""
    # The card comes first: whoever changed it stands there and looks, and it may be why the rest is wrong.
    found = [box.card_problem] if box.card_problem is not None else []
    addresses = host_addresses(box.interfaces)
    if not addresses:
        found.append(Problem("network.none", say("No network. Plug in a network cable.")))
    for name, address in box.discovery.clashes[:1] if box.discovery is not None else ():
        found.append(
            Problem(
                "network.address-clash",
                say(
                    "{name} has the network address of this box, {address}. Give one of the two another one.",
                    name=name,
                    address=address,
                ),
            )
        )
    ours = clean_name(box.name)
    if any(other.present and other.name == ours for other in box.found):
        found.append(
            Problem(
                "name.duplicate",
                say(
                    "Another box here is called {name} too. "
                    "Give one of the two another name in its settings.",
                    name=ours,
                ),
            )
        )
    if box.mistake is not None:
        found.append(Problem(box.mistake.code, mistaken(box.mistake)))
    return tuple(found)


def mistaken(error: ConfigError) -> Words:
    """Where the settings file has its mistake, and what is done about it."""
    return say(
        "Correct {key} in the settings file: found {found}. The last good settings are in use until then.",
        key=error.key or error.file,
        found=error.found,
    )
