"""What is wrong with the mesh, in words: which boxes are away, cut off, or badly connected."""

from __future__ import annotations

from appliance.core import limits
from appliance.core.call_view import LinkState, MeshLink, MeshView
from appliance.core.words import Text, say, say_n

BROKEN = frozenset({LinkState.AWAY, LinkState.LOST, LinkState.NONE})
"""Neither sees the other."""


def sentences(mesh: MeshView) -> tuple[Text, ...]:
    """What is wrong, the worst first, at most ``MESH_SENTENCES`` lines; or that nothing is."""
    names = {box.peer: box.name for box in mesh.boxes}
    me = mesh.boxes[0].peer
    if len(mesh.boxes) < 2:
        return (say("Nobody else is here."),)
    alone = {box.peer for box in mesh.boxes if box.away}
    found: list[Text] = [say("{name} is away.", name=names[peer]) for peer in names if peer in alone]
    here = [peer for peer in names if peer not in alone]
    if len(here) > 2:
        for peer in here:
            own = [
                link
                for link in mesh.links
                if peer in (link.one, link.other) and not alone & {link.one, link.other}
            ]
            if all(link.state in BROKEN for link in own):
                alone.add(peer)
                cut = (
                    say("This box reaches nobody.")
                    if peer == me
                    else say("Nobody reaches {name}.", name=names[peer])
                )
                found.append(cut)
    rest = [link for link in mesh.links if not alone & {link.one, link.other}]
    found += [_broken(link, names, me) for link in rest if link.state in BROKEN]
    found += [_connecting(link, names, me) for link in rest if link.state is LinkState.CONNECTING]
    found += [_bad(link, names, me) for link in rest if link.state is LinkState.LIVE and link.quality == 1]
    if not found:
        return (say("Everybody sees everybody."),)
    more = len(found) - limits.MESH_SENTENCES
    if more > 0:
        more += 1
        found = [*found[: limits.MESH_SENTENCES - 1], say_n("And {n} more.", "And {n} more.", more)]
    return tuple(found)


def _broken(link: MeshLink, names: dict[str, str], me: str) -> Text:
    if link.one == me:
        return say("This box and {other} do not see each other.", other=names[link.other])
    return say("{one} and {other} do not see each other.", one=names[link.one], other=names[link.other])


def _connecting(link: MeshLink, names: dict[str, str], me: str) -> Text:
    if link.one == me:
        return say("This box and {other} are being connected.", other=names[link.other])
    return say("{one} and {other} are being connected.", one=names[link.one], other=names[link.other])


def _bad(link: MeshLink, names: dict[str, str], me: str) -> Text:
    if link.one == me:
        return say("The connection between this box and {other} is bad.", other=names[link.other])
    return say(
        "The connection between {one} and {other} is bad.", one=names[link.one], other=names[link.other]
    )
