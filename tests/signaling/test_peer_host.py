"""Whom a connection leads to, also when the other end goes in the very moment it was made."""

from __future__ import annotations

import socket
import struct

import pytest

from appliance.signaling.dial import peer_host

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing says RST


def test_it_is_the_address_that_was_dialled() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as end,
    ):
        assert peer_host(end) == "127.0.0.1"


def test_a_connection_whose_other_end_went_is_closed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        theirs.close()
        with pytest.raises(OSError, match="not connected"):
            peer_host(ours)
        assert ours.fileno() == -1
