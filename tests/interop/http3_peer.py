"""Lets `aioquic` with `wsproto`, and Chromium, talk to examples/http3 (RFC 9220).

Started by .ci/run: python http3_peer.py SERVER
Ends with the line `N passed, N failed`.
"""

import asyncio
import base64
import hashlib
import random
import ssl
import sys

from aioquic.asyncio import QuicConnectionProtocol, connect
from aioquic.h3.connection import H3_ALPN, ErrorCode, H3Connection, Setting
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import StreamReset
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.async_api import async_playwright
from wsproto.connection import CLIENT, Connection
from wsproto.events import BytesMessage, CloseConnection, Message, Ping, Pong, TextMessage
from wsproto.extensions import PerMessageDeflate

SERVER = sys.argv[1]
PATIENCE = 60  # seconds for one check
MIB = 1 << 20
EMOJI = "Grüße, 😀 👩‍👩‍👧 𝄞 and 日本語"
DEFLATE = "permessage-deflate"
CHROMIUM = "/usr/bin/chromium"
# What the page of a browser does, and what it sees of that.
SCRIPT = """async (message) => {
  const socket = new WebSocket(`wss://${location.host}/`, ['chat']);
  const next = (name) => new Promise((resolve, reject) => {
    socket.addEventListener(name, resolve, { once: true });
    if (name !== 'close') socket.addEventListener('close', reject, { once: true });
  });
  await next('open').catch(() => { throw Error('it did not open'); });
  socket.send(message);
  const { data } = await next('message');
  socket.close(4321, message);
  const { code, wasClean } = await next('close');
  return [socket.protocol, socket.extensions, data, code, wasClean];
}"""


