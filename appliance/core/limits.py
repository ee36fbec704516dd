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
PEERS_OVER_MAX = 256  # peers of one join that left or were closed by a person, remembered
PEERS_MAX = 15  # remote peers in one room: the grid has 16 tiles, a mesh saturates a small computer before
MEMBERS_MAX = 30  # and those that are away beside them: each has a line that is dialed now and then
DEADLINES_EVERY = 0.01  # s: a room looks for its next deadline so often at most; none is nearer than 50 ms
ROOMS_MAX = 4  # rooms a box is in at once: each but one costs its peers' heartbeats and 15 open sockets

# --- Life of a link -----------------------------------------------------------------------------
HEARTBEAT_EVERY = 1.0  # over the data channel
SILENT_AFTER = 3.0  # no heartbeat for so long: the tile says "reconnecting"
GONE_AFTER = 30.0  # silent for so long: the tile is removed with a notice
MEMBERSHIP_KEPT = 600.0  # out of reach for so long: who comes back sooner needs no password
VANISHED_AFTER = 2.0  # no heartbeat for so long, and its line refuses: gone. Two beats and a repair
JOINING_MINUTES_MAX = 24 * 60  # a joining window longer than a day is a door without a lock

# --- Joining a room --------------------------------------------------------------------------------
JOIN_ALONE_AFTER = 0.7  # no challenge so long after every server was reached: we are the first one here
JOIN_SETTLE = 0.3  # after a refusal: another member's acceptance may still be on its way
JOIN_PENDING_SETTLE = 1.5  # the same while handshakes are under way: an acceptance takes a tenth of that
UNANSWERED_AFTER = 2.0  # others are in the room and none answers a newcomer: a handshake takes 0.1 s
JOIN_GIVE_UP_AFTER = 6.0  # a person waits no longer; above the 3 s of a proof and the 5 s of a handshake
MESH_REPAIR_AFTER = 2.0  # a member names a peer that we don't know for so long: say hello again
MESH_REPAIR_EVERY = 3.0  # at most this often, so that a false roster costs little
INTRODUCE_AFTER = 5.0  # the same while the door is open: hellos did not help, so a member introduces
INTRODUCE_EVERY = 3.0  # between two introducers that are asked for the same peer
INTRODUCTION_WITHIN = 5.0  # from the first message to the last: six hops on a LAN, on busy boxes
INTRODUCTIONS_MAX = 16  # under way at once: a full room
INTRODUCTIONS_BURST = 48  # messages of one peer at once: it carries three for each of 15 others
INTRODUCTION_EVERY = 0.5  # and one more so often; each costs four signature checks at most

# --- Arriving in a crowd ---------------------------------------------------------------------------
ARRIVAL_CROWD = 3  # connections to be built at once, from which a box that arrives keeps quiet
ARRIVAL_STALL = 3.0  # s after the last one was found or built: who can't be reached is not waited for longer
ARRIVAL_LINGER = 0.7  # s after all are built: the others still build theirs with each other
ARRIVAL_MAX = 8.0  # s in all
ARRIVAL_FPS = 5  # pictures a second meanwhile: a face that moves
ARRIVAL_VIEWS_EVERY = 0.25  # s from one view to the next on the screen meanwhile

# --- The joining window ---------------------------------------------------------------------------
DOORS_BURST = 8  # changes of the joining window that we follow at once
DOOR_EVERY = 2.0  # and one more so often; each opens or closes every relay connection
DOOR_COUNTER_JUMP_MAX = 16  # more changes than people make between two hellos: somebody runs the counter up
DOOR_COUNTER_MAX = 2**32 - 1  # u32 on the wire

# --- One peer ---------------------------------------------------------------------------------------
IDENTIFY_WITHIN = 3.0  # proven, but no identity inside the seal: the pair is dropped
LINE_WITHIN = 1.0  # the smaller box id dials; after this the other one tries
LINE_RESET_REDIAL = 0.25  # after a reset that was not followed by a refusal
LINE_RESET_REDIALS = 4  # so many times
LINE_REDIAL_EVERY = 2.0  # a line that never came up, or whose keys are used up
LINE_LOST_REDIAL = 0.5  # after a dial into silence, which takes LINE_WITHIN: a cable heals within two seconds
LINE_LOST_QUICK_FOR = 120.0  # silent for so long: it is dialed less often, ...
LINE_LOST_REDIAL_MAX = 4.0  # ... every five seconds: what keeps a box away for minutes is no cable
LINE_REFUSED_FOR = 1.0  # refused so long after a reset: nobody is there; a server that moves is back sooner
LINE_REFUSED_SILENT = 3.0  # the same after silence: a cable that was put in again takes a second to be seen
LINE_RENEW_AFTER = 6 * 3600.0  # a line gets new keys long before its secret (12 h) or its seal (24 h) ends
OFFERS_BURST = 4  # offers of one peer at once; each costs a certificate and sockets
OFFER_EVERY = 2.0  # and one more so often: faster than any connection that heals needs
CONNECT_WITHIN = 8.0  # offer to a data channel that is open, on the slowest LAN we know
CHECK_WITHIN = 2.5  # answer to the first ICE check that came through, while healing; checks thin out after it
HEAL_QUICK_FOR = 120.0  # out of reach over UDP for so long: new connections are tried less often
MOVES_BURST = 4  # changes of a peer's addresses at once; each makes a connection
MOVE_EVERY = 2.0  # and one more so often: no DHCP server renumbers faster
OFFER_RETRIES = 3  # new connections for one break, before the peer is given up
CONTROL_MAX_BYTES = 4096  # one message on the data channel

# --- Proving the password --------------------------------------------------------------------------
HANDSHAKES_MAX = 8  # challenges out at once of one box: each keeps a PAKE half done
HANDSHAKES_PER_ADDRESS = 2  # of them answering hellos that came over one address
HELLOS_WAITING_MAX = 16  # verified hellos that wait for a challenge: a full room that starts at once
CHALLENGES_BURST = 8  # challenges at once after a quiet time, then one every ...
CHALLENGE_EVERY = 0.5  # ... so long: a flood of hellos costs 2 PAKE starts (1 ms) a second
CHALLENGE_WITHIN = 5.0  # from a challenge to its proof; a hello waits as long for its challenge
CHALLENGE_HELD = 4.0  # a challenge we can't answer yet is kept; CHALLENGE_WITHIN less the way there
PROOF_WITHIN = 3.0  # from a proof to its acceptance, then it counts as a guess
STRANGER_PROOFS_MAX = 2  # unconfirmed proofs at once until the first acceptance
ROSTER_PROOFS_MAX = 8  # unconfirmed proofs at once to peers that a roster names
MERGE_PROOFS_MAX = 2  # proofs of one key press to strangers after the first acceptance, when they ask for it
TURN_AFTER = 0.3  # a roster that names a challenger comes sooner; then the other side may prove instead
HELLOS_REMEMBERED = 128  # nonces of hellos that were answered: they come over every relay
FAILED_REMEMBERED = 32  # peers whose handshake failed
INTRODUCED_MAX = 64  # peers that rosters named: four times a full room

