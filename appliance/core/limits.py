"""Every bound in meetingbox: its value, its unit, and why it is not larger or smaller.

A queue, a time-out or a size that is not named here does not exist. Grouped by layer.
Sizes are bytes and times are seconds unless the name says otherwise.
"""

from __future__ import annotations

# --- Rooms and names -----------------------------------------------------------------------
ROOM_MIN = 1  # the ancestor's channels are numbered 1..1000; a keypad types three digits at most
ROOM_MAX = 1000
PASSWORD_MIN_CHARS = 4  # shorter ones fall to the few online guesses an hour
PASSWORD_MAX_CHARS = 64  # a sentence; more is a paste gone wrong
NAME_MAX_BYTES = 48  # UTF-8; mDNS allows 63 in a label, a tile shows about 40

# --- Boxes in one room ------------------------------------------------------------------------
PEERS_MAX = 15  # remote peers in one room: the grid has 16 tiles, a mesh saturates a small computer before

# --- Life of a link -----------------------------------------------------------------------------
HEARTBEAT_EVERY = 1.0  # over the data channel
SILENT_AFTER = 3.0  # no heartbeat for so long: the tile says "reconnecting"
GONE_AFTER = 30.0  # silent for so long: the tile is removed with a notice
JOINING_MINUTES_MAX = 24 * 60  # a joining window longer than a day is a door without a lock