class Client(QuicConnectionProtocol):
    """An HTTP/3 connection. Each of its requests is a `Stream`."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.http = H3Connection(self._quic)
        self.streams = {}
        self.settled = asyncio.Event()

    def quic_event_received(self, event):
        for part in self.http.handle_event(event):
            self.streams[part.stream_id].receive(part)
        if isinstance(event, StreamReset) and event.stream_id in self.streams:
            self.streams[event.stream_id].receive(event)
        if self.http.received_settings is not None:
            self.settled.set()

    def request(self, headers):
        stream = Stream(self)
        self.http.send_headers(stream.id, headers)
        self.transmit()
        return stream


class Stream:
    """One request, and what came back for it."""

    def __init__(self, client):
        self.client = client
        self.id = client._quic.get_next_available_stream_id()
        self.headers = None
        self.data = bytearray()
        self.received = 0
        self.ended = False
        self.reset_code = None
        self.changed = asyncio.Event()
        client.streams[self.id] = self

    def receive(self, event):
        match event:
            case HeadersReceived():
                self.headers = {name.decode(): value.decode() for name, value in event.headers}
                self.ended = event.stream_ended
            case DataReceived():
                self.data += event.data
                self.received += len(event.data)
                self.ended = event.stream_ended
            case StreamReset():
                self.reset_code = event.error_code
        self.changed.set()

    async def until(self, happened):
        while not happened():
            self.changed.clear()
            await self.changed.wait()

    async def response(self):
        await self.until(lambda: self.headers is not None)
        return int(self.headers[":status"])

    def send(self, data, end=False):
        self.client.http.send_data(self.id, data, end)
        self.client.transmit()

    def reset(self):
        self.client._quic.reset_stream(self.id, ErrorCode.H3_REQUEST_CANCELLED)
        self.client._quic.stop_stream(self.id, ErrorCode.H3_REQUEST_CANCELLED)
        self.client.transmit()


class WebSocket:
    """The frames of `wsproto` on a stream."""

    def __init__(self, stream):
        self.stream = stream
        extensions = []
        if answer := stream.headers.get("sec-websocket-extensions"):
            extensions = [PerMessageDeflate()]
            extensions[0].finalize(answer)
        self.frames = Connection(CLIENT, extensions)
        self.events = []

    def send(self, *events):
        self.stream.send(b"".join(map(self.frames.send, events)))

    async def event(self):
        """The next message, whole, or the next control frame."""
        parts = []
        while True:
            while not self.events:
                await self.stream.until(lambda: self.stream.data or self.stream.ended)
                if not self.stream.data:
                    raise EOFError("the stream ended without a Close frame")
                data, self.stream.data = bytes(self.stream.data), bytearray()
                self.frames.receive_data(data)
                self.events += self.frames.events()
            event = self.events.pop(0)
            if not isinstance(event, Message):
                return event
            parts.append(event.data)
            if event.message_finished:
                return type(event)(parts[0][:0].join(parts))

    async def echo(self, message):
        """Sends a message; the next event is that message."""
        kind = TextMessage if isinstance(message, str) else BytesMessage
        self.send(kind(message))
        event = await self.event()
        expect(isinstance(event, kind) and event.data == message, f"{kind.__name__} came back")

    async def close(self, code, reason=""):
        """Closes; the answer is the same code, and the end of the stream."""
        self.send(CloseConnection(code, reason))
        event = await self.event()
        expect(isinstance(event, CloseConnection) and event.code == code, f"{event} is {code}")
        await self.stream.until(lambda: self.stream.ended)


def expect(is_so, what):
    if not is_so:
        raise AssertionError(f"not so: {what}")


def connect_headers(changed=None, **pseudo_headers):
    """An extended CONNECT for a WebSocket. `None` as a value leaves that header out."""
    headers = {
        ":method": "CONNECT", ":protocol": "websocket", ":scheme": "https",
        ":authority": "localhost", ":path": "/chat?room=1",
        "origin": "https://localhost", "sec-websocket-version": "13",
        "sec-websocket-protocol": "chat, superchat",
        "sec-websocket-extensions": f"{DEFLATE}; client_max_window_bits",
    }
    headers.update({f":{name}": value for name, value in pseudo_headers.items()})
    headers.update(changed or {})
    return [(name.encode(), value.encode()) for name, value in headers.items() if value is not None]


async def open_socket(client, changed=None):
    stream = client.request(connect_headers(changed))
    status = await stream.response()
    expect(status == 200, f"status {status} is 200")
    return WebSocket(stream)


async def settings(client, _):
    enabled = client.http.received_settings.get(Setting.ENABLE_CONNECT_PROTOCOL)
    expect(enabled == 1, f"SETTINGS_ENABLE_CONNECT_PROTOCOL {enabled} is 1")


async def handshake(client, _):
    socket = await open_socket(client)
    headers = socket.stream.headers
    expect(headers["sec-websocket-protocol"] == "chat", "the subprotocol is the first one")
    expect(headers["sec-websocket-extensions"] == DEFLATE, "permessage-deflate was accepted")
    for name in ["sec-websocket-accept", "upgrade", "connection", "content-length"]:
        expect(name not in headers, f"{name} is not there")
    await socket.close(1000)


async def text(client, _):
    socket = await open_socket(client)
    for message in ["", "hello", EMOJI, EMOJI * 2_000]:
        await socket.echo(message)
    await socket.close(1000)


async def binary(client, _):
    socket = await open_socket(client)
    for size in [0, 125, 126, 65_535, 65_536, MIB]:
        await socket.echo(random.randbytes(size))
    await socket.close(1000)


async def compression(client, _):
    socket = await open_socket(client)
    await socket.echo(bytes(MIB))
    expect(socket.stream.received < 4096, f"a MiB of zeros came in {socket.stream.received} bytes")
    await socket.close(1000)


async def no_compression(client, _):
    socket = await open_socket(client, {"sec-websocket-extensions": None})
    expect("sec-websocket-extensions" not in socket.stream.headers, "no extension was accepted")
    await socket.echo(bytes(MIB))
    expect(socket.stream.received > MIB, f"a MiB of zeros came in {socket.stream.received} bytes")
    await socket.close(1000)


async def fragments(client, _):
    socket = await open_socket(client)
    socket.send(TextMessage("one, ", message_finished=False))
    socket.send(Ping(b"between"))
    socket.send(TextMessage("", message_finished=False), TextMessage("two"))
    expect(await socket.event() == Pong(b"between"), "the pong came first")
    expect(await socket.event() == TextMessage("one, two"), "the message came back whole")
    await socket.close(1000)


async def data_frames(client, _):
    """The boundaries of HTTP/3's frames mean nothing."""
    socket = await open_socket(client)
    for byte in socket.frames.send(TextMessage("in single bytes")):
        socket.stream.send(bytes([byte]))
    expect(await socket.event() == TextMessage("in single bytes"), "single bytes are a message")
    socket.send(*[TextMessage(str(number)) for number in range(100)])
    for number in range(100):
        expect(await socket.event() == TextMessage(str(number)), f"message {number} of one frame")
    await socket.close(1000)