# --- Guesses ----------------------------------------------------------------------------------------
GUESSES_PER_PRESS = 5  # proofs a joiner may lose to impostors for one key press, retries included
GUESSES_PER_ROOM = 10  # ... and in one room within GUESSES_SPAN
GUESSES_SPAN = 3600.0
STRANGER_GUESSES = 5  # wrong proofs of strangers in one room, at all members together, within ...
STRANGER_GUESSES_SPAN = 600.0  # ... this: 720 a day, a 6-digit PIN lasts years; never faster than 5, then
STRANGER_GUESS_EVERY = STRANGER_GUESSES_SPAN / STRANGER_GUESSES  # ... one more after so long
STRANGER_EVENTS_MAX = 64  # wrong proofs remembered of one room and told: WRONG_PROOFS_MAX and some
STRANGER_EVENT_AGE_MAX = 24 * 3600.0  # told of one; an older one is told as if it were so old
WRONG_PROOF_PAUSE = (
    0.25  # until a member looks at the next stranger's proof: the others have heard of it then
)
ADMIT_FOR = 60.0  # a person admits one stranger: who stands in front of a keypad is done by then
MET_GUESSES = 5  # wrong proofs of one box that was met before or that a member named, within MET_GUESSES_SPAN
MET_GUESSES_SPAN = 600.0
MET_REMEMBERED = 64  # peers that proved themselves in one join
OWN_BUDGETS_MAX = 128  # of boxes met before and peers named, in one room: INTRODUCED_MAX and some
WRONG_PROOFS_MAX = 50  # of strangers in one meeting; after that a person admits them by hand

# --- Abuse on the screen -----------------------------------------------------------------------------
ABUSE_LOOK_EVERY = 1.0  # at the counters: nobody reads faster, and it costs some microseconds
ABUSE_LINE_EVERY = 60.0  # between two lines on the screen, and two lines of one kind in the log
ABUSE_OVER_AFTER = 10.0  # nothing of its kind for so long: it is over
FLOOD_FROM = 50  # dropped or held back within FLOOD_SPAN: an unlucky join has a handful
FLOOD_SPAN = 10.0

# --- Boxes met before --------------------------------------------------------------------------------
MET_KEYS_PER_ROOM = 32  # acquaintance keys of one room, two a box: as many boxes as a room holds
MET_KEYS_PER_BOX = 2  # the newest, and the one before it: one side may not have got the newest
MET_KEYS_MAX = 512  # in all rooms: sixteen full ones, 70 kB on disk
MET_HELLOS_REMEMBERED = 256  # nonces of known boxes' hellos: a recorded one occupies nobody twice
MET_CHALLENGES_PER_BOX = 2  # challenges out at once for one box met before

# --- The whole mesh, as its members tell it -----------------------------------------------------------
LINKS_LOOK_EVERY = 1.0  # at a link's quality; receiver reports come about as often
LINKS_EVERY = 2.0  # between two words about our links to one member, when something changed
LINKS_AGAIN = 10.0  # the same when nothing did: figures move, and a word may be lost with its connection
LINKS_KEPT = 25.0  # what a member told: two more words should have come by then
LINKS_HEARD_BURST = 4  # words of one member at once: a new connection begins with one
LINKS_HEARD_EVERY = 1.0  # and one more so often
LINK_MISSING_AFTER = 5.0  # a member does not name another for so long: they don't see each other
LINK_RTT_MAX_MS = 60_000  # told; as long as a heartbeat may be held
MESH_SENTENCES = 3  # on the screen; the picture shows the rest
NO_PICTURE_AFTER = 10.0  # a camera that is on, and nothing comes: longer than a keyframe or a restart takes

# --- The seal and the direct line -----------------------------------------------------------------
SEALED_MAX_BYTES = 32 * 1024  # plaintext; an SDP has under 10 kB, and in base64 it still fits a relay's frame
SEAL_FRAMES_MAX = 2**20  # frames under one key: years of signaling, far below the cipher's bound
SEAL_LIFETIME = 24 * 3600.0  # of a key
ADDRESSES_MAX = 8  # addresses at which a box says its own server is
LINE_SECRETS_MAX = 64  # boxes that were met and may dial a direct line
LINE_SECRETS_PER_PAIR = 4  # the newest, the one before it, and those of two dials that crossed
LINE_CROSSED_WITHIN = 10.0  # two lines dialed at once are up within this, or not at all
LINE_SECRET_LIFETIME = 12 * 3600.0  # a working day: tomorrow a box types the password again
REJOIN_WITHIN = 15.0  # a restarted box looks for the members so long: all of them may restart at once
REJOIN_GENERATIONS = 1 << 16  # above the last one kept: an offer every 2 s for 12 h makes a third of it
REJOIN_MAX_BYTES = 256 * 1024  # of what is kept: four full rooms have 100 kB
LINE_FAILURES_MAX = 10  # failed line handshakes of one address within LINE_FAILURES_SPAN
LINE_FAILURES_SPAN = 60.0
LINE_ADDRESSES_REMEMBERED = 256  # addresses with failures

# --- Configuration file -------------------------------------------------------------------------
CONFIG_MAX_BYTES = 256 * 1024  # a thousand times the commented default; more is the wrong file
SERVERS_MAX = 16  # further signaling servers: each costs one connection while joining
INTERFACES_MAX = 16  # network interfaces named in the file: more than a computer of ours has
INTERFACE_NAME_MAX_BYTES = 15  # the kernel's IFNAMSIZ without its closing zero
PRESETS_MAX = 6  # rooms on the home screen: PRESETS_SHOWN
TOKEN_MAX_CHARS = 128  # travels in every URL
SERVER_URL_MAX_CHARS = 512  # a template with a long path; the request line of a server ends at 8 kB
SOURCE_MAX_CHARS = 4096  # file:PATH and the like: the kernel's PATH_MAX
TEST_VOICE_MAX = 7  # test:N, from 0: eight known sounds can be told apart in one room

# --- The card of an appliance ---------------------------------------------------------------------------
SSID_MAX_BYTES = 32  # IEEE 802.11
WIFI_KEY_ROUNDS = 4096  # of PBKDF2, IEEE 802.11 J.4
WIFI_KEY_BYTES = 32
TIME_ZONE_MAX_CHARS = 64  # the longest name of the IANA database has 32
SSH_KEYS_MAX = 16  # administrators of a box
SSH_KEY_MAX_CHARS = 4096  # RSA of 16384 bits has 2,800
PROVISION_FILE_MAX_BYTES = 2 * CONFIG_MAX_BYTES  # what is kept of a card: its text as JSON, and its secrets
PROBLEM_FILE_MAX_BYTES = 16 * 1024  # one sentence with its gaps
CARDS_MAX = 1000  # made from one list: more is the wrong file
CARD_LIST_MAX_BYTES = 1024 * 1024
MOUNT_WITHIN = 20.0  # a card that is mounted anew: it writes what it has yet to write
COMMAND_WITHIN = 60.0  # any other command of the system: it writes a few kB

