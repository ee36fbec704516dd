"""The answers of a box to ``meetingbox ctl``, in words for a terminal.

A reply is as ``control.protocol`` has it; ``printable`` comes first, for names come from the network.
"""

from __future__ import annotations

from typing import Any


def printable(value: Any) -> Any:
    """The reply without characters that steer a terminal: names come from the network."""
    if isinstance(value, str):
        return "".join(c if c.isprintable() else "?" for c in value)
    if isinstance(value, dict):
        return {printable(key): printable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [printable(item) for item in value]
    return value


def done(_reply: dict[str, Any]) -> str:
    """What there is to say of a verb without an answer."""
    return "Done."


def doctor_report(reply: dict[str, Any]) -> str:
    """What the doctor found, as wide as the terminal."""
    import shutil

    from appliance import doctor

    return doctor.to_text(reply, shutil.get_terminal_size().columns)


def sound_check(reply: dict[str, Any]) -> str:
    """What the microphone heard, and the figures."""
    return "\n".join(filter(None, (reply["sentence"], reply["figures"])))


def stats(reply: dict[str, Any]) -> str:
    """Nested numbers as one dotted name a line, which is easy to grep."""
    lines: list[tuple[str, str]] = []

    def walk(value: object, name: str) -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                walk(item, f"{name}.{key}" if name else str(key))
        elif isinstance(value, list):
            for index, item in enumerate(value):
                walk(item, f"{name}[{index}]")
        else:
            lines.append((name, "-" if value is None else str(value)))

    walk({key: value for key, value in reply.items() if key != "ok"}, "")
    width = max((len(name) for name, _ in lines), default=0)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in lines) or "There are no numbers yet."


_PEER_COLUMNS = ("PEER", "ID", "STATE", "LAYER", "PICTURE", "FPS", "DELAY", "ROUND TRIP", "LOSS", "")


def status(reply: dict[str, Any]) -> str:
    """How the box is, its peers as a table."""
    lines = [f"{reply['name']} ({reply['id']}): {_state(reply)}"]
    joining = reply["joining"]
    if reply["state"] == "in-call":
        lines.append(_door(joining))
        if (strangers := reply.get("strangers", {})).get("shut_out"):
            lines.append(_shut_out(strangers))
    if held := [room for room in reply["rooms"] if not room["active"]]:
        lines.append("On hold: " + ", ".join(_held(room) for room in held))
    boxes = reply["boxes"]
    if boxes:
        named = (f"{b['name']} ({b['address']}{'' if b['present'] else ', gone'})" for b in boxes)
        lines.append("Boxes seen: " + ", ".join(named))
    else:
        lines.append("Boxes seen: none")
    if reply.get("echo_control"):
        lines.append(f"Echo control: {reply['echo_control']}")
    if reply["peers"]:
        lines += ["", *_table([_PEER_COLUMNS, *(_peer(peer) for peer in reply["peers"])])]
    noted = {name: count for name, count in reply["counters"].items() if count}
    if noted:
        lines += ["", "Counted: " + ", ".join(f"{name} {count}" for name, count in noted.items())]
    return "\n".join(lines)


def _state(reply: dict[str, Any]) -> str:
    match reply["state"]:
        case "idle":
            return "in no meeting"
        case "joining":
            return f"joining room {reply['room']}"
        case "in-call":
            others = len(reply["peers"])
            company = {0: "alone", 1: "with one other box"}.get(others, f"with {others} other boxes")
            return f"in room {reply['room']}, {company}"
        case other:
            return str(other)


def _held(room: dict[str, Any]) -> str:
    company = ", ".join(room["peers"]) or "nobody else"
    return f"room {room['room']} ({company})"


def _door(joining: dict[str, Any]) -> str:
    if not joining["open"]:
        return "Closed to newcomers"
    seconds = joining["closes_in_s"]
    if seconds is None:
        return "Open to newcomers"
    whole = max(0, round(seconds))
    return f"Open to newcomers for {whole // 60}:{whole % 60:02d}"


def _shut_out(strangers: dict[str, Any]) -> str:
    wait = strangers["again_in_s"]
    told = "until somebody admits one" if wait is None else f"for {max(0, round(wait))} s more"
    admitted = "; one may try now" if strangers["admitted"] else ""
    return f"Newcomers are shut out after {strangers['wrong']} wrong passwords, {told}{admitted}"


def _peer(peer: dict[str, Any]) -> tuple[str, ...]:
    marks = [word for word in ("muted", "speaking") if peer[word] and not peer["held"]]
    if peer["held"]:
        marks.append("on hold")
    sending = peer["sending"]
    if sending["capped_by"]:
        gets = f"only {sending['layer']}" if sending["layer"] else "no picture"
        marks.append(f"gets {gets} ({sending['capped_by']})")
    size = f"{peer['width']}x{peer['height']}" if peer["width"] else "-"
    loss = "-" if peer["loss"] is None else f"{100 * peer['loss']:.1f} %"
    return (
        peer["name"], peer["id"], peer["state"], peer["layer"] or "-", size, f"{peer['fps']:.1f}",
        _ms(peer["latency_ms"]), _ms(peer["rtt_ms"]), loss, ", ".join(marks),
    )  # fmt: skip


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} ms"


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
