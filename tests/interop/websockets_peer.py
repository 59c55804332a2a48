"""Lets `websockets` of Python talk to both examples: as a client to examples/echo_server.rs, as a
server to examples/client.rs.

Started by .ci/interop: python websockets_peer.py CLIENT NAME=URL...
"""

import asyncio
import contextlib
import itertools
import json
import logging
import random
import re
import sys
import time

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory as Offer,
    ServerPerMessageDeflateFactory as Answer,
)

from peers import PATIENCE, report, words

CLIENT = sys.argv[1]
SERVERS = [argument.split("=", 1) for argument in sys.argv[2:]]

END = time.monotonic() + 105
MIB = 1 << 20
SIZES = [0, 1, 125, 126, 65_535, 65_536, MIB]
EMOJI = "Grüße, 😀 👩‍👩‍👧 𝄞 and 日本語"
BITS = range(9, 16)
BOTH = "server_no_context_takeover; client_no_context_takeover"
SMALLEST = {
    "server_no_context_takeover": True,
    "client_no_context_takeover": True,
    "server_max_window_bits": 9,
    "client_max_window_bits": 9,
}

# What `websockets` offers, and what the echo server must answer.
OFFERS = {
    "nothing": ([], None),
    "defaults": ([Offer()], ""),
    "client bits not negotiable": ([Offer(client_max_window_bits=None)], ""),
    "no server takeover": ([Offer(server_no_context_takeover=True)], "server_no_context_takeover"),
    "no client takeover": ([Offer(client_no_context_takeover=True)], "client_no_context_takeover"),
    "no takeover": (
        [Offer(server_no_context_takeover=True, client_no_context_takeover=True)], BOTH),
    "server bits 8": ([Offer(server_max_window_bits=8)], None),
    "server bits 8, else 10": (
        [Offer(server_max_window_bits=8), Offer(server_max_window_bits=10)],
        "server_max_window_bits=10"),
    "little memory, level 1": ([Offer(compress_settings={"memLevel": 1, "level": 1})], ""),
    "stored blocks": ([Offer(compress_settings={"level": 0})], ""),
    **{f"server bits {bits}": (
        [Offer(server_max_window_bits=bits)], f"server_max_window_bits={bits}")
       for bits in BITS},
    **{f"client bits {bits}": (
        [Offer(client_max_window_bits=bits)],
        f"client_max_window_bits={bits}" if bits < 15 else "")
       for bits in BITS},
    "bits 9 and 9, no takeover": (
        [Offer(**SMALLEST)], f"{BOTH}; server_max_window_bits=9; client_max_window_bits=9"),
}

# What `websockets` answers to the offer of the client example, and what that must make of it.
ANSWERS = {
    "nothing": ([], None),
    "defaults": ([Answer()], ""),
    "no server takeover": (
        [Answer(server_no_context_takeover=True)], "server_no_context_takeover"),
    "no client takeover": (
        [Answer(client_no_context_takeover=True)], "client_no_context_takeover"),
    "no takeover": (
        [Answer(server_no_context_takeover=True, client_no_context_takeover=True)], BOTH),
    "stored blocks": ([Answer(compress_settings={"level": 0})], ""),
    **{f"server bits {bits}": (
        [Answer(server_max_window_bits=bits)], f"server_max_window_bits={bits}")
       for bits in BITS},
    **{f"client bits {bits}": (
        [Answer(client_max_window_bits=bits)], f"client_max_window_bits={bits}")
       for bits in [8, *BITS]},
    "bits 9 and 9, no takeover": (
        [Answer(**SMALLEST)], f"{BOTH}; server_max_window_bits=9; client_max_window_bits=9"),
}


class Counted:
    """Counts the bytes that arrive."""

    wire = 0

    def data_received(self, data):
        self.wire += len(data)
        super().data_received(data)


class Client(Counted, ClientConnection):
    pass


class Server(Counted, ServerConnection):
    pass


# ---- our server ------------------------------------------------------------------------------