# --- Settings and the admin PIN ----------------------------------------------------------------------
PIN_DIGITS_MIN = 4  # typed on a number pad in front of everybody; five tries a minute protect it
PIN_DIGITS_MAX = 12  # what people remember as a number
PIN_TRIES = 5  # wrong PINs within PIN_TRIES_SPAN, then the screen waits
PIN_TRIES_SPAN = 60.0
PIN_WAIT = 60.0  # the first wait; each one after it in a row is twice as long ...
PIN_WAIT_MAX = 960.0  # ... up to this: guessed day and night, a 4-digit PIN lasts eleven days on average
PIN_FORGOTTEN_AFTER = 3600.0  # after a wait: the morning's errors are not held against the evening
PIN_COST = (1 << 15, 8, 1)  # scrypt's N, r, p: 32 MB and a tenth of a second, on a Raspberry Pi half of one
PIN_MEMORY = 64 << 20  # that scrypt may take: twice what these need
PIN_PARALLEL_MAX = 4  # scrypt's p in a file: more is no file of ours, and takes seconds
PIN_SALT_BYTES = 16
PIN_HASH_BYTES = 32
PIN_FILE_MAX_BYTES = 4096  # of the file with the hash, which has some 300
PIN_HASH_MAX_CHARS = 128  # of the hash as one word: it has 87
CHOICES_MAX = 24  # cameras, microphones or loudspeakers to choose from: a computer has five
DEVICES_LOOK_EVERY = 2.0  # while somebody chooses: what is plugged in then appears in the list
SETTINGS_LEFT_AFTER = 180.0  # nobody touched the settings for so long: they close, and the camera with them
RESET_ASKED_FOR = 10.0  # a question of the factory reset waits so long: two sentences are read in 5 s
TEST_SOUND_SECONDS = 1.4  # of the loudspeaker's test: three notes that die away
TEST_SOUND_TAIL = 0.3  # until it has left the sound card
TEST_SOUND_PEAK = 0.25  # of full scale: as loud as a person who speaks

# --- Control socket -----------------------------------------------------------------------------
CONTROL_CLIENTS_MAX = 16  # connections at once: scripts, a monitor, a person at a terminal
CONTROL_LINE_MAX = 16 * 1024  # a request: the longest is a screenshot's path of PATH_MAX bytes
CONTROL_REPLY_MAX = 1024 * 1024  # a reply: statistics of 15 peers are some 50 kB
CONTROL_MALFORMED_MAX = 32  # malformed requests before a connection is closed: a person's typing errors
CONTROL_HANDLER_TIMEOUT = 30.0  # a request: joining and the doctor's slowest probe take less
CONTROL_CLIENT_TIMEOUT = 40.0  # the client waits longer than the server, to read its refusal
CONTROL_WRITE_TIMEOUT = 5.0  # a client that does not read its reply for so long is cut off
CONTROL_BACKLOG = 16  # connections the kernel holds until they are accepted
DOCTOR_PROBE_WITHIN = 8.0  # one look at a device: libcamera needs 3 s; twice this is under the line above
DOCTOR_AT_ONCE = 4  # looks at the same time: each is a process of its own, and the box may be in a call
DOCTOR_BROWSE = 1.2  # listening for other boxes: an mDNS answer may be delayed by 0.5 s (RFC 6762, 6)
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
BOX_ASKS_MAX = 3  # times that a box is asked again which did not answer that
BOX_ASK_AGAIN_AFTER = 1.0  # the first time; then twice and three times as long
BOX_PROBE_EVERY = 4.0  # a box that crashed lingers in mDNS for 75 minutes; noticed after one or two of these
BOX_PROBE_GONE_EVERY = 10.0  # a box marked gone costs less, and mDNS usually tells sooner that it is back
BOX_PROBE_WITHIN = 1.0  # a TCP connection on a LAN takes 1 ms, one on a bad Wi-Fi 300 ms
BOX_PROBE_AGAIN_AFTER = 1.0  # a probe that went unanswered is repeated so soon
BOX_MISSES_MAX = 2  # unanswered probes in a row until a box is gone: one lost packet is not an absence
BOX_PROBED_OFTEN = 12  # boxes; of more, each is probed less often: three probes a second for all together
BOX_GREETING_EVERY = 0.25  # between two announcements for newcomers: RFC 6762 section 6 allows it for probes
BOX_GREETING_SHARE = 0.05  # ... and so much per box known: 60 that start at once make 20 of them a second
BOX_MOVED_AGAIN_AFTER = 1.5  # new addresses are told twice: records of the last second outlive the first
BOX_GOODBYE_SETTLE = 1.0  # a box that said goodbye closes its server; one that still answers was slandered
GOODBYE_WITHIN = 1.0  # to leave mDNS: three goodbyes 125 ms apart, and to close its sockets

# --- Addresses that were good before -----------------------------------------------------------------
KNOWN_MAX = 64  # boxes whose address is kept in the state folder, 5 kB
KNOWN_BYTES_MAX = 64 * 1024  # of that file: 64 boxes with eight addresses each are 30 kB
KNOWN_DIALED_MAX = 15  # of them, dialled beside what discovery finds now: a meeting has no more boxes
ELSEWHERE_MAX = 31  # places that home asks after: KNOWN_DIALED_MAX and SERVERS_MAX
ELSEWHERE_EVERY = 60.0  # from one look at each to the next: a TCP connection to each costs both ends little
ELSEWHERE_WITHIN = 1.0  # to connect: a network that takes longer carries no meeting
ELSEWHERE_SETTLE = 1.0  # after news of boxes: several come together
KNOWN_SAVED_AFTER = 5.0  # news of addresses is written so late: joining is no time for a slow SD card
KNOWN_MISSES_MAX = 30  # joins in a row that did not reach it: about a month of meetings, then it is forgotten
ADDRESS_MAX_CHARS = 64  # typed: an IPv6 address with brackets and a port has 47

