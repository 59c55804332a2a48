"""WebSockets over HTTP/2: our client talks to hypercorn, and nghttp and h2load ask our server what
they can ask it.

Started by .ci/interop: python http2_peer.py OUT HTTP2_PEER
"""

import asyncio
import functools
import pathlib
import re
import socket
import subprocess
import sys

from hypercorn.asyncio import serve
from hypercorn.config import Config

import peers

OUT, PEER = pathlib.Path(sys.argv[1]), sys.argv[2]
PATIENCE = 60  # seconds for all checks of the client


# ---- a server for our client -------------------------------------------------------------------


async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            event = await receive()
            await send({"type": event["type"] + ".complete"})
            if event["type"] == "lifespan.shutdown":
                return
    assert scope["type"] == "websocket" and scope["http_version"] == "2", scope
    assert (await receive())["type"] == "websocket.connect"
    match scope["path"]:
        case "/echo":
            await send({"type": "websocket.accept"})
            while (event := await receive())["type"] == "websocket.receive":
                await send({"type": "websocket.send",
                            "bytes": event.get("bytes"), "text": event.get("text")})
        case "/close":
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close", "code": 4000, "reason": "go away"})
        case "/subprotocol":
            await send({"type": "websocket.accept", "subprotocol": scope["subprotocols"][-1]})
            await receive()
        case "/refuse":
            await send({"type": "websocket.http.response.start", "status": 403, "headers": []})
            await send({"type": "websocket.http.response.body", "body": b"members only\n"})


async def talk_to_hypercorn():
    listener = socket.create_server(("127.0.0.1", 0))
    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.errorlog = None
    config.websocket_max_message_size = 32 << 20
    over = asyncio.Event()
    serving = asyncio.ensure_future(serve(application, config, shutdown_trigger=over.wait))
    address = f"127.0.0.1:{listener.getsockname()[1]}"
    process = await asyncio.create_subprocess_exec(PEER, "client", address)
    status = await asyncio.wait_for(process.wait(), PATIENCE)
    over.set()
    await serving
    return status


# ---- our server --------------------------------------------------------------------------------


def shown_by(*command):
    return peers.run(*command, text=True).stdout


def finds(pattern, text):
    if not re.search(pattern, text):
        raise AssertionError(f"no {pattern!r} in {text[-500:]!r}")


def its_settings_allow_extended_connect(address):
    shown = shown_by("nghttp", "-nv", f"http://{address}/")
    finds(r"SETTINGS_ENABLE_CONNECT_PROTOCOL\(0x08\):1", shown)


def a_get_for_a_socket_is_refused_with_400(address):
    shown = shown_by("nghttp", "-v", f"http://{address}/chat")
    finds(r"recv \(stream_id=\d+\) :status: 400", shown)
    # Nothing is upgraded in HTTP/2.
    assert not re.search(r"recv .* (upgrade|connection): ", shown), shown


def many_requests_beside_busy_sockets_are_answered(address):
    with subprocess.Popen([PEER, "busy", address], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as busy:
        assert busy.stdout.readline() == "busy\n"
        shown = shown_by("h2load", "-n", "5000", "-c", "4", "-m", "50", f"http://{address}/")
        finds(r"5000 succeeded, 0 failed, 0 errored, 0 timeout", shown)
        finds(r"5000 2xx, 0 3xx, 0 4xx, 0 5xx", shown)
        said, _ = busy.communicate(timeout=peers.PATIENCE)
        assert busy.returncode == 0 and int(said.split()[0]) > 0, said


def many_requests_for_sockets_by_get_are_refused(address):
    shown = shown_by("h2load", "-n", "2000", "-c", "2", "-m", "50", f"http://{address}/chat")
    finds(r"0 2xx, 0 3xx, 2000 4xx, 0 5xx", shown)


CHECKS = [
    its_settings_allow_extended_connect,
    a_get_for_a_socket_is_refused_with_400,
    many_requests_beside_busy_sockets_are_answered,
    many_requests_for_sockets_by_get_are_refused,
]

status = asyncio.run(talk_to_hypercorn())
processes = peers.Processes(OUT, "http2")
address = processes.address_of("server", PEER, "server")
failures = peers.run_checks(processes, (
    (f"server, nghttp2: {peers.words(check)}", functools.partial(check, address))
    for check in CHECKS))
sys.exit(failures or status)
