"""The only place that reaches into the privates of aiortc, aioice and asyncio's datagram transport.

We keep their ICE, DTLS, SRTP, SCTP and RTP parsing, and replace what is between them and the
picture. Everything is set on instances, nothing on modules or classes, so that two boxes can live
in one process and nothing happens at import. ``tests/media/test_seam.py`` pins what we rely on and
fails loudly when a new version changes it.

What is changed on each connection, and why:

- candidates are gathered on the addresses that we say, loopback included;
- datagrams are told apart by their first bytes (RFC 7983, RFC 5761) before anything is parsed: aioice
  raises on an empty or malformed one, which would end the connection; its queue gets a bound;
- an exception on a received packet is counted instead of ending the DTLS transport;
- a flight of the DTLS handshake that was lost is sent again after a quarter of a second, not after one;
- SCTP gets the time-outs of a LAN, whatever happens to the wall clock, and a bound on what it
  reassembles, and takes no channels that the other side opens;
- RTP goes from the socket through SRTP to our receiver, and from our sender through SRTP to the socket,
  each in one call: aiortc's way there is a queue, two tasks and a dozen objects per packet;
- senders and receivers are objects of ours: no encoder, no decoder thread, no track, no jitter buffer.
"""

from __future__ import annotations

from appliance.media.aiortc_seam.attach import attach_receiver, attach_sender
from appliance.media.aiortc_seam.connection import H264_PROFILE, Connection, open_connection
from appliance.media.aiortc_seam.sctp import CONTROL_CHANNEL_ID
from appliance.media.aiortc_seam.srtp import SeamCounts, SrtpPath

__all__ = [
    "CONTROL_CHANNEL_ID",
    "H264_PROFILE",
    "Connection",
    "SeamCounts",
    "SrtpPath",
    "attach_receiver",
    "attach_sender",
    "open_connection",
]