async def sizes_from_0_to_1_mib_and_emoji_come_back(open_, _):
    async with open_() as peer:
        for size in SIZES:
            await echo(peer, noise(size))
            await echo(peer, prose(size))
            await echo(peer, "é" * (size // 2) + "x" * (size % 2))
        await echo(peer, EMOJI)
        await echo(peer, EMOJI * 500)


async def fragments_come_back_whole_pings_between_them_answered(open_, _):
    async def one_by_one(pieces):
        for piece in pieces:
            yield piece
            pongs.append(await peer.ping())

    async with open_() as peer:
        for pieces, whole in fragmented():
            pongs = []
            await peer.send(one_by_one(pieces))
            equal(await peer.recv(), whole)
            for pong in pongs:
                await pong
            # The same as frames that follow each other at once.
            await peer.send(pieces, text=isinstance(whole, str))
            equal(await peer.recv(), whole)


async def five_hundred_random_messages_in_a_row_come_back_in_order(open_, _):
    messages = mixture(500)
    async with open_() as peer:
        await asyncio.gather(send_all(peer, messages), expect_all(peer, messages))


async def messages_that_resemble_each_other_shrink_as_agreed(open_, agreed):
    messages = ticks(200)
    async with open_() as peer:
        before = peer.wire
        for message in messages:
            await echo(peer, message)
        shrunk(messages, peer.wire - before, agreed, "server_no_context_takeover")


async def pings_are_answered_with_their_payload(open_):
    async with open_() as peer:
        # The library compares payloads.
        for payload in [b"", b"hi", noise(125)]:
            await (await peer.ping(payload))
        first, second = await peer.ping(b"first"), await peer.ping(b"second")
        await asyncio.gather(first, second)
        await peer.pong(b"nobody asked")
        await echo(peer, "still here")


async def a_close_is_answered_with_its_code_and_reason(open_):
    codes = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999]
    for code in codes:
        reason = "é" * 61 + "!" if code % 2 else ""
        async with open_() as peer:
            await peer.close(code, reason)
            received = peer.protocol.close_rcvd
            equal((received.code, received.reason), (code, reason))


async def a_close_by_the_server_shows_its_code_and_reason(open_):
    closes = [(1000, ""), (1001, "away"), (1011, "é" * 61 + "!"), (3000, "😀"), (4999, "a b")]
    for code, reason in closes:
        async with open_() as peer:
            await peer.send(f"!close {code} {reason}".rstrip())
            await closes_with(peer, code, reason)
    async with open_() as peer:
        await peer.send("!close")
        await closes_with(peer, 1005, "")


async def the_first_subprotocol_offered_is_chosen(open_):
    for offer in [["chat"], ["superchat", "chat"], ["v2.example", "v1.example", "a"]]:
        async with open_(subprotocols=offer) as peer:
            equal(peer.subprotocol, offer[0])
            await echo(peer, "hello")


async def thirty_two_mib_to_a_slow_peer_come_back_in_order(open_):
    for extensions in [], [Offer()]:
        messages = [noise(MIB) if i % 2 else prose(MIB) for i in range(32)]
        async with open_(extensions) as peer:
            sending = asyncio.ensure_future(send_all(peer, messages))
            await asyncio.sleep(0.3)
            await asyncio.gather(sending, expect_all(peer, messages))


async def a_message_over_32_mib_is_refused_with_1009(open_):
    for extensions in [], [Offer()]:
        async with open_(extensions) as peer:
            # Nearly all of it is taken, so that little is under way when the rest is refused.
            with contextlib.suppress(ConnectionClosed):
                await peer.send([bytes(31 * MIB), bytes(2 * MIB)])
            await closes_with(peer, 1009)


async def a_peer_that_takes_less_closes_with_1009(open_):
    for extensions in [], [Offer()]:
        async with open_(extensions, max_size=1000) as peer:
            await peer.send(prose(2000))
            # The library reads nothing behind what it refused, not even the answer to its Close.
            await closes_with(peer, 1009, end="sent")


async def text_that_is_not_utf_8_is_refused_with_1007(open_):
    for extensions in [], [Offer()]:
        async with open_(extensions) as peer:
            await peer.send(b"fine \xff not", text=True)
            await closes_with(peer, 1007)


async def fifty_connections_at_once_do_not_mix(open_):
    async def talk(number):
        async with open_([Offer()] if number % 2 else []) as peer:
            for i in range(20):
                await echo(peer, f"{number} {i} {'.' * (i * 9)}")

    await asyncio.gather(*map(talk, range(50)))


async def a_peer_that_vanishes_does_no_harm(open_):
    async with open_([Offer()]) as stays:
        async with open_([Offer()]) as gone:
            await gone.send(prose(MIB))
            gone.transport.abort()
        await echo(stays, "still here")


EXCHANGES = [
    sizes_from_0_to_1_mib_and_emoji_come_back,
    fragments_come_back_whole_pings_between_them_answered,
    five_hundred_random_messages_in_a_row_come_back_in_order,
    messages_that_resemble_each_other_shrink_as_agreed,
]
CONDUCT = [
    pings_are_answered_with_their_payload,
    a_close_is_answered_with_its_code_and_reason,
    a_close_by_the_server_shows_its_code_and_reason,
    the_first_subprotocol_offered_is_chosen,
    thirty_two_mib_to_a_slow_peer_come_back_in_order,
    a_message_over_32_mib_is_refused_with_1009,
    a_peer_that_takes_less_closes_with_1009,
    text_that_is_not_utf_8_is_refused_with_1007,
    fifty_connections_at_once_do_not_mix,
    a_peer_that_vanishes_does_no_harm,
]


def open_at(url, extensions=(), **options):
    options = {"max_size": None, **options}
    return connect(
        url, extensions=list(extensions) or None, compression=None, proxy=None, ping_interval=None,
        create_connection=Client, **options)


async def test_server(adapter, url):
    for offer, (extensions, params) in OFFERS.items():
        agreed = deflate(params)

        @contextlib.asynccontextmanager
        async def open_(extensions=extensions, agreed=agreed):
            async with open_at(url, extensions) as peer:
                equal(peer.response.headers.get("Sec-WebSocket-Extensions"), agreed)
                yield peer
                await peer.close()
                equal((peer.close_code, peer.close_reason), (1000, ""))

        for check in EXCHANGES:
            await run(f"{adapter} server, websockets offers {offer}: {words(check)}",
                      check(open_, agreed))
    for check in CONDUCT:
        await run(f"{adapter} server, websockets: {words(check)}",
                  check(lambda *extensions, **options: open_at(url, *extensions, **options)))


async def echo(peer, message):
    await peer.send(message)
    equal(await peer.recv(), message)


async def send_all(peer, messages):
    for message in messages:
        await peer.send(message)


async def expect_all(peer, messages):
    for message in messages:
        equal(await peer.recv(), message)


async def closes_with(peer, code, reason=None, end="rcvd"):
    """Expects a Close from the other end."""
    try:
        found = await peer.recv()
    except ConnectionClosed as closed:
        close = getattr(closed, end)
        equal(close and int(close.code), code)
        if reason is not None:
            equal(close.reason, reason)
    else:
        raise AssertionError(f"received {shown(found)}")


# ---- our client ------------------------------------------------------------------------------


class Example:
    """The client example as a child, and the server it is connected to."""

    def __init__(self, process):
        self.process = process
        self.peer = None
        self.done = None

    def write(self, *lines):
        self.process.stdin.write("".join(f"{line}\n" for line in lines).encode())

    async def line(self):
        line = await self.process.stdout.readline()
        if not line.endswith(b"\n"):
            raise AssertionError(f"the client ended: {(await self.process.stderr.read()).decode()}")
        return line.decode()[:-1]

    async def finish(self, code=1000, reason="", end=True):
        """Ends the input, by default, and expects a clean end on both sides."""
        if end:
            self.process.stdin.close()
        equal(await self.line(), f"\\c {code} {reason}".rstrip())
        await self.peer.wait_closed()
        equal((self.peer.close_code, self.peer.close_reason), (code, reason))
        stderr = (await self.process.stderr.read()).decode()
        equal(await self.process.wait(), 0)
        return stderr

    async def fails(self, complaint):
        stderr = (await self.process.stderr.read()).decode()
        equal(await self.process.wait(), 1)
        if not re.search(complaint, stderr, re.IGNORECASE):
            raise AssertionError(f"complains {stderr!r}")


async def back(peer):
    async for message in peer:
        await peer.send(message)


@contextlib.asynccontextmanager
async def served(*arguments, behind=(), handle=back, extensions=(), refusing=False, **options):
    """Runs a server and the client example. Waits until they are connected, unless `refusing`."""
    connected = asyncio.get_running_loop().create_future()

    async def handler(peer):
        if not connected.done():
            connected.set_result(peer)
        await handle(peer)

    async with serve(
        handler, "127.0.0.1", 0, extensions=list(extensions), compression=None, max_size=None,
        ping_interval=None, create_connection=Server, **options,
    ) as server:
        port = server.sockets[0].getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            CLIENT, *arguments, f"ws://127.0.0.1:{port}/", *behind, limit=8 * MIB,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE)
        example = Example(process)
        try:
            if not refusing:
                exited = asyncio.ensure_future(process.wait())
                await asyncio.wait([connected, exited], return_when=asyncio.FIRST_COMPLETED)
                if not connected.done():
                    raise AssertionError((await process.stderr.read()).decode())
                exited.cancel()
                example.peer = await connected
            yield example
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def its_sizes_from_0_to_1_mib_and_emoji_come_back(talk, _):
    messages = [make(size) for size in SIZES for make in (noise, prose)]
    await talk([*messages, EMOJI, EMOJI * 500])