async def ping(client, _):
    socket = await open_socket(client)
    socket.send(Ping(b""), Ping(b"x" * 125))
    expect(await socket.event() == Pong(b""), "an empty pong")
    expect(await socket.event() == Pong(b"x" * 125), "the longest pong")
    await socket.close(1000)


async def close_code(client, _):
    socket = await open_socket(client)
    await socket.close(4321, EMOJI)


async def several(client, _):
    """One QUIC connection, many WebSockets."""
    sockets = [await open_socket(client) for _ in range(10)]
    await asyncio.gather(*[socket.echo(random.randbytes(100_000)) for socket in sockets])
    await asyncio.gather(*[socket.close(1000) for socket in sockets])


async def many(client, _):
    """More than either end buffers is under way."""
    socket = await open_socket(client, {"sec-websocket-extensions": None})
    messages = [random.randbytes(MIB // 2) for _ in range(16)]
    socket.send(*map(BytesMessage, messages))
    for message in messages:
        expect((await socket.event()).data == message, "the message came back")
    await socket.close(1000)


async def broken_frame(client, server):
    socket = await open_socket(client)
    socket.stream.send(bytes([0x81, 0x02]) + b"hi")
    event = await socket.event()
    expect(event.code == 1002, f"{event} for an unmasked frame is 1002")
    socket.stream.send(b"", end=True)
    await socket.stream.until(lambda: socket.stream.ended)
    await server.says("not masked")


async def broken_text(client, server):
    socket = await open_socket(client)
    socket.send(BytesMessage(b""))
    await socket.event()
    socket.stream.send(bytes([0x81, 0x81, 0, 0, 0, 0, 0xFF]))
    event = await socket.event()
    expect(event.code == 1007, f"{event} for a text that is not UTF-8 is 1007")
    socket.stream.send(b"", end=True)
    await server.says("not valid UTF-8")


def ended(last):
    """The stream ends after these bytes, without a Close frame."""
    async def check(client, server):
        socket = await open_socket(client)
        await socket.echo("hello")
        socket.stream.send(last, end=True)
        await socket.stream.until(lambda: socket.stream.ended)
        await server.says("ended before the closing handshake")
    return check


async def browser(client, server):
    """Chromium has it, behind a flag. It must know the server's key to trust it over QUIC."""
    key = client._quic.tls._peer_certificate.public_key()
    key = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    key_hash = base64.b64encode(hashlib.sha256(key).digest()).decode()
    arguments = [
        "--no-sandbox",
        f"--origin-to-force-quic-on=127.0.0.1:{server.port}",
        f"--ignore-certificate-errors-spki-list={key_hash}",
        "--enable-features=EnableWebsocketsOverHttp3",
    ]
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        page = await chromium.new_page()
        await page.goto(f"https://127.0.0.1:{server.port}/")
        seen = await page.evaluate(SCRIPT, EMOJI)
        await chromium.close()
    expect(seen == ["chat", DEFLATE, EMOJI, 4321, True], f"{seen}")


async def reset(client, server):
    socket = await open_socket(client)
    await socket.echo("hello")
    socket.stream.reset()
    await server.says("reset")


def answered(status, *, changed=None, **pseudo_headers):
    async def check(client, _):
        stream = client.request(connect_headers(changed, **pseudo_headers))
        answer = await stream.response()
        expect(answer == status, f"status {answer} is {status}")
        await stream.until(lambda: stream.ended)
        if changed and "sec-websocket-version" in changed:
            versions = stream.headers.get("sec-websocket-version")
            expect(versions == "13", f"sec-websocket-version {versions} is 13")
    return check


async def no_authority(client, _):
    """HTTP/3's own rule, which the stack enforces."""
    stream = client.request(connect_headers(authority=None))
    await stream.until(lambda: stream.reset_code is not None)
    expect(stream.reset_code == ErrorCode.H3_MESSAGE_ERROR, f"{stream.reset_code:#x}")


CHECKS = {
    "SETTINGS_ENABLE_CONNECT_PROTOCOL": settings,
    "handshake": handshake,
    "text": text,
    "binary": binary,
    "compressed": compression,
    "not compressed": no_compression,
    "fragments, with a ping between": fragments,
    "DATA frames of a byte, and of many messages": data_frames,
    "pings": ping,
    "close code and reason": close_code,
    "ten WebSockets on one connection": several,
    "8 MiB at once": many,
    "unmasked frame": broken_frame,
    "text that is not UTF-8": broken_text,
    "end of the stream without Close": ended(b""),
    "end of the stream within a frame": ended(bytes([0x82])),
    "reset of the stream": reset,
    "version 8": answered(400, changed={"sec-websocket-version": "8"}),
    "no version": answered(400, changed={"sec-websocket-version": None}),
    "another protocol": answered(501, protocol="connect-udp"),
    "ordinary CONNECT": answered(400, protocol=None),
    "no scheme": answered(400, scheme=None),
    "no authority": no_authority,
    "another origin": answered(403, changed={"origin": "https://evil.example"}),
    "a page": answered(200, method="GET", protocol=None),
    "Chromium": browser,
    "text, after all of that": text,
}


class Server:
    """The example, on a free port."""

    async def start(self):
        pipe = asyncio.subprocess.PIPE
        self.process = await asyncio.create_subprocess_exec(
            SERVER, "127.0.0.1:0", stdout=pipe, stderr=pipe)
        line = await self.process.stdout.readline()
        expect(line.startswith(b"listening on "), f"{line} says where it listens")
        self.port = int(line.rsplit(b":", 1)[1])

    async def says(self, word):
        line = (await self.process.stderr.readline()).decode()
        print(f"   server: {line.rstrip()}")
        expect(word in line, f"the server says {word}")

    async def stop(self):
        self.process.terminate()
        _, said = await self.process.communicate()
        expect(self.process.returncode == 0, f"status {self.process.returncode} is 0")
        expect(not said, f"the server had nothing else to say: {said.decode()}")


async def main():
    failed = 0
    server = Server()

    async def run(name, check):
        nonlocal failed
        try:
            async with asyncio.timeout(PATIENCE):
                await check
            print(f"ok      {name}", flush=True)
        except Exception as error:
            failed += 1
            print(f"FAILED  {name}: {type(error).__name__}: {error}", flush=True)

    await run("start", server.start())
    configuration = QuicConfiguration(alpn_protocols=H3_ALPN, verify_mode=ssl.CERT_NONE)
    async with connect(
        "127.0.0.1", server.port, configuration=configuration, create_protocol=Client
    ) as client:
        await run("SETTINGS", client.settled.wait())
        for name, check in CHECKS.items():
            await run(name, check(client, server))
    await run("stop", server.stop())
    print(f"{len(CHECKS) + 3 - failed} passed, {failed} failed")
    return failed > 0


sys.exit(asyncio.run(main()))