# --- Signaling server -----------------------------------------------------------------------------
RELAY_MESSAGE_MAX = 64 * 1024  # a sealed offer is under 10 kB, an ancestor's with all candidates under 32
RELAY_FRAMES_PER_S = 100.0  # of one client: 15 peers' handshakes and candidates take some 40 a second
RELAY_FRAMES_BURST = 400  # an ancestor joining 15 peers with 20 candidates each says 300 at once
RELAY_ADDRESS_FRAMES_PER_S = 150.0  # of all clients of one address together: below RELAY_HEARD_PER_S
RELAY_ADDRESS_FRAMES_BURST = 1000  # a demo of 16 boxes on one computer that join at once
RELAY_OWED_MAX = 5.0  # a frame that had to wait longer ends its sender instead, with all that it queued
RELAY_CROWD = 16  # clients in a room up to which a frame counts as one; it costs us a copy for each
RELAY_HEARD_PER_S = 200.0  # frames of one server that a box listens to: each may cost a signature check
RELAY_HEARD_BURST = 2000  # 16 boxes that join at once: 120 pairs, a dozen frames each
RELAY_FRAME_CHARS = 2048  # a longer frame counts as several: 64 kB ones pass at 3 a second
RELAY_CLIENTS_PER_ADDRESS = 48  # connections of one address: 16 boxes of one demo in one room and their lines
RELAY_ROOM_CLIENTS_PER_ADDRESS = 20  # of them in one room: those 16 boxes and a few that reconnect
RELAY_CLIENTS_PER_ROOM = 64  # 16 boxes, and strangers who knock
RELAY_CONNECTIONS_MAX = 256  # of the whole server, handshakes included: some 20 kB of memory each
RELAY_CROWDED_FROM = 8  # connections of one address that a full server may end to make room for another
RELAY_ARRIVALS_PER_S = 40.0  # connections of one address: each costs a millisecond; 16 boxes probe 4 a second
RELAY_ARRIVALS_BURST = 128  # a demo of 16 boxes that join, with their lines and probes
RELAY_ADDRESSES_REMEMBERED = 256  # addresses whose arrivals and frames are counted
RELAY_REFUSED_PER_WAKE = 32  # connections reset in a row before the loop serves others: 20 us each
RELAY_HANDSHAKE_WITHIN = 3.0  # from the TCP connection to the WebSocket's opening
RELAY_FIRST_FRAME_WITHIN = 60.0  # who joined a room and said nothing for so long is no box
RELAY_BACKLOG_MAX = 256 * 1024  # unsent to one client: four of the largest messages, then it is cut off
RELAY_PING_EVERY = 5.0  # keepalive: a cut cable is noticed within 10 s, websockets' default needs 40
RELAY_PING_WITHIN = 5.0
RELAY_CLOSE_WITHIN = 1.0  # for the other side's half of the closing handshake
RELAY_READ_BYTES = 32 * 1024  # read from one client at once; asyncio's 256 kB are four large frames
RELAY_QUEUE_FRAMES = 2  # received and not yet relayed; then TCP holds the sender back
RELAY_LISTEN_BACKLOG = 64  # connections the kernel holds until they are accepted
RELAY_BIND_AGAIN_EVERY = 2.0  # an address that could not be bound: it may still be in somebody's hands
SERVE_TELL_EVERY = 60.0  # one line of counters in the log of `meetingbox serve`, if anything happened
RELAY_ADDRESSES_MAX = 32  # addresses a server listens on: INTERFACES_MAX with two each

# --- Signaling client -----------------------------------------------------------------------------
RELAYS_MAX = 96  # servers dialled for one room: our own, SERVERS_MAX, KNOWN_DIALED_MAX and BOXES_MAX
DIALS_AT_ONCE = 4  # found servers dialled in one moment, the likeliest first; the others follow one ...
DIAL_PACE = 0.1  # ... after the other: each costs this box and that one some milliseconds
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
CAMERA_SOFTWARE_AFTER = 2  # failures in a row, or with hardware encoders in all: software; one may be chance
CAMERA_SOFTWARE_WITHIN = 3600.0  # ... of the latter: a driver that hangs twice an hour spoils every meeting
CAMERA_FAILING_AFTER = 3  # failures in a row after which the sentence names a remedy: two repair themselves
CAMERA_RATE_SAMPLES = 128  # encoded pictures kept per stream for the rates: four seconds at 30 a second
CAMERA_RATE_WINDOW = 2.0  # that the rates in ``stats`` look back: steady figures that still follow a change
CAMERA_PROBE_EVERY = 5.0  # a camera that nobody uses: is it still there? Asking may wake it up
CAMERA_IDLE_RELEASE = 3.0  # nobody wants a picture for so long: the device is closed, its light goes out
ENCODERS_KEPT = 60.0  # and for so long: the encoders are closed. Who left and comes again finds them there
CAMERA_READ_WAIT = 0.1  # one wait for a picture: how late a command may be read while a camera is slow
CAMERA_STALE_AFTER = 0.1  # a captured picture older than this is skipped, undecoded: late is worse than lost
SOUND_NICE = -10  # of the sound's threads, where the system allows it; see media/priority.py
DECODER_NICE = 3  # of the decode threads: on a busy machine pictures are late before sound has holes
CAMERA_NICE = 5  # the network thread and the sound go first on a busy machine
KEYFRAME_EVERY = 10.0  # a keyframe without a request: only a safety net, it costs ten ordinary pictures
KEYFRAME_REPEAT_AFTER = 0.5  # requests of all receivers within this time are answered by one keyframe
ENCODER_VBV_SECONDS = 0.5  # of bitrate that a burst may take at once: a keyframe fits, a LAN port holds it
ENCODER_IN_FLIGHT_MAX = 16  # pictures inside an encoder; software holds none, hardware a few
ENCODER_SILENT_PICTURES = 15  # taken in a row, and none given out: half a second, then software does it
CAMERA_MESSAGE_MAX_BYTES = 60_000  # one message of the socket pair; larger pictures go in pieces
CAMERA_SOCKET_BYTES = 256 * 1024  # asked of the kernel: about a second of every layer and a large keyframe
CAMERA_MESSAGES_PER_WAKE = 64  # read at once before the network loop serves others
ENCODED_FRAME_MAX_BYTES = 1 << 20  # a 720p keyframe of noise has about 300 kB
SELF_VIEW_MAX_PIXELS = 1920 * 1080  # of the preview; the memfd has two of it, untouched pages cost nothing

# --- The box as a whole ------------------------------------------------------------------------------
WATCHDOG_EVERY = 2.5  # is the display alive? longer than its longest sleep (SCREEN_LOOKED_EVERY)
HEARTBEAT_MISSED = 4  # looks without a sign of life within a watchdog's time, at least, before it bites
HEARTBEAT_FIRST_EVERY = 0.1  # until the first page is drawn: a start is not to look longer than it is
LAG_EVERY = 0.1  # how often the loop's lateness is measured: every look wakes the box
LAG_SAMPLES = 600  # a minute of them
INTENTS_MAX = 64  # intents not handled yet; a person presses a few keys a second
NOTICES_MAX = 8  # notices kept for the screen, newest last
NOTICE_KEPT_FOR = 6.0  # a notice is in the snapshot for so long; the display shows it about 5 s
BOX_SEEN_FOR = 3600.0  # a box that went is listed as "seen ... ago" for an hour
STOP_WITHIN = 4.0  # everything the box owns has ended by then, or is abandoned with a line in the log
LINK_CLOSE_WITHIN = 1.5  # aiortc's close can hang
LINE_SENDS_MAX = 64  # frames that wait for one line; one that takes none of them is closed