async def its_five_hundred_random_messages_in_a_row_come_back_in_order(talk, _):
    await talk(mixture(500))


async def fragments_of_the_server_arrive_whole(talk, _):
    messages = fragmented()

    async def handle(peer):
        for pieces, whole in messages:
            await peer.send(pieces, text=isinstance(whole, str))
            await (await peer.ping())
        await peer.wait_closed()

    await talk([], [whole for _, whole in messages], handle)


async def its_messages_that_resemble_each_other_shrink_as_agreed(talk, agreed):
    messages = ticks(200)
    wire = await talk(messages)
    shrunk(messages, wire, agreed, "client_no_context_takeover")


async def pings_are_answered_while_it_sends():
    async with served("--deflate", extensions=[Answer()]) as client:
        lines = ticks(200)
        client.write(*lines)
        pongs = [await client.peer.ping(noise(1 + i)) for i in range(125)]
        for line in lines:
            equal(await client.line(), line)
        await asyncio.gather(*pongs)
        await client.finish()


async def its_ping_does_no_harm():
    async with served() as client:
        client.write("\\p are you there?", "one")
        equal(await client.line(), "one")
        await client.finish()


async def it_closes_with_the_code_and_reason_it_is_told():
    for code, reason in [(1000, ""), (1001, "é" * 61 + "!"), (3000, "😀"), (4999, "a b")]:
        async with served() as client:
            client.write(f"\\c {code} {reason}".rstrip())
            await client.finish(code, reason, end=False)


