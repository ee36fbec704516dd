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

# --- Joining a room --------------------------------------------------------------------------------
JOIN_ALONE_AFTER = 0.7  # no challenge so long after every server was reached: we are the first one here
JOIN_SETTLE = 0.3  # after a refusal: another member's acceptance may still be on its way
JOIN_GIVE_UP_AFTER = 6.0  # a person waits no longer; above the 3 s of a proof and the 5 s of a handshake
MESH_REPAIR_AFTER = 2.0  # a member names a peer that we don't know for so long: say hello again
MESH_REPAIR_EVERY = 3.0  # at most this often, so that a false roster costs little

# --- The joining window ---------------------------------------------------------------------------
DOOR_COUNTER_JUMP_MAX = 16  # more changes than people make between two hellos: somebody runs the counter up
DOOR_COUNTER_MAX = 2**32 - 1  # u32 on the wire

# --- One peer ---------------------------------------------------------------------------------------
IDENTIFY_WITHIN = 3.0  # proven, but no identity inside the seal: the pair is dropped
LINE_WITHIN = 1.0  # the smaller box id dials; after this the other one tries
LINE_REDIAL_EVERY = 2.0  # a line that was lost, not refused
CONNECT_WITHIN = 8.0  # offer to a data channel that is open, on the slowest LAN we know
OFFER_RETRIES = 3  # new connections for one break, before the peer is given up
CONTROL_MAX_BYTES = 4096  # one message on the data channel

# --- Configuration file -------------------------------------------------------------------------
CONFIG_MAX_BYTES = 256 * 1024  # a thousand times the commented default; more is the wrong file
SERVERS_MAX = 16  # further signaling servers: each costs one connection while joining
INTERFACES_MAX = 16  # network interfaces named in the file: more than a computer of ours has
INTERFACE_NAME_MAX_BYTES = 15  # the kernel's IFNAMSIZ without its closing zero
PRESETS_MAX = 8  # rooms on the home screen: as many as stay readable from three metres
TOKEN_MAX_CHARS = 128  # travels in every URL
SERVER_URL_MAX_CHARS = 512  # a template with a long path; the request line of a server ends at 8 kB
SOURCE_MAX_CHARS = 4096  # file:PATH and the like: the kernel's PATH_MAX
SCREEN_WIDTH_MIN, SCREEN_WIDTH_MAX = 320, 7680  # pixels: a small touch panel to 8K
SCREEN_HEIGHT_MIN, SCREEN_HEIGHT_MAX = 240, 4320  # pixels
TEST_VOICE_MAX = 15  # test:N makes as many sounds that can be told apart as a room has remote peers

# --- Control socket -----------------------------------------------------------------------------
CONTROL_CLIENTS_MAX = 16  # connections at once: scripts, a monitor, a person at a terminal
CONTROL_LINE_MAX = 16 * 1024  # a request: the longest is a screenshot's path of PATH_MAX bytes
CONTROL_REPLY_MAX = 1024 * 1024  # a reply: statistics of 15 peers are some 50 kB
CONTROL_MALFORMED_MAX = 32  # malformed requests before a connection is closed: a person's typing errors
CONTROL_HANDLER_TIMEOUT = 30.0  # a request: joining and the doctor's slowest probe take less
CONTROL_CLIENT_TIMEOUT = 40.0  # the client waits longer than the server, to read its refusal
CONTROL_WRITE_TIMEOUT = 5.0  # a client that does not read its reply for so long is cut off
CONTROL_BACKLOG = 16  # connections the kernel holds until they are accepted
CONTROL_CLAIM_TIMEOUT = 2.0  # another box that is just taking the same socket is done long before
SOCKET_PATH_MAX_BYTES = 107  # the kernel's sun_path without its closing zero
PEER_ID_MAX_CHARS = 64  # a peer's id or name as typed by a person

# --- Network interfaces ---------------------------------------------------------------------------
INTERFACE_SETTLE = 0.2  # a cable or a lease makes a burst of kernel events: look once when it is over
INTERFACE_POLL_EVERY = 5.0  # where the kernel's events can't be had (a locked-down container)

# --- Discovery ------------------------------------------------------------------------------------
BOXES_MAX = 64  # boxes known at once: a flood of forged records fills a list, not the memory
BOX_ADDRESSES_MAX = 8  # addresses kept of one box: wired, wireless, IPv4 and IPv6, and some to spare
BOX_TXT_MAX_BYTES = 512  # ours is under 64; RFC 6763 section 6.2 asks for 200 or less
BOX_RESOLVE_WITHIN = 3.0  # to ask for a box's port and addresses when its record came without them
BOX_PROBE_EVERY = 4.0  # a box that crashed lingers in mDNS for 75 minutes; noticed after one or two of these
BOX_PROBE_GONE_EVERY = 10.0  # a box marked gone costs less, and mDNS usually tells sooner that it is back
BOX_PROBE_WITHIN = 1.0  # a TCP connection on a LAN takes 1 ms, one on a bad Wi-Fi 300 ms
BOX_PROBE_AGAIN_AFTER = 1.0  # a probe that went unanswered is repeated so soon
BOX_MISSES_MAX = 2  # unanswered probes in a row until a box is gone: one lost packet is not an absence
GOODBYE_WITHIN = 1.0  # to leave mDNS: three goodbyes 125 ms apart, and to close its sockets