# --- Display --------------------------------------------------------------------------------------
INPUT_EVERY = 0.015  # SDL's events are looked at so often: a key waits 20 ms at most, idle costs < 1 % CPU
# Pictures that arrive within this are drawn together. A little more than half of 1/30 s: of 30 pictures a
# second each is seen two updates after the one before, now and then one, never three.
REDRAW_EVERY = 0.0175
REDRAW_SLOWEST = 0.032  # ... where all pictures are slow: 30, or keys would wait too long as well
REDRAW_REST_MAX = 0.25  # after an update that took too long; a key waits for it too
REDRAW_SAME = 0.001  # what came in a pause is there when it ends
REDRAW_MEASURED_OVER = 0.5  # seconds of pictures from which their rate is told
VIEWS_EVERY = 0.05  # what happens in a call is shown so often, apart from what a person did
SNAPSHOTS_EVERY = 0.02  # and told to the display so often: more than it shows, a key's effect waits no longer
REHEARSE_AFTER = 1.0  # seconds at home until what comes after it is drawn ahead: the first page comes first
REHEARSE_EVERY = 300.0  # and again: the clocks of an hour push everything else out of what is kept
REHEARSED_PER_TURN = 0.004  # seconds of it at a time: a key that is pressed meanwhile waits for it
REHEARSAL_PAUSE = 0.02  # seconds between: through in less than a second, and keys, pictures, sound come first
IDLE_WAIT = 0.25  # longest sleep of a display without a screen: who has work wakes it, a signal can't
EVENTS_PER_TURN = 64  # input events handled before the screen is brought up to date
NOTICE_FOR = 5.0  # a notice stays on the screen: two lines are read in 3 s
NOTICES_SHOWN = 3  # at once, newest below; older ones make room
LEAVE_ASKED_FOR = 5.0  # "leave?" or "close?" waits so long for the second press, then it was a slip
LEAVE_TOUCH_GAP = 0.3  # a second touch sooner than this is the same finger's bounce
MENU_FOR = 10.0  # a tile's menu closes by itself so long after the last key or touch: it hides a face
BAR_FOR = 8.0  # in a call the bar hides so long after the last key, touch or move: people, not buttons
RING_FOR = 8.0  # and with it the focus ring
DRAG_FROM = 18.0  # units that a finger moves on a tile until it drags it: more than a press trembles
IDLE_MINUTES_MAX = 24 * 60  # until an idle screen dims or goes off; "never" is 0
IDLE_STEP = (7, 5)  # units that an idle page wanders in a minute: less than a digit's stroke, so it is calm
IDLE_STEPS = (17, 11)  # steps from one end to the other: without a common factor, few places come twice
INPUT_EVERY_IDLE = 0.1  # SDL's events on an idle screen: what comes first only wakes it
ANSWER_WITHIN = 3.0  # from an intent to a snapshot that shows it; then the keypad takes keys again
SPINNER_EVERY = 0.1  # between two positions of a spinner: calm, and 1 % of a core at most
SPINNER_STEPS = 16  # positions in a turn
SCREEN_LOOKED_EVERY = 2.0  # a screen that is open: is it still there, and of this size? 0.1 ms each
FIRST_PAGE_WITHIN = 10.0  # the box is started after the first page; sooner where a screen is so slow
EARLY_INTENTS = 16  # what somebody wished before the box was there
PROVISIONED_WITHIN = 200.0  # longer than meetingbox-provision.service may take
PROVISIONED_LOOK_EVERY = 0.05
DISPLAY_SERVER_WITHIN = 240.0  # as long as the service manager waits for the unit that starts it with the box
SCREEN_SHOWN_WITHIN = 5.0  # until a script is told that the screen is open: a monitor takes a second or two
SCREEN_AGAIN_EVERY = 5.0  # a display that found no screen looks for one: a TV switched on late
SCREENSHOT_WITHIN = 5.0  # from the request to the written file: a 4K PNG takes 1.5 s on a small computer
SCREENSHOTS_WAITING = 4  # requests at once
SCREEN_SIDE_MIN = 240  # pixels; smaller than any panel that a person reads
SCREEN_SIDE_MAX = 4096  # pixels; a larger wish in the configuration is a slip
SCREEN_DRAWN_MAX = (1920, 1200)  # larger screens are drawn at this size and scaled up by SDL: software speed
PICTURE_SIDE_MAX = 4096  # pixels; a larger picture is not decoded
PRESETS_SHOWN = 6  # two rows of three on the home screen
PROBLEMS_SHOWN = 2  # on the home screen, of two lines each; doctor tells the rest
DRAWN_TEXTS_KEPT = 256  # rendered lines of text, 13 kB each: more than any two pages have
DRAWN_TEXTS_TURN = 64  # new lines until those that nobody asked for meanwhile go: a clock makes one a second
TILE_PARTS_MAX = 12  # of a tile that bars and menus leave to be seen; of more it is drawn as a whole
DRAWN_SHAPES_KEPT = 256  # corners, icons, chips and spinner positions
DRAWN_SHAPES_TURN = 32  # new chips, or spinner positions, until those that nobody asked for meanwhile go
FONTS_LOOKED_FOR = 3  # in a Unicode block, or for Chinese: each takes fontconfig some 10 ms
DRAWINGS_KEPT = 4  # pictures of a mesh: the one that is shown, and the one before
FONTS_KEPT = 64  # open fonts: sizes times weights times scripts on the screen
SCRIPTS_KEPT = 64  # Unicode blocks whose font was looked up
FONT_LOOKUP_WITHIN = 2.0  # fontconfig answers in 30 ms; its cache is rebuilt at most once
TEXT_CHARS_MAX = 400  # of one text on the screen; a network's longest name or notice is shorter

# --- Media link: SDP and ICE ----------------------------------------------------------------------
SDP_MAX_BYTES = 16 * 1024  # ours are 5 kB with 16 candidates; a browser's with our codecs is 6 kB
SDP_LINE_MAX_BYTES = 1024  # the longest line of ours is a candidate of some 90 bytes
CANDIDATES_MAX = 16  # distinct addresses of one box; each costs us connectivity checks
DATAGRAMS_BYTES = 512 * 1024  # asked of the kernel for a socket: a newcomer gets half a second of H at once
DATAGRAM_MAX = 2048  # bytes: an Ethernet frame holds 1500; what is longer is cut and does not pass SRTP
DATAGRAMS_PER_WAKE = 16  # read from one socket before the loop serves others: an ordinary frame of H
ICE_QUEUE_MAX = 128  # DTLS and SCTP datagrams between socket and DTLS; then the oldest is dropped
DTLS_REPEAT_AFTER = (
    0.25  # a flight of the handshake is sent again: with 60 ms of round trip it is lost by then
)
DTLS_REPEATS = 3  # so often; then OpenSSL's own time-out of a second comes
SCTP_WINDOW_MAX = 64 * 1024  # bytes of control messages in reassembly: 16 of the largest
SCTP_RTO_INITIAL = 0.5  # first guess of a retransmission time-out; RFC 9260's 3 s is for the Internet
SCTP_RTO_MAX = 1.0  # RFC 9260's 60 s is for the Internet; a link that comes back is heard within it
SCTP_RTT_MAX = 60.0  # a round trip that is longer, or negative: the wall clock was set meanwhile
SCTP_RTO_MIN = 0.2  # a LAN's round trip and a busy loop; RFC 9260's 1 s would delay every repaired message
CONTROL_BUFFERED_MAX = 64 * 1024  # bytes waiting to be sent on the data channel: a peer that reads none
LINK_CLOSE_MAX = 1.0  # the whole of closing a link, the abort included
LINK_CLOSE_GRACE = 0.7  # of it for saying goodbye (BYE, DTLS close); then sockets are aborted