async def it_shows_the_code_and_reason_the_server_closes_with():
    async def handle(peer):
        await peer.send(await peer.recv())
        await peer.close(code, reason)

    closes = [(4000, "go away"), (1000, ""), (1001, ""), (1012, "é" * 61 + "!"), (4999, "😀")]
    for code, reason in closes:
        async with served("--deflate", extensions=[Answer()], handle=handle) as client:
            client.write("one")
            equal(await client.line(), "one")
            await client.finish(code, reason, end=False)
            answer = client.peer.protocol.close_rcvd
            equal((answer.code, answer.reason), (code, reason))


async def a_server_that_takes_less_closes_with_1009():
    async with served("--deflate", extensions=[Answer()]) as client:
        client.peer.protocol.max_message_size = 1000
        client.write(prose(2000))
        equal((await client.line()).split()[:2], ["\\c", "1009"])
        equal(await client.process.wait(), 0)


async def a_connection_that_breaks_is_an_error():
    async def handle(peer):
        await peer.recv()
        peer.transport.abort()

    async with served(handle=handle) as client:
        client.write("one")
        await client.fails("closing handshake|reset|closed|ended")


async def a_subprotocol_it_offers_can_be_chosen_or_none():
    for chosen in "chat", None:
        async with served(behind=["chat"], select_subprotocol=lambda *_: chosen) as client:
            equal(client.peer.subprotocol, chosen)
            await client.finish()


async def a_subprotocol_it_did_not_offer_is_refused():
    for offer in ["chat"], []:
        async with served(
            behind=offer, select_subprotocol=lambda *_: "other", refusing=True,
        ) as client:
            await client.fails("subprotocol")


async def a_refusal_is_shown_with_its_status_and_body():
    def refuse(peer, _):
        return peer.respond(403, "members only: ask at the door\n")

    async with served(process_request=refuse, refusing=True) as client:
        await client.fails(r"403 Forbidden\nmembers only: ask at the door\n\Z")


TALKS = [
    its_sizes_from_0_to_1_mib_and_emoji_come_back,
    its_five_hundred_random_messages_in_a_row_come_back_in_order,
    fragments_of_the_server_arrive_whole,
    its_messages_that_resemble_each_other_shrink_as_agreed,
]
CLIENTS = [
    pings_are_answered_while_it_sends,
    its_ping_does_no_harm,
    it_closes_with_the_code_and_reason_it_is_told,
    it_shows_the_code_and_reason_the_server_closes_with,
    a_server_that_takes_less_closes_with_1009,
    a_connection_that_breaks_is_an_error,
    a_subprotocol_it_offers_can_be_chosen_or_none,
    a_subprotocol_it_did_not_offer_is_refused,
    a_refusal_is_shown_with_its_status_and_body,
]


