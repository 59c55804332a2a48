"""Lets both examples talk over TLS: to `websockets` of Python and `ws` of Node.js, each as server and
as client, and to examples/echo_server.rs behind nginx and HAProxy.

Started by .ci/interop: python tls_peer.py OUT CLIENT ECHO_SERVER
"""

import asyncio
import pathlib
import ssl
import subprocess
import sys
import threading

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

import peers
from peers import ECHO, PATIENCE, equal, words

SIZES = [0, 1, 125, 126, 65_535, 65_536, 1 << 20]


async def serve_websockets(certificate, key):
    """An echo server of `websockets`."""
    context = peers.server_context(certificate, key)
    async with serve(peers.echo, "127.0.0.1", 0, ssl=context) as server:
        print(f"listening on wss://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
        await server.serve_forever()


if sys.argv[1:2] == ["--websockets"]:
    sys.exit(asyncio.run(serve_websockets(*sys.argv[2:])))

OUT, CLIENT, ECHO_SERVER = pathlib.Path(sys.argv[1]).resolve(), *sys.argv[2:]
WS = pathlib.Path(__file__).with_name("tls_ws.mjs")
CERTIFICATE, KEY, BOTH = OUT / "tls-cert.pem", OUT / "tls-key.pem", OUT / "tls-both.pem"

NGINX = """ ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {key};"""

HAPROXY = """ ssl crt {both}
    default_backend echo
backend echo
    server tokio {behind}
"""

processes = peers.Processes(OUT, "tls")


def talk(url, *options):
    return peers.talk(CLIENT, url, *options)


def our_client_talks_to(address):
    lines = ["one", "\\b 00ff", "x" * 100_000]
    with subprocess.Popen(
            [CLIENT, "--ca", str(CERTIFICATE), f"wss://{address}/"], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as client:
        late = threading.Timer(PATIENCE, client.kill)
        late.start()
        # A server may drop what it has not sent back when the Close frame comes: wait for all.
        for line in lines:
            client.stdin.write(line + "\n")
            client.stdin.flush()
            equal(client.stdout.readline(), line + "\n")
        rest, complaint = client.communicate()
        late.cancel()
    equal((client.returncode, rest, complaint), (0, "\\c 1000\n", ""))


async def websockets_talks_to(address):
    context = ssl.create_default_context(cafile=CERTIFICATE)
    async with connect(f"wss://{address}/", ssl=context, max_size=2 << 20) as peer:
        for size in SIZES:
            for message in bytes(size), "é" * (size // 2):
                await peer.send(message)
                equal(await asyncio.wait_for(peer.recv(), PATIENCE), message)
    equal(peer.close_code, 1000)


def ws_talks_to(address):
    node = subprocess.run(["node", WS, OUT, "talk", CERTIFICATE, f"wss://{address}/"],
                          capture_output=True, text=True, timeout=PATIENCE)
    equal((node.returncode, node.stderr), (0, ""))


def a_certificate_that_nobody_vouches_for_is_refused(address):
    status, printed, complaint = talk(f"wss://{address}/?token=secret")
    equal((status, printed), (1, ""))
    if "TLS handshake failed" not in complaint or "certificate" not in complaint:
        raise AssertionError(complaint)
    equal(talk(f"wss://{address}/", "--insecure")[:2], (0, ECHO))


def a_name_that_the_certificate_does_not_have_is_refused(address):
    port = address.split(":")[1]
    status, _, complaint = talk(
        f"wss://example.com:{port}/", "--ca", CERTIFICATE,
        "--resolve", f"example.com:{port}:127.0.0.1")
    if status != 1 or "not valid for name" not in complaint:
        raise AssertionError(complaint)


def a_port_without_tls_is_named(address):
    status, _, complaint = talk(f"wss://{address}/", "--ca", CERTIFICATE)
    if status != 1 or "does not speak TLS" not in complaint:
        raise AssertionError(complaint)


def checks():
    servers = {
        adapter: processes.address_of(adapter, ECHO_SERVER, *options, "--tls", CERTIFICATE, KEY,
                            "127.0.0.1:0")
        for adapter, options in [("tokio", []), ("futures-io", ["--futures-io"]),
                                 ("blocking", ["--blocking"])]
    }
    for adapter, address in servers.items():
        yield f"websockets talks to {adapter}", lambda: asyncio.run(websockets_talks_to(address))
        yield f"ws talks to {adapter}", lambda: ws_talks_to(address)
        yield f"our client talks to {adapter}", lambda: our_client_talks_to(address)
    plain = processes.address_of("plain", ECHO_SERVER, "127.0.0.1:0")
    peers = {
        "websockets": lambda: processes.address_of(
            "websockets", sys.executable, __file__, "--websockets", CERTIFICATE, KEY),
        "ws": lambda: processes.address_of("ws", "node", WS, OUT, "serve", CERTIFICATE, KEY),
        "nginx": lambda: processes.nginx(
            NGINX, behind=plain, certificate=CERTIFICATE, key=KEY),
        "haproxy": lambda: processes.haproxy(HAPROXY, behind=plain, both=BOTH),
    }
    for name, begin in peers.items():
        yield f"our client talks to {name}", lambda: our_client_talks_to(begin())
    for check in (a_certificate_that_nobody_vouches_for_is_refused,
                  a_name_that_the_certificate_does_not_have_is_refused):
        yield words(check), lambda: check(servers["tokio"])
    yield "a port without TLS is named", lambda: a_port_without_tls_is_named(plain)


peers.make_certificate(CERTIFICATE, KEY, "localhost")
BOTH.write_bytes(CERTIFICATE.read_bytes() + KEY.read_bytes())
sys.exit(1 if peers.run_checks(processes, checks()) else 0)