# --- Media link: sending -----------------------------------------------------------------------------
FANOUT_FRAMES_MAX = 8  # frames queued for one peer: 270 ms of an M layer; more is late, so drop to a keyframe
FANOUT_RECENT_MAX = 15  # frames since a keyframe that a new peer starts with: half a second of M
FANOUT_RECENT_NS = 500_000_000  # nanoseconds; older frames are of a camera that hangs or is off
FANOUT_RECENT_BYTES = 100_000  # of those frames: what every socket takes at once
SEND_BACKLOG_MAX = 96 * 1024  # bytes that a socket could not take yet: a keyframe of H; then frames wait
SEND_BACKLOG_POLL = 0.005  # how often a waiting frame looks again: a fifth of a frame at 30 fps
RTP_HISTORY_FRAMES = 64  # frames of one stream kept for repairs: a second of sound or of H, and some more
RTP_HISTORY_NS = 1_000_000_000  # their age in nanoseconds: we wait 150 ms (GAP_MAX), browsers less than 1 s
REPAIRS_PER_S = 500  # packets sent again to one peer: 10 % of H is 25; more is not a loss, it is an attack
REPORT_EVERY = 0.7  # reports while nothing is lost; below OUTAGE with their spread of a quarter
REPORT_LOSS_WITHIN = 0.4  # a loss is reported so soon: two come within the 1 s in which a layer must go down

# --- Which layer a peer gets -------------------------------------------------------------------------
CONSTRAINTS_EVERY = 0.1  # between two words about a tile's size: a dragged window changes it 60 times a s
LOSS_SPANS = (0.6, 1.0, 5.0)  # loss is judged over each: heavy loss shows at once, slight loss later
LOSS_PACKETS_MIN = 16  # packets in such a span, or it says nothing: half a second of L
LOSS_LOST_MIN = 4  # packets lost in it: one burst that hit a single picture of L is no loss
LOSS_SURE = 3.5  # standard deviations above a limit: M at 10 % loss is accused once in an hour or two
LOSS_H = 0.04  # H has 190 packets a second; above this every fourth picture needs a repair
LOSS_M = 0.15  # NACK and RTX repair 10 % of an M layer to 26 of 30 pictures a second and more
LOSS_SIGN = 0.25  # so much lost within the following is no good time for a link, whatever chance may do
LOSS_SIGN_SPAN = 2.0
HEALTH_UP = 0.8  # of a limit: what a link must stay below to get a layer back. M comes back at 10 % loss
RTT_H = 0.150  # standing round trip in seconds; a LAN's is under 10 ms, so this is a queue or a bad Wi-Fi
RTT_M = 0.400  # no repair comes within GAP_MAX any more: fewer packets, fewer losses
RTT_GREW_H = 0.100  # above the link's own least: a queue on the way fills, and we are what fills it
RTT_GREW_M = 0.250
RTT_SAMPLES = 3  # the least of so many is the standing one
RTT_LEAST_FOR = 60.0  # a path that became longer for good is the new measure after one or two of these
GOOD_FOR = 10.0  # seconds without a bad sign before a link gets the next larger layer
GOOD_FOR_MAX = 80.0  # doubled up to this when a larger layer failed soon: no bounce every 11 s
RISE_PROVEN = 30.0  # a larger layer that lasted so long did not fail
OUTAGE = 0.9  # nothing heard for so long, then of a great loss: the link was gone, not too slow
OUTAGE_AGAIN = 30.0  # a second outage within this counts as loss
UPLINK_KBPS_MIN = 200  # room for one L layer with its headers; less would be no pictures for anybody, always
UPLINK_KBPS_MAX = 10_000_000  # 10 Gbit/s: more is a slip of the keyboard
PACKET_OVERHEAD = 62  # bytes around an RTP payload: IPv4 20, UDP 8, RTP with extensions 24, SRTP tag 10
SEGMENTS_MAX = 40  # datagrams in one call: the kernel takes 64, and 64 KiB in all
PACKET_PAYLOAD = 1300  # bytes of a frame in one packet: with all headers below every Ethernet's 1500

# --- Media link: receiving ----------------------------------------------------------------------------
RTP_PAYLOAD_MAX = 2048  # one packet's payload: an Ethernet frame holds 1460
ASSEMBLY_PACKETS_MAX = 1024  # packets kept for frame assembly: 1 MB; a keyframe of H has about 100
ASSEMBLY_UNSYNCED_MAX = 128  # packets kept while waiting for a keyframe, whose first packet may be late
MISSING_MAX = 256  # packets missing at once; a larger hole is an outage, which a keyframe repairs cheaper
NACK_AFTER = 0.004  # a gap this old is a loss: a LAN reorders within a burst, not across milliseconds
NACK_EVERY = 0.020  # repeat, or 1.25 round trips where that is longer
REPAIR_TIMES = 8  # repairs whose quickest is the round trip: at 10 % loss all are late once in 10^5
NACK_TRIES_MAX = 7  # fills GAP_MAX at NACK_EVERY
GAP_MAX = 0.150  # a gap older than this is given up: later than that a keyframe is the faster repair
PLI_EVERY = 0.300  # repeat of a keyframe request; the sender merges those of 500 ms
DECODE_QUEUE_MAX = 16  # frames before the decoder: what a newcomer gets at once, and one; then a keyframe
PICTURES_TOGETHER_MAX = 2  # frames behind one that is still shown: what a repair lets through at once
PICTURE_GAP_SHARE = 0.4  # of the time between two pictures: how far apart those are shown that came together
PICTURE_GAP_MAX = 0.014  # and no further: a screen draws every 16.7 ms
DECODER_JOIN_MAX = 1.0  # a picture of 720p takes 5 ms to decode and convert
TILE_SIDE_MAX = 7680  # pixels: the widest screen there is, 8K
FIT_STRETCH_MAX = 0.01  # aspect ratios that differ by less: a circle 100 pixels wide gets 101
FIT_CROP_MAX = 0.03  # aspect ratios that differ by less are cropped at the edge, else bars are drawn

