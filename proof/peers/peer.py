"""Asks implementations in Python and C, one question a line, one answer a line.

    frames NAME client|server agreed|- HEX...    -> events, of bytes in these pieces
    head NAME request|response HEX               -> what a parser makes of a head
    deflate BITS keep|reset LEVEL HEX...         -> messages, compressed by zlib
    inflate BITS keep|reset HEX...               -> compressed messages, as they were

`agreed` is a header Sec-WebSocket-Extensions, its spaces left out. Bytes are in hexadecimal, and
an empty string is a dash.
"""

import sys
import zlib
from importlib.metadata import version

import h11
import llhttp
import websockets.exceptions
import websockets.extensions.permessage_deflate as websockets_deflate
import websockets.frames
import websockets.protocol
import wsproto.connection
import wsproto.events
import wsproto.extensions

LIMIT = 70_000
TAIL = b"\x00\x00\xff\xff"


def encoded(data):
    return bytes(data).hex() or "-"


def decoded(word):
    return b"" if word == "-" else bytes.fromhex(word)


# Events: `t`ext, `b`inary, p`i`ng, p`o`ng, `c`lose with its code, `f`ailure with a class.


def wsproto_events(role, agreed, pieces):
    extensions = []
    if agreed != "-":
        extension = wsproto.extensions.PerMessageDeflate()
        extension.finalize(agreed)
        extensions.append(extension)
    connection = wsproto.connection.Connection(
        {"client": wsproto.connection.CLIENT, "server": wsproto.connection.SERVER}[role], extensions
    )
    events, message = [], []
    for piece in pieces:
        connection.receive_data(piece)
        for event in connection.events():
            if isinstance(event, wsproto.events.Message):
                message.append(event.data)
                if event.message_finished:
                    if isinstance(event, wsproto.events.TextMessage):
                        events.append("t:" + encoded("".join(message).encode()))
                    else:
                        events.append("b:" + encoded(b"".join(message)))
                    message = []
            elif isinstance(event, wsproto.events.Ping):
                events.append("i:" + encoded(event.payload))
            elif isinstance(event, wsproto.events.Pong):
                events.append("o:" + encoded(event.payload))
            elif connection.state is wsproto.connection.ConnectionState.REMOTE_CLOSING:
                reason = (event.reason or "").encode()
                return [*events, f"c:{int(event.code)}:{encoded(reason)}"]
            else:
                return [*events, f"f:{int(event.code)}"]
    return [*events, "f:1006"]


def websockets_events(role, agreed, pieces):
    protocol = websockets.protocol.Protocol(
        {"client": websockets.protocol.CLIENT, "server": websockets.protocol.SERVER}[role],
        max_size=(LIMIT, LIMIT),
    )
    if agreed != "-":
        has = lambda name: name in agreed
        local, remote = ("client", "server") if role == "client" else ("server", "client")
        protocol.extensions = [
            websockets_deflate.PerMessageDeflate(
                has(remote + "_no_context_takeover"), has(local + "_no_context_takeover"), 15, 15
            )
        ]
    events, opcode, message = [], None, []
    for piece in [*pieces, None]:
        if piece is None:
            protocol.receive_eof()
        else:
            protocol.receive_data(piece)
        for frame in protocol.events_received():
            if frame.opcode is websockets.frames.Opcode.PING:
                events.append("i:" + encoded(frame.data))
            elif frame.opcode is websockets.frames.Opcode.PONG:
                events.append("o:" + encoded(frame.data))
            elif frame.opcode is websockets.frames.Opcode.CLOSE:
                close = websockets.frames.Close.parse(frame.data)
                return [*events, f"c:{int(close.code)}:{encoded(close.reason.encode())}"]
            else:
                if frame.opcode is not websockets.frames.Opcode.CONT:
                    opcode, message = frame.opcode, []
                message.append(bytes(frame.data))
                if frame.fin:
                    data = b"".join(message)
                    if opcode is websockets.frames.Opcode.TEXT:
                        # As its `recv` does.
                        try:
                            data.decode()
                        except UnicodeDecodeError:
                            return [*events, "f:1007"]
                    kind = "t:" if opcode is websockets.frames.Opcode.TEXT else "b:"
                    events.append(kind + encoded(data))
        error = protocol.parser_exc
        if error is not None:
            classes = {
                websockets.exceptions.ProtocolError: 1002,
                websockets.exceptions.PayloadTooBig: 1009,
                UnicodeDecodeError: 1007,
                EOFError: 1006,
            }
            return [*events, f"f:{classes[type(error)]}"]
    return [*events, "f:1006"]


# A head: `parsed START-LINE NAME:VALUE...`, all in hexadecimal; `malformed`, `incomplete`.


