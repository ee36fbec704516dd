"""Discovery between machines: namespaces on a bridge, real multicast."""

from __future__ import annotations

import time

from net.namespaces import Lan, needs_namespaces
from signaling.box_process import BoxProcess

from appliance.core import limits

PORT = 8787
GONE_WITHIN = limits.BOX_PROBE_EVERY * 1.2 + 1.0  # a killed box refuses the next probe

pytestmark = needs_namespaces


def pair(lan: Lan) -> list[BoxProcess]:
    """Boxes a and b, which look after each other more often than in real life."""
    return [
        BoxProcess(host.popen, name, PORT, probe_every=1.0)
        for host, name in zip(lan.hosts, "ab", strict=True)
    ]


def test_boxes_on_a_lan_find_one_another_and_notice_who_dies_and_returns() -> None:
    with Lan(3) as lan:
        names = ["alpha", "beta", "gamma"]
        procs = [BoxProcess(host.popen, name, PORT) for host, name in zip(lan.hosts, names, strict=True)]
        alpha, beta, gamma = procs
        try:
            last = max(box.ready()["at"] for box in procs)
            for box, name in zip(procs, names, strict=True):
                seen = box.boxes(set(names) - {name}, 5.0)
                assert seen["at"] - last < 1.0
                assert {tuple(b[2]) for b in seen["boxes"]} <= {(host.address,) for host in lan.hosts}

            killed = gamma.kill()
            assert alpha.boxes({"beta"}, GONE_WITHIN + 2)["at"] - killed < GONE_WITHIN
            assert beta.boxes({"alpha"}, GONE_WITHIN + 2)["at"] - killed < GONE_WITHIN

            gamma.close()
            gamma = procs[2] = BoxProcess(lan.hosts[2].popen, "gamma", PORT)
            back = gamma.ready()["at"]
            seen = alpha.boxes({"beta", "gamma"}, 5.0)
            assert seen["at"] - back < 0.5
            assert len(seen["boxes"]) == 2  # the one before the crash is not listed as well

            ended = beta.end()
            assert alpha.boxes({"gamma"}, 3.0)["at"] - ended < 1.0
        finally:
            for box in procs:
                box.close()


def test_a_box_whose_cable_was_out_is_gone_and_comes_back() -> None:
    with Lan(2) as lan:
        alpha, beta = pair(lan)
        try:
            alpha.boxes({"b"}, 5.0)
            beta.boxes({"a"}, 5.0)
            lan.hosts[1].unplug()
            beta.wait_for(lambda event: event["event"] == "moved" and event["addresses"] == [], 5.0)
            alpha.boxes(set(), 6.0)
            lan.hosts[1].plug()
            moved = beta.wait_for(lambda event: event["event"] == "moved" and event["addresses"] != [], 5.0)
            assert alpha.boxes({"b"}, 5.0)["at"] - moved["at"] < 2.0
            beta.boxes({"a"}, 12.0)
        finally:
            alpha.close()
            beta.close()


def test_a_box_that_gets_another_address_is_found_there() -> None:
    with Lan(2) as lan:
        alpha, beta = pair(lan)
        try:
            alpha.boxes({"b"}, 5.0)
            time.sleep(1.6)  # RFC 6762 section 10.2: records younger than a second are not flushed
            lan.hosts[1].remove_address("10.77.0.2/24")
            lan.hosts[1].add_address("10.77.0.99/24")
            alpha.wait_for(
                lambda event: (
                    event["event"] == "boxes" and ["b", True, ["10.77.0.99"], PORT] in event["boxes"]
                ),
                8.0,
            )
            beta.boxes({"a"}, 8.0)
        finally:
            alpha.close()
            beta.close()


def test_a_box_that_starts_without_a_network_is_found_when_it_gets_one() -> None:
    with Lan(2) as lan:
        lan.hosts[1].unplug()
        alpha, beta = pair(lan)
        try:
            alpha.ready()
            beta.ready()
            lan.hosts[1].plug()
            alpha.boxes({"b"}, 5.0)
            beta.boxes({"a"}, 5.0)
        finally:
            alpha.close()
            beta.close()