# --- Lip sync: EBU R37 allows sound to be 40 ms early and 60 ms late -------------------------------------
SYNC_LATE = 0.055  # sound later than its picture by more makes pictures wait: 52 ms are usual without a queue
SYNC_LEAD_MIN = 0.025  # a picture that waits is seen at least so long before its sound is heard ...
SYNC_LEAD_MAX = 0.050  # ... and at most. Between the two is more than a frame of sound; 10 ms are for jitter
SYNC_STEP = 0.2  # seconds that the wait may change in a second: 7 ms a picture; a sound's grows no faster
SYNC_CREEP = 0.005  # between the two it shrinks so much in a second: nobody waits longer than necessary
SYNC_HOLD = 10.0  # silence for so long before the wait goes: longer than people pause
SYNC_RETURN = 0.05  # seconds that it goes in a second
SYNC_RELEASE = 1.0  # no picture had to wait for so long: none is to
SYNC_WAIT_MAX = 0.250  # JITTER_CAP, a sound card's buffer, less a picture's way to the screen
SYNC_HELD_MAX = 12  # frames that wait before the decoder, below DECODE_QUEUE_MAX; of more the first goes on
SYNC_SOUND_FOR = 1.0  # heard or seen so long ago says nothing of now
SYNC_SPAN = 1.0  # a picture and its sound further apart than this: the reports are wrong
SYNC_JUMP = 0.020  # a report that is off by more is believed at once, one that is off by less a little
SYNC_SHARE = 0.25  # how little: capture times jitter by some milliseconds
SYNC_MOVED_FOR = 0.1  # between two pictures that the wait is moved for: the slowest layer has 67 ms
SYNC_LOOK_EVERY = 0.4  # at most: as often as reports come after a loss, however many a peer sends
SYNC_LAG_MAX = 0.050  # decoding and converting, as far as pictures are let go earlier for it
SYNC_SOUND_EARLY = 0.035  # pictures later than their sound by more: sound waits ...
SYNC_SOUND_ENOUGH = 0.010  # ... until it is less than this; between the two is more than a frame of sound
SYNC_SOUND_STEP = 0.010  # from one report to the next, 0.7 s
SYNC_SOUND_MAX = 0.080  # beyond what jitter asks for; JITTER_TARGET_MAX stands: a talk needs its pace
SYNC_PICTURES = 32  # shown last, remembered: a second of them
PICTURE_DRAWN_AFTER = 0.010  # from the decode thread to the screen: half a turn of its 16 ms, and drawing
OPUS_DELAY = 0.0065  # the encoder's look-ahead: what is heard was captured so much before its timestamp

# --- Sound --------------------------------------------------------------------------------------
SOUND_RATE = 48_000  # samples per second, mono, everywhere: Opus runs at it and no device needs resampling
SOUND_FRAME = 960  # samples in one frame and one packet, 20 ms: shorter doubles packets, longer adds delay
SOUND_BITRATE = 32_000  # bit/s: full-band speech with room for in-band FEC
SOUND_EXPECTED_LOSS = 0  # percent told to the encoder while next to nothing is lost: no FEC
SOUND_FEC_LOSS = 6  # percent told to it otherwise: FEC in nearly every packet; from 10 on the sound is poorer
FEC_FROM = 0.015  # share of packets lost from which FEC is worth the bits that it takes from the sound
FEC_LOST_MIN = 3  # packets lost: two are no sign of anything
FEC_SPAN = 5.0  # seconds of sound over which loss is judged, ...
FEC_HEAVY = 0.1  # ... and a share so great that ...
FEC_HEAVY_SPAN = 1.0  # ... this is enough
FEC_AFTER = 15.0  # seconds of sound with less than half of it, until FEC ends: a link that lost will again
SILENCE_HISTORY = 300  # frames that a room's noise is learnt from: 6 s, in which everybody pauses
SILENCE_AFTER = 20  # frames sent after the last sound: 0.4 s, longer than a stop within a word
SILENCE_BAND_DBOV = -80.0  # of one band: nobody hears less, however quiet the room is
SILENCE_LOUD_DBOV = -35.0  # of one band: as loud as speech is always sent, be it a steady tone
SOUND_OPEN_AFTER = 0.020  # after an opening: longer than processing delays sound, which was captured before
OPUS_PACKET_MAX = 1275  # bytes of one 20 ms Opus frame, RFC 6716 section 3.2.1
JITTER_TARGET_MIN = 0.020  # one frame: the pull is not in step with the packets
JITTER_TARGET_START = 0.025  # before jitter is known; more would be taken out again a second later
JITTER_TARGET_MAX = 0.120  # more delay than this hurts a talk more than a lost frame
JITTER_MARGIN = 0.020  # added to the p95 of jitter
JITTER_CAP = 0.200  # playout delay beyond this is cut to the target at once
JITTER_PACKETS_MAX = 16  # packets held for one peer: the cap, plus a burst; the oldest is dropped
JITTER_HISTORY = 500  # packets that the jitter is measured over: 10 s of speech
JITTER_HISTORY_S = 10.0  # and their age
JITTER_RESET = 1.0  # a timestamp this far off the timeline starts a new one
JITTER_STRAYS = 3  # ...after so many packets in a row: one forged or delayed packet moves nothing
JITTER_STRAYS_BACK = 50  # ...or so many, 1 s, if it goes back: a burst of old packets is not played again
JITTER_ASTRAY = 0.2  # a way that is longer by more than the cap is believed when it lasts
JITTER_PATIENCE = 1.0  # so long delay that is a little too much waits for a pause in speech
JITTER_STALL = 0.1  # without a push or pull for so long this process was paused: no jitter of the network
JITTER_SEEN = 256  # sequence numbers remembered for duplicates: 5 s of speech
CONCEAL_MAX = 6  # frames concealed in a row: 100 ms at full level and one that fades
SOUND_RING = 9_600  # samples between a sound card's callback and its thread, 200 ms; the oldest are dropped
SOUND_BLOCK = 480  # samples per callback, 10 ms
DEVICE_LATENCY = 0.020  # asked of PortAudio, three blocks in its buffer: two ran dry now and then
OUTPUT_DELAY_MAX = 0.5  # that a sound card says it has in its buffer; more is a wrong clock
SPEAKER_LOW = 960  # samples left in the ring when the next frame is mixed: a block and 10 ms of slack
SOUND_BEHIND = 0.060  # a paced source or sink later than this skips ahead; up to it, it catches up
SOUND_WAIT = 0.1  # longest sleep of a sound thread: how long a stop may take
SOUND_GAP = 0.050  # a hole in the capture times, or several together, is a leap of the RTP timestamp
SOUND_GAP_FRAMES = 2048  # of the last so many frames, 40 s: a drift of 100 ppm is 4 ms in that time
SOUND_STOP = 3.0  # for a sound thread to end; one in a hung driver is abandoned
SOUND_START = 3.0  # for the sound card to be opened before start() goes on without it
DEVICE_POLL = 1.0  # between looks at the sound cards: with DEVICE_SILENT and opening one, sound moves in 3 s
DEVICE_RETRY = 2.0  # between tries to open what is missing: a list of devices costs 30 ms of CPU here
DEVICE_BEGIN = 1.0  # for an opened sound card to call back; PipeWire opens also what has nothing behind it
DEVICE_BEGIN_POLL = 0.01  # between looks whether it did
DEVICE_BEGIN_SLOW_POLL = 0.1  # and after DEVICE_BEGIN
DEVICE_SILENT = 1.0  # a sound card whose callback was not called for so long is gone
PATIENCE_MAX = 8  # times DEVICE_BEGIN and DEVICE_SILENT, for a sound card that fails in a row
PATIENCE_OVER = 30.0  # one that has worked for so long begins anew
SOUND_CHECK_WITHIN = 9.0  # the 7 s of a sound check, and devices that begin slowly
SOUND_CHECK_DOCTOR_WITHIN = 18.0  # the doctor's sound check: with a process of its own, or asked of the box
METER_DBOV = (60, 6)  # what the meter's ends stand for: a quiet room, and a voice that nearly overdrives
CHECK_METER_STEPS = 40  # of the meter: what nobody sees is not drawn
METER_EVERY = 0.1  # between two levels of the microphone's meter: a voice is seen to move it
RECORDING_FLUSH = 1.0  # between updates of a recording's header: what a kill may cost
RECORDING_MAX = 1 << 31  # bytes of a recording, 6 h: some players read WAV sizes as signed
TEST_TURN = 3.0  # how long a test voice speaks when it is its turn, with ...
TEST_TURN_PAUSE = 0.2  # ... a pause before and after, as people leave one
TEST_ROOM_DBOV = -60.0  # the room's noise around a test voice that takes turns
SEQUENCE_SECONDS = 120  # of the mix kept for measuring: 2.9 MB
ECHO_PARTITIONS = 20  # of 20 ms that the echo filter knows of a room: 200 ms of devices, 200 ms of the room
ECHO_REFERENCE_MAX = 16  # played frames that wait for the microphone's: 320 ms, more than two devices hold
ECHO_OWED_MAX = 8  # captured frames that came before what was played beside them: that never comes any more
ECHO_ALIGN_FRAMES = 50  # 1 s: frames too many or too few all that time are no jitter but another clock
SAME_ROOM_KEPT = 8.0  # of every microphone's levels: the window and all it may be shifted by
SAME_ROOM_WINDOW = 4.0  # levels compared at once: a dozen syllables
SAME_ROOM_LOOK_EVERY = 1.0  # a look costs a fraction of a millisecond
SAME_ROOM_LOOKS = 4  # looks in a row that must find it: seven seconds of talking
SAME_ROOM_LATER = 0.140  # a packet's way from a microphone in this room to our network thread, at most ...
SAME_ROOM_SOONER = 0.060  # ... before our own, which some sound cards stamp so late ...
SAME_ROOM_ECHO = 0.400  # ... and an echo's way from there through our loudspeaker to our microphone
SAME_ROOM_SURE = 0.68  # correlation of the levels: below 0.5 for any two rooms, above 0.75 in one
SAME_ROOM_LIKELY = 0.5  # enough to believe another box that is sure
SAME_ROOM_LIKELY_FOR = 10.0  # and for so long
SAME_ROOM_CLEARER = 0.15  # by so much more alike than as an echo
SAME_ROOM_HOWL = 2.0  # loud and even for so long is no speech
SAME_ROOM_JUMP = 1.0  # media time that jumps by more is a new timeline
SAME_ROOM_DRIFT = 1e-5  # seconds a packet, 500 ppm: the quickest packet's lead fades so slowly
MADE_UP_DIGITS = 6  # of a made-up password: a million, and a handful of guesses an hour
FPS_WINDOW = 2.0  # "fps" in status and stats is over so many seconds
SWITCH_INTERVAL = 0.002  # of the interpreter lock: sound waits less than with 5 ms, and nobody polls for it