def parsed(words, fields):
    start = ":".join(encoded(word) for word in words)
    return " ".join(["parsed", start, *(encoded(n.lower()) + ":" + encoded(v) for n, v in fields)])


def h11_head(kind, data):
    if not data:  # Which would be the end of the stream.
        return "incomplete"
    if kind == "request":
        connection = h11.Connection(h11.SERVER)
    else:
        connection = h11.Connection(h11.CLIENT)
        headers = [("Host", "a"), ("Connection", "Upgrade"), ("Upgrade", "websocket")]
        connection.send(h11.Request(method="GET", target="/", headers=headers))
        connection.send(h11.EndOfMessage())
    try:
        connection.receive_data(data)
        event = connection.next_event()
        while kind == "response" and isinstance(event, h11.InformationalResponse):
            if event.status_code == 101:
                break
            event = connection.next_event()
    except h11.RemoteProtocolError as error:
        return "malformed " + encoded(str(error).encode())
    if event is h11.NEED_DATA:
        return "incomplete"
    if isinstance(event, h11.Request):
        return parsed([event.method, event.target], event.headers)
    if isinstance(event, (h11.Response, h11.InformationalResponse)):
        return parsed([b"%d" % event.status_code], event.headers)
    return "malformed " + encoded(repr(event).encode())


class Head:
    """What the callbacks of llhttp are told of a head. It must not look behind it."""

    class Done(Exception):
        pass

    def on_message_begin(self):
        self.url, self.names, self.values, self.has_value = b"", [], [], True
        self.is_done = False

    def on_url(self, data):
        self.url += data

    def on_header_field(self, data):
        if self.has_value:
            self.names.append(b"")
            self.values.append(b"")
        self.has_value = False
        self.names[-1] += data

    def on_header_value(self, data):
        self.has_value = True
        self.values[-1] += data

    def on_header_value_complete(self):
        self.has_value = True

    def on_headers_complete(self):
        self.is_done = True
        self.pause()


class Request(Head, llhttp.Request):
    pass


class Response(Head, llhttp.Response):
    pass


def llhttp_head(kind, data):
    parser = Request() if kind == "request" else Response()
    parser.is_done = False
    try:
        while data:
            used = parser.execute(data)
            status = parser.status if parser.is_done and kind == "response" else None
            if status is not None and 100 <= status < 200 and status != 101:
                parser.is_done = False
                parser.unpause()
                data = data[used:]
                continue
            break
    except llhttp.Error as error:
        if not parser.is_done:
            return "malformed " + encoded(f"{type(error).__name__} {error}".encode())
    if not parser.is_done:
        return "incomplete"
    words = [parser.method, parser.url] if kind == "request" else [b"%03d" % (parser.status or 0)]
    words = [word.encode() if isinstance(word, str) else word for word in words]
    return parsed(words, zip(parser.names, parser.values))


def deflate(bits, takeover, level, messages):
    compressor, all = None, []
    for message in messages:
        if compressor is None or takeover == "reset":
            compressor = zlib.compressobj(int(level), zlib.DEFLATED, -int(bits))
        data = compressor.compress(message) + compressor.flush(zlib.Z_SYNC_FLUSH)
        assert data.endswith(TAIL)
        all.append(data[:-4])
    return all


def inflate(bits, takeover, messages):
    decompressor, all = None, []
    for message in messages:
        if decompressor is None or takeover == "reset":
            decompressor = zlib.decompressobj(-int(bits))
        all.append(decompressor.decompress(message + TAIL))
    return all


def answer(line):
    question, *words = line.split()
    if question == "versions":
        names = ["h11", "llhttp", "websockets", "wsproto"]
        return ", ".join([*(f"{n} {version(n)}" for n in names), f"zlib {zlib.ZLIB_RUNTIME_VERSION}"])
    if question == "frames":
        events = {"wsproto": wsproto_events, "websockets": websockets_events}[words[0]]
        return " ".join(events(words[1], words[2], [decoded(word) for word in words[3:]]))
    if question == "head":
        head = {"h11": h11_head, "llhttp": llhttp_head}[words[0]]
        return head(words[1], decoded(words[2]))
    try:
        if question == "deflate":
            messages = deflate(*words[:3], [decoded(word) for word in words[3:]])
        else:
            messages = inflate(*words[:2], [decoded(word) for word in words[2:]])
    except zlib.error as error:
        return "error " + encoded(str(error).encode())
    return " ".join(["messages", *map(encoded, messages)])


for line in sys.stdin:
    try:
        said = answer(line)
    except Exception as error:  # To be seen with its question.
        said = "raised " + encoded(f"{type(error).__name__} {error}".encode())
    print(said, flush=True)