async def test_client():
    for (answer, (extensions, params)), offers in itertools.product(ANSWERS.items(), (True, False)):
        if params and not offers:
            continue
        agreed = deflate(params) if offers else None
        arguments = ["--deflate"] if offers else []

        async def talk(messages, wanted=None, handle=back,
                       arguments=arguments, extensions=extensions, agreed=agreed):
            async with served(*arguments, extensions=extensions, handle=handle) as client:
                headers = client.peer.request.headers
                equal(headers.get("Sec-WebSocket-Extensions"),
                      "permessage-deflate; client_max_window_bits" if arguments else None)
                before = client.peer.wire
                client.write(*map(line_of, messages))
                for message in messages if wanted is None else wanted:
                    equal(await client.line(), line_of(message))
                wire = client.peer.wire - before
                said = await client.finish()
                if agreed:
                    equal(ordered(said.strip()), ordered(f"negotiated {agreed}"))
                elif arguments:
                    equal(said.strip(), "no compression: the server declined it")
                else:
                    equal(said, "")
                return wire

        flag = " ".join(["client", *arguments])
        for check in TALKS:
            await run(f"{flag}, websockets answers {answer}: {words(check)}", check(talk, agreed))
    for check in CLIENTS:
        await run(f"client, websockets: {words(check)}", check())


def line_of(message):
    return message if isinstance(message, str) else f"\\b {message.hex()}"


def ordered(text):
    """Parameters may stand in any order."""
    return sorted(text.split("; "))


# ---- data ------------------------------------------------------------------------------------

# The same in every run.
source = random.Random(0x9E3779B9)


def noise(size):
    """Bytes that do not shrink."""
    return source.randbytes(size)


def prose(size):
    """ASCII that shrinks, with matches near and far."""
    words_ = [f"{source.getrandbits(30):x}" for _ in range(400)]
    return " ".join(source.choices(words_, k=size // 4 + 1)).ljust(size, ".")[:size]


def mixture(count):
    """Messages of both kinds and all sorts; some repeat what was sent long before."""
    messages = [""]
    while len(messages) < count:
        size = source.randrange(1 << source.randrange(13))
        messages.append(source.choice([
            lambda: noise(size),
            lambda: prose(size).encode(),
            lambda: prose(size),
            lambda: EMOJI * (1 + size % 20),
            lambda: source.choice(messages),
        ])())
    return messages


def ticks(count):
    """Small messages that differ in a few digits."""
    return [
        json.dumps({
            "type": "tick", "number": i, "price": 100 + source.randrange(1000) / 100,
            "volume": source.randrange(1000), "venue": "somewhere far away", "halted": False,
        })
        for i in range(count)
    ]


def fragmented():
    """Messages in pieces, also empty ones and such as end within a character."""
    data, text = noise(70_000), prose(70_000)
    return [
        (["one ", "two ", "three"], "one two three"),
        (["", "", ""], ""),
        (["", "x", ""], "x"),
        (list(EMOJI), EMOJI),
        ([data[:1], data[1:126], data[126:]], data),
        ([text[:200], text[200:66_000], text[66_000:]], text),
    ]


def shrunk(messages, wire, agreed, reset):
    """Compares what arrived on the wire with what was sent."""
    plain = sum(map(len, messages))
    least, most = 5, 40
    if agreed is None or "client_max_window_bits=8" in agreed:
        least, most = 100, 110
    elif reset in agreed:
        least, most = 85, 99
    if not least <= 100 * wire / plain <= most:
        raise AssertionError(f"{plain} bytes of messages took {wire} on the wire")


# ---- running ---------------------------------------------------------------------------------


def deflate(params):
    if params is None:
        return None
    return "; ".join(filter(None, ["permessage-deflate", params]))


def equal(found, wanted):
    if found != wanted or type(found) is not type(wanted):
        raise AssertionError(f"found {shown(found)}, wanted {shown(wanted)}")


def shown(value):
    text = repr(value)
    return text if len(text) < 200 else f"{text[:200]}… ({len(value)})"


failures = []


async def run(name, check):
    start = time.monotonic()
    try:
        async with asyncio.timeout(PATIENCE if start < END else 0):
            await check
    except (Exception, asyncio.CancelledError) as error:
        failures.append(name)
        report(name, start, error)
    else:
        report(name, start)


async def main():
    logging.getLogger("websockets").setLevel(logging.CRITICAL)
    for adapter, url in SERVERS:
        await test_server(adapter, url)
    await test_client()
    return 1 if failures else 0


sys.exit(asyncio.run(main()))