# --- Signaling server -----------------------------------------------------------------------------
RELAY_MESSAGE_MAX = 64 * 1024  # a sealed offer is under 10 kB, an ancestor's with all candidates under 32
RELAY_FRAMES_PER_S = 100.0  # of one client: 15 peers' handshakes and candidates take some 40 a second
RELAY_FRAMES_BURST = 400  # an ancestor joining 15 peers with 20 candidates each says 300 at once
RELAY_CLIENTS_PER_ADDRESS = 48  # connections of one address: 16 boxes of one demo in one room and their lines
RELAY_CLIENTS_PER_ROOM = 64  # 16 boxes, and strangers who knock
RELAY_CONNECTIONS_MAX = 256  # of the whole server, handshakes included: some 20 kB of memory each
RELAY_HANDSHAKE_WITHIN = 3.0  # from the TCP connection to the WebSocket's opening
RELAY_FIRST_FRAME_WITHIN = 60.0  # who joined a room and said nothing for so long is no box
RELAY_BACKLOG_MAX = 256 * 1024  # unsent to one client: four of the largest messages, then it is cut off
RELAY_PING_EVERY = 5.0  # keepalive: a cut cable is noticed within 10 s, websockets' default needs 40
RELAY_PING_WITHIN = 5.0
RELAY_CLOSE_WITHIN = 1.0  # for the other side's half of the closing handshake
RELAY_QUEUE_FRAMES = 16  # received and not yet relayed; then TCP holds the sender back
RELAY_LISTEN_BACKLOG = 64  # connections the kernel holds until they are accepted
RELAY_BIND_AGAIN_EVERY = 2.0  # an address that could not be bound: it may still be in somebody's hands
RELAY_ADDRESSES_MAX = 32  # addresses a server listens on: INTERFACES_MAX with two each

# --- Signaling client -----------------------------------------------------------------------------
RELAYS_MAX = 96  # servers dialled for one room: our own, SERVERS_MAX, BOXES_MAX and some of the cache
DIAL_WITHIN = 2.0  # to open one server: TCP and WebSocket; a LAN needs 5 ms
DIAL_STAGGER = 0.25  # between two addresses of one server: RFC 8305 section 5
DIAL_AGAIN_MIN = 0.25  # first wait before dialling again; doubles
DIAL_AGAIN_MAX = 10.0  # a box that comes back is reached within this even when mDNS is silent
DIAL_REFUSED_AGAIN = 30.0  # a server that said no (wrong token, closed room) says it again
DIAL_STEADY_AFTER = 5.0  # open for so long: the next loss starts again with the shortest wait
RELAY_ERROR_MAX_CHARS = 200  # of a server's {"error": ...}, which a person may read

# --- Direct line ----------------------------------------------------------------------------------
LINE_MESSAGE_MAX = 64 * 1024  # as on a relay
LINE_BACKLOG_MAX = 64 * 1024  # unsent bytes; then send() waits
LINE_QUEUE_FRAMES = 16  # received and not yet taken; then TCP holds the sender back
LINE_PING_EVERY = 0.7  # keepalive: with the two below a silent line ends within 2.8 s, ...
LINE_PING_WITHIN = 1.8  # ... long enough for three lost packets in a row (200, 400, 800 ms) ...
LINE_CLOSE_WITHIN = 0.3  # ... and before the tile says "reconnecting" (SILENT_AFTER)

# --- Camera process ---------------------------------------------------------------------------
CAMERA_SILENT_AFTER = 2.0  # wanted pictures that do not come for so long: the process is killed, restarted
CAMERA_OPENING_MAX = 10.0  # a Pi's camera stack takes 3 s to import and open; a wedged driver takes for ever
CAMERA_END_WAIT = 1.0  # a process that was told to end, then one that was killed; longer: abandoned
CAMERA_RETRY_EVERY = 2.0  # a missing camera is looked for so often: soon enough after plugging it in
CAMERA_RESTART_DELAYS = (0.0, 0.5, 1.0, 2.0, 5.0)  # after the 1st, 2nd, … failure in a row; the last repeats
CAMERA_STEADY_AFTER = 10.0  # pictures for so long: the next failure counts as the first again
CAMERA_IDLE_RELEASE = 3.0  # nobody wants a picture for so long: the device is closed, its light goes out
CAMERA_READ_WAIT = 0.1  # one wait for a picture: how late a command may be read while a camera is slow
CAMERA_STALE_AFTER = 0.1  # a captured picture older than this is skipped, undecoded: late is worse than lost
CAMERA_NICE = 5  # the network thread and the sound go first on a busy machine
KEYFRAME_EVERY = 10.0  # a keyframe without a request: only a safety net, it costs ten ordinary pictures
KEYFRAME_REPEAT_AFTER = 0.5  # requests of all receivers within this time are answered by one keyframe
ENCODER_VBV_SECONDS = 0.5  # of bitrate that a burst may take at once: a keyframe fits, a LAN port holds it
CAMERA_MESSAGE_MAX_BYTES = 60_000  # one message of the socket pair; larger pictures go in pieces
CAMERA_SOCKET_BYTES = 1 << 20  # asked of the kernel: over a second of every layer (it may give 208 kB)
CAMERA_MESSAGES_PER_WAKE = 64  # read at once before the network loop serves others
ENCODED_FRAME_MAX_BYTES = 1 << 20  # a 720p keyframe of noise has about 300 kB
SELF_VIEW_MAX_PIXELS = 1920 * 1080  # of the preview; the memfd has two of it, untouched pages cost nothing