# --- What the bars on a tile mean -------------------------------------------------------------------
QUALITY_GOOD_LOSS = 0.01  # share of packets; repaired without anybody noticing
QUALITY_GOOD_RTT_MS = 40.0
QUALITY_FAIR_LOSS = 0.05  # pictures hold, sound is still whole
QUALITY_FAIR_RTT_MS = 150.0
QUALITY_SPAN = 5.0  # of packets: a link that lost some an hour ago is good, one that loses now is not
QUALITY_UP_AFTER = 4.0  # of better looks until a bar comes back
SPEAKING_DBOV = 50  # RFC 6464 level (0 loud .. 127 silent) above which somebody speaks; noise is not sent
SPEAKING_AFTER = 0.2  # loud for so long: a cough lasts about 80 ms
SPEAKING_HOLD = 0.8  # quiet for so long: longer than the pause between two words
LARGE_AFTER = 0.5  # speaking for so long beyond SPEAKING_AFTER: a "yes" in between makes nobody large
LARGE_FOR = 3.0  # and large for so long at least: two who talk to each other are no tennis match
METER_FROM_DBOV = 60  # a level meter shows what is louder ...
METER_STEP_DB = 8  # ... in steps of so many dB: quiet, soft, normal, loud, very loud
METER_STEPS = 5
LEVELS_MAX = 64  # levels kept until somebody looks: a second of packets
VIEW_EVERY = 0.2  # in a call, how often levels and receiver reports are looked at
VIEW_LINKS_EVERY = (
    5  # of these looks, one brings the links' quality to the screen: bars that move are no help
)
LINE_IDENTITY_WAIT = 0.02  # a line came before the identity of who dials it: looked again so often
ACQUAINTANCES_MAX = 256  # boxes remembered by name: more than a ship has, and 12 kB on disk
COLLECT_AFTER = 5.0  # in a call, a closed link's garbage is collected so long after it: it takes milliseconds
TRIM_EVERY = 5.0  # seconds in a call until free memory goes back to the system: it takes milliseconds
MEMORY_KEPT = 60.0  # seconds without a meeting until free memory goes back to the system
MALLOC_KEEP = 16 << 20  # bytes a heap keeps free at its end: pictures come and go in the same memory
MALLOC_MMAP_FROM = 8 << 20  # larger blocks get pages of their own; an RGB picture of 1080p has 6 MB
GC_THRESHOLD = 20_000  # new containers until young garbage is looked for: a tenth of a second of packets
MALLOC_ARENAS = 1  # glibc's heaps: each grows to the most that its threads ever wanted. CPU does not notice
LINE_FLUSH_WITHIN = 0.3  # what was said last ("leaving") goes out before its line is closed

# --- The support report -----------------------------------------------------------------------------
MASK_LEAST = 4  # characters of a secret that is looked for; a shorter one would be everywhere
MASK_BETWEEN_SLASHES = 14  # characters on the average: a path has shorter names, 32 bytes of base64 one slash
MASK_SHORTEST = 8  # a shorter one is looked for as a whole word: a PIN is a number among others
BUNDLE_PART_MAX = 4 << 20  # bytes of one file in it: a day of a busy journal
BUNDLE_MAX = 24 << 20  # bytes of all of them, before packing: a stick of any age has room
REPORT_WITHIN = (
    150.0  # from the press to the word that it is on the stick: the unit's own time-out and a start
)
REPORT_RESULT_MAX = 4096  # bytes of that word
REPORT_LOOK_EVERY = 1.0  # while its page is open: a stick that was plugged in shows
BUNDLE_COMMAND_WITHIN = 15.0  # for what one program says; a journal is read in a second or two
DOCTOR_BUNDLE_WITHIN = 40.0  # for the running box's own report, its slowest looks included
BUNDLE_JOURNAL_LINES = 20_000  # of this boot and the ones before, where there are any
BUNDLE_SECRET_FILE_MAX = 64 << 10  # bytes of a file whose content must not appear
