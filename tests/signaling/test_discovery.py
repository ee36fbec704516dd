"""mDNS between boxes on loopback, friendly and hostile."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import time
import unicodedata
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from signaling.box_process import BoxProcess
from zeroconf import DNSIncoming, IPVersion, ServiceInfo
from zeroconf.asyncio import AsyncZeroconf

from appliance.core import limits
from appliance.signaling.discovery import SERVICE, Discovery, FoundBox, clean_name, read_txt
from appliance.signaling.interfaces import Interface, list_interfaces

LO = list_interfaces(["lo"])
HOST = "127.0.0.1"
OURS = f"{os.getpid()}-"  # other programs on this machine may be boxes as well


class Box:
    """Discovery of one box; its signaling server is a listening socket."""

    def __init__(self, name: str, port: int = 0) -> None:
        self.listener = socket.create_server((HOST, port))
        self.port: int = self.listener.getsockname()[1]
        self.told: list[tuple[FoundBox, ...]] = []
        self.discovery = Discovery(OURS + name, self.port, self.told.append)

    def sees(self, name: str) -> FoundBox | None:
        """The box of this name, if it is listed."""
        found = [box for box in self.discovery.boxes if box.name == OURS + name]
        return found[0] if found else None

    def has(self, name: str) -> bool:
        box = self.sees(name)
        return box is not None and box.present

    async def stop(self) -> None:
        self.listener.close()
        await self.discovery.stop()


@asynccontextmanager
async def boxes(*names: str) -> AsyncIterator[list[Box]]:
    made = [Box(name) for name in names]
    try:
        for box in made:
            await box.discovery.start(LO)
        yield made
    finally:
        await asyncio.gather(*(box.stop() for box in made))


@asynccontextmanager
async def neighbour(
    instance: str,
    port: int,
    addresses: list[str],
    properties: dict[str | bytes, str | bytes | None] | bytes,
) -> AsyncIterator[tuple[AsyncZeroconf, ServiceInfo]]:
    """Somebody who may register whatever they like."""
    zeroconf = AsyncZeroconf(interfaces=[HOST], ip_version=IPVersion.V4Only)
    info = ServiceInfo(
        SERVICE,
        f"{instance}.{SERVICE}",
        port=port,
        properties=properties,
        server=f"{instance}.local.",
        parsed_addresses=addresses,
    )
    await zeroconf.async_register_service(info, cooperating_responders=True)
    try:
        yield zeroconf, info
    finally:
        await zeroconf.async_close()


async def until(condition: Callable[[], bool], within: float = 5.0) -> float:
    loop = asyncio.get_running_loop()
    start = loop.time()
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.002)
    return loop.time() - start


class TestBoxes:
    def test_two_boxes_see_each_other_and_not_themselves(self) -> None:
        async def run() -> None:
            async with boxes("one", "two") as (one, two):
                await until(lambda: one.has("two") and two.has("one"))
                assert one.sees("one") is None
                seen = two.sees("one")
                assert seen is not None
                assert (seen.addresses, seen.port) == ((HOST,), one.port)
                assert seen.instance == one.discovery.instance
                assert two.told[-1] == two.discovery.boxes

        asyncio.run(run())

    def test_a_box_that_starts_is_seen_at_once_and_sees_the_others_soon(self) -> None:
        async def run() -> None:
            async with AsyncExitStack() as stack:
                (early,) = await stack.enter_async_context(boxes("early"))
                await asyncio.sleep(1.0)  # its announcements are over
                (late,) = await stack.enter_async_context(boxes("late"))
                assert await until(lambda: early.has("late")) < 0.3
                assert await until(lambda: late.has("early")) < 0.8

        asyncio.run(run())

    def test_two_boxes_of_one_name_are_two_boxes(self) -> None:
        async def run() -> None:
            async with boxes("same", "same", "other") as (one, two, other):
                ports = {one.port, two.port}
                await until(lambda: ports <= {box.port for box in other.discovery.boxes if box.present})

        asyncio.run(run())

    def test_a_box_that_stops_is_off_the_list_at_once(self) -> None:
        async def run() -> None:
            async with boxes("stays", "goes") as (stays, goes):
                await until(lambda: stays.has("goes"))
                await asyncio.sleep(0.5)  # its announcements are over
                stopping = asyncio.create_task(goes.stop())
                assert await until(lambda: stays.sees("goes") is None) < 0.5
                await stopping

        asyncio.run(run())

    def test_a_box_whose_server_is_gone_is_marked_and_comes_back_without_a_word_from_mdns(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(limits, "BOX_PROBE_EVERY", 0.1)
        monkeypatch.setattr(limits, "BOX_PROBE_GONE_EVERY", 0.1)

        async def run() -> None:
            async with boxes("watches", "crashes") as (watches, crashes):
                await until(lambda: watches.has("crashes"))
                crashes.listener.close()
                assert await until(lambda: not watches.has("crashes")) < 0.5
                gone = watches.sees("crashes")
                assert gone is not None
                assert not gone.present
                assert watches.told[-1] == watches.discovery.boxes
                crashes.listener = socket.create_server((HOST, crashes.port))
                assert await until(lambda: watches.has("crashes")) < 0.5
                back = watches.sees("crashes")
                assert back is not None
                assert back.seen_at > gone.seen_at

        asyncio.run(run())

    def test_probe_now_does_not_wait_for_the_next_round(self) -> None:
        async def run() -> None:
            async with boxes("watches", "crashes") as (watches, crashes):
                await until(lambda: watches.has("crashes"))
                await asyncio.sleep(0.6)  # nothing from mDNS shall help
                crashes.listener.close()
                watches.discovery.probe_now(crashes.discovery.instance)
                watches.discovery.probe_now("nobody")
                assert await until(lambda: not watches.has("crashes")) < 0.2

        asyncio.run(run())

    def test_a_box_that_crashed_and_started_again_is_listed_once(self) -> None:
        async def run() -> None:
            async with AsyncExitStack() as stack:
                (watches,) = await stack.enter_async_context(boxes("watches"))
                properties: dict[str | bytes, str | bytes | None] = {"v": "1", "name": OURS + "again"}
                listener = stack.enter_context(socket.create_server((HOST, 0)))
                port = listener.getsockname()[1]
                for instance in ("before", "after"):
                    await stack.enter_async_context(neighbour(instance, port, [HOST], properties))
                    await until(
                        lambda instance=instance: instance in {b.instance for b in watches.discovery.boxes}
                    )
                assert [b.instance for b in watches.discovery.boxes if b.port == port] == ["after"]

        asyncio.run(run())

    def test_without_an_interface_it_waits_for_one(self) -> None:
        async def run() -> None:
            async with boxes("there") as (there,):
                late = Box("late")
                await late.discovery.start(())
                assert late.discovery.boxes == ()
                await late.discovery.update([Interface("eth7", 7, (), "wired")])
                await late.discovery.update(LO)
                await until(lambda: late.has("there") and there.has("late"))
                await late.stop()

        asyncio.run(run())

    def test_a_stopped_discovery_stays_stopped(self) -> None:
        async def run() -> None:
            async with boxes("one") as (one,):
                await one.discovery.stop()
                await one.discovery.update(LO)
                assert one.discovery.boxes == ()

        asyncio.run(run())


class TestRenamed:
    def test_the_name_that_was_said_last_counts_in_whatever_order_names_came(self) -> None:
        """A box renamed while it still announces itself is heard as new, old, new by who starts just then."""

        async def run() -> None:
            async with AsyncExitStack() as stack:
                (watches,) = await stack.enter_async_context(boxes("watches"))
                listener = stack.enter_context(socket.create_server((HOST, 0)))
                port = listener.getsockname()[1]
                for name in ("new", "old", "new", "old", "new"):
                    hear(watches, "renamed", port, name, 0.0)
                    await until(lambda name=name: watches.has(name))
                    assert [box.name for box in watches.discovery.boxes if box.port == port] == [OURS + name]

        asyncio.run(run())

    def test_an_old_name_that_expired_does_not_hide_the_new_one(self) -> None:
        async def run() -> None:
            async with AsyncExitStack() as stack:
                (watches,) = await stack.enter_async_context(boxes("watches"))
                listener = stack.enter_context(socket.create_server((HOST, 0)))
                port = listener.getsockname()[1]
                for seconds_ago, name in ((6.0, "new"), (5.9, "old"), (4.5, "new")):
                    hear(watches, "renamed", port, name, seconds_ago)
                await until(lambda: watches.has("new"))
                assert watches.discovery.counters["discovery.unresolved"] == 0

        asyncio.run(run())

    def test_the_old_name_is_not_said_any_more(self) -> None:
        async def run() -> None:
            async with boxes("old") as (box,):
                assert box.discovery._zeroconf is not None
                zeroconf = box.discovery._zeroconf.zeroconf
                said: list[bytes] = []
                zeroconf.async_send = lambda out, *_, **__: said.extend(out.packets())  # type: ignore[method-assign]
                await box.discovery.rename(OURS + "new")  # its first announcements are not over
                await until(lambda: not box.discovery._announcing)
                assert sum(b"new" in packet for packet in said) == 3
                assert not any(b"old" in packet for packet in said)

        asyncio.run(run())


def hear(box: Box, instance: str, port: int, name: str, seconds_ago: float) -> None:
    """Have a box hear an announcement, as if that had been some time ago."""
    assert box.discovery._zeroconf is not None
    zeroconf = box.discovery._zeroconf.zeroconf
    info = ServiceInfo(
        SERVICE,
        f"{instance}.{SERVICE}",
        port=port,
        properties={"v": "1", "name": OURS + name},
        server=f"{instance}.local.",
        parsed_addresses=[HOST],
    )
    (packet,) = zeroconf.generate_service_broadcast(info, None).packets()
    now = time.monotonic() * 1000 - seconds_ago * 1000  # zeroconf's clock
    zeroconf.record_manager.async_updates_from_response(DNSIncoming(packet, (HOST, 5353), None, now))


class TestProcesses:
    def test_processes_on_loopback_find_one_another_and_notice_a_kill(self) -> None:
        ours = {OURS + name for name in ("a", "b", "c")}

        def present(event: dict[str, object]) -> set[str]:
            listed = event.get("boxes", [])
            assert isinstance(listed, list)
            return {box[0] for box in listed if box[1]} & ours

        a, b, c = (BoxProcess(subprocess.Popen, name, 0, "lo", probe_every=1.0) for name in sorted(ours))
        try:
            ready = {name: box.ready()["at"] for name, box in zip(sorted(ours), (a, b, c), strict=True)}
            for name, box in zip(sorted(ours), (a, b, c), strict=True):
                seen = box.wait_for(lambda event, name=name: present(event) == ours - {name}, 5.0)
                assert seen["at"] - max(ready.values()) < 1.0
            killed = c.kill()
            for name, box in zip(sorted(ours), (a, b), strict=False):
                gone = box.wait_for(lambda event, name=name: present(event) == ours - {name, OURS + "c"}, 8.0)
                assert gone["at"] - killed < 1.0 * 1.2 + 1.0
            ended = b.end()
            gone = a.wait_for(lambda event: present(event) == set(), 5.0)
            assert gone["at"] - ended < 1.0
            a.end()
        finally:
            for box in (a, b, c):
                box.close()


class TestClash:
    def test_a_box_with_our_address_is_told_until_it_has_another_one(self) -> None:
        async def run() -> None:
            async with boxes("ours") as (ours,):
                told = {"v": "1", "name": OURS + "twin"}
                async with neighbour("f" * 32, ours.port, [HOST], told) as (zeroconf, info):
                    await until(lambda: (OURS + "twin", HOST) in ours.discovery.clashes)
                    assert ours.sees("twin") is None  # what is there is our own server
                    await zeroconf.async_unregister_service(info)
                    await until(lambda: ours.discovery.clashes == ())

        asyncio.run(run())

    def test_another_box_of_this_computer_is_none(self) -> None:
        async def run() -> None:
            async with boxes("one", "two") as (one, two):
                await until(lambda: one.has("two") and two.has("one"))
                assert one.discovery.clashes == two.discovery.clashes == ()

        asyncio.run(run())


class TestHostile:
    def test_a_name_is_cleaned_and_cut_before_anybody_sees_it(self) -> None:
        async def run() -> None:
            async with AsyncExitStack() as stack:
                (victim,) = await stack.enter_async_context(boxes("victim"))
                listener = stack.enter_context(socket.create_server((HOST, 0)))
                port = listener.getsockname()[1]
                name = b"\x1b[2J\x00\xff\xfe  \xe2\x80\xae" + b"long " * 40
                await stack.enter_async_context(neighbour("evil", port, [HOST], {b"v": b"1", b"name": name}))
                await until(lambda: any(box.port == port for box in victim.discovery.boxes))
                (seen,) = [box for box in victim.discovery.boxes if box.port == port]
                assert len(seen.name.encode()) <= limits.NAME_MAX_BYTES
                assert seen.name.isprintable()
                assert "\u202e" not in seen.name

        asyncio.run(run())

    @pytest.mark.parametrize(
        ("addresses", "properties"),
        [
            (["8.8.8.8"], {"v": "1", "name": "far"}),
            (["224.0.0.251", "0.0.0.0"], {"v": "1", "name": "everybody"}),
            ([HOST], {"v": "2", "name": "future"}),
            ([HOST], {"name": "ancient"}),
            ([HOST], b"\xffshort"),
        ],
    )
    def test_what_may_not_be_dialled_or_understood_is_not_listed(
        self, addresses: list[str], properties: dict[str | bytes, str | bytes | None] | bytes
    ) -> None:
        async def run() -> None:
            async with AsyncExitStack() as stack:
                (victim,) = await stack.enter_async_context(boxes("victim"))
                listener = stack.enter_context(socket.create_server((HOST, 0)))
                port = listener.getsockname()[1]
                await stack.enter_async_context(neighbour("evil", port, addresses, properties))
                await until(lambda: victim.discovery.counters["discovery.refused"] > 0)
                await asyncio.sleep(0.05)
                assert not any(box.instance == "evil" for box in victim.discovery.boxes)
                listener.setblocking(False)
                with pytest.raises(BlockingIOError):
                    listener.accept()

        asyncio.run(run())

    def test_a_record_that_names_our_own_server_is_not_another_box(self) -> None:
        async def run() -> None:
            async with AsyncExitStack() as stack:
                (victim,) = await stack.enter_async_context(boxes("victim"))
                properties: dict[str | bytes, str | bytes | None] = {"v": "1", "name": "mirror"}
                await stack.enter_async_context(neighbour("evil", victim.port, [HOST], properties))
                await until(lambda: victim.discovery.counters["discovery.refused"] > 0)
                assert not any(box.port == victim.port for box in victim.discovery.boxes)

        asyncio.run(run())

    def test_a_forged_goodbye_does_not_keep_a_box_away(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "BOX_GOODBYE_SETTLE", 0.2)

        async def run() -> None:
            async with AsyncExitStack() as stack:
                victim, slandered = await stack.enter_async_context(boxes("victim", "slandered"))
                await until(lambda: victim.has("slandered"))
                forger, info = await stack.enter_async_context(
                    neighbour(slandered.discovery.instance, slandered.port, [HOST], {"v": "1", "name": "x"})
                )
                told = len(victim.told)
                await (await forger.async_unregister_service(info))

                def listed(boxes: tuple[FoundBox, ...]) -> bool:
                    return any(box.present and box.port == slandered.port for box in boxes)

                await until(lambda: any(not listed(boxes) for boxes in victim.told[told:]))
                await until(lambda: listed(victim.discovery.boxes))

        asyncio.run(run())

    def test_a_flood_of_records_fills_the_list_but_pushes_out_nobody_who_answers(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(limits, "BOXES_MAX", 4)

        async def run() -> None:
            async with AsyncExitStack() as stack:
                victim, _friend = await stack.enter_async_context(boxes("victim", "friend"))
                await until(lambda: victim.has("friend"))
                forger = AsyncZeroconf(interfaces=[HOST], ip_version=IPVersion.V4Only)
                stack.push_async_callback(forger.async_close)
                nobody = socket.socket()
                nobody.bind((HOST, 0))
                stack.callback(nobody.close)
                for number in range(20):
                    info = ServiceInfo(
                        SERVICE,
                        f"{zlib.crc32(bytes([number])):08x}.{SERVICE}",
                        port=nobody.getsockname()[1],
                        properties={"v": "1", "name": f"fake {number}"},
                        server=f"fake{number}.local.",
                        parsed_addresses=["127.0.0.1", f"127.0.1.{number}"],
                    )
                    await forger.async_register_service(info, cooperating_responders=True)
                await asyncio.sleep(0.3)
                assert len(victim.discovery._presence) <= 4
                assert victim.has("friend")
                assert not any("fake" in box.name for box in victim.discovery.boxes)

        asyncio.run(run())


class TestText:
    @given(st.binary(max_size=2000))
    def test_any_bytes_are_read_without_an_error(self, text: bytes) -> None:
        version, name, _ = read_txt(text)
        assert len(version) <= 8
        assert len(name.encode()) <= limits.NAME_MAX_BYTES

    @given(st.text(max_size=300))
    def test_a_clean_name_is_short_printable_and_stays_as_it_is(self, name: str) -> None:
        clean = clean_name(name)
        assert len(clean.encode()) <= limits.NAME_MAX_BYTES
        assert not any(unicodedata.category(c).startswith("C") or c in "\r\n\t" for c in clean)
        assert clean == clean.strip()
        assert clean_name(clean) == clean

    @given(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=10))
    def test_our_own_record_is_read_back(self, name: str) -> None:
        info = ServiceInfo(SERVICE, f"x.{SERVICE}", properties={"v": "1", "name": clean_name(name)})
        assert read_txt(info.text) == ("1", clean_name(name), False)

    def test_the_first_of_two_values_counts(self) -> None:
        assert read_txt(b"\x03v=1\x03V=2\x06name=a\x06name=b") == ("1", "a", False)
        assert read_txt(b"\x03v=1\x06name=a\x07relay=1") == ("1", "a", True)
