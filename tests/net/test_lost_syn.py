"""A connection whose first packet is lost opens before the kernel repeats it, after a second."""

from __future__ import annotations

import subprocess
import sys

from net.namespaces import Lan, needs_namespaces

pytestmark = needs_namespaces

LISTEN = """
import socket, time
with socket.create_server(("", 8787)):
    print("listening", flush=True)
    time.sleep(30)
"""
DIAL = """
import asyncio, sys
from appliance.signaling.dial import connect_first
asyncio.run(connect_first([sys.argv[1]], 8787, within=0.95)).close()
"""


def test_a_lost_syn_costs_a_quarter_of_a_second() -> None:
    with Lan(2) as lan:
        here, there = lan.hosts
        listener = there.popen([sys.executable, "-c", LISTEN], stdout=subprocess.PIPE)
        assert listener.stdout is not None
        assert listener.stdout.readline() == b"listening\n"
        chain = "{ type filter hook input priority 0; }"
        there.run(["nft", "add", "table", "inet", "t"], check=True)
        there.run(["nft", "add", "chain", "inet", "t", "c", chain], check=True)
        first = ["tcp", "flags", "syn", "/", "syn,ack", "numgen", "inc", "mod", "1000000", "<", "1"]
        there.run(["nft", "add", "rule", "inet", "t", "c", *first, "drop"], check=True)
        here.run([sys.executable, "-c", DIAL, there.address], check=True)
