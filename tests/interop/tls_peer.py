"""Lets both examples talk over TLS: to `websockets` of Python and `ws` of Node.js, each as server and
as client, and to examples/echo_server.rs behind nginx and HAProxy.

Started by .ci/interop: python tls_peer.py OUT CLIENT ECHO_SERVER
"""

import asyncio
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

PATIENCE = 20  # seconds for one connection
SIZES = [0, 1, 125, 126, 65_535, 65_536, 1 << 20]


async def serve_websockets(certificate, key):
    """An echo server of `websockets`."""
    async def echo(connection):
        async for message in connection:
            await connection.send(message)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    async with serve(echo, "127.0.0.1", 0, ssl=context) as server:
        print(f"listening on wss://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
        await server.serve_forever()


if sys.argv[1:2] == ["--websockets"]:
    sys.exit(asyncio.run(serve_websockets(*sys.argv[2:])))

OUT, CLIENT, ECHO_SERVER = pathlib.Path(sys.argv[1]).resolve(), *sys.argv[2:]
WS = pathlib.Path(__file__).with_name("tls_ws.mjs")
CERTIFICATE, KEY, BOTH = OUT / "tls-cert.pem", OUT / "tls-key.pem", OUT / "tls-both.pem"

NGINX = """
daemon off;
pid {out}/tls-nginx.pid;
error_log {out}/tls-nginx.log;
worker_processes 1;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {out}/tls-nginx;
    proxy_temp_path {out}/tls-nginx;
    fastcgi_temp_path {out}/tls-nginx;
    uwsgi_temp_path {out}/tls-nginx;
    scgi_temp_path {out}/tls-nginx;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {out}/tls-cert.pem;
        ssl_certificate_key {out}/tls-key.pem;
        location / {{
            proxy_pass http://{behind};
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
        }}
    }}
}}
"""

HAPROXY = """
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    timeout tunnel 30s
frontend front
    bind 127.0.0.1:{port} ssl crt {out}/tls-both.pem
    default_backend echo
backend echo
    server tokio {behind}
"""

processes = []


def make_certificate():
    """A certificate for 127.0.0.1 that signs itself: who trusts it, trusts the server."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", "/CN=interop", "-keyout", KEY, "-out", CERTIFICATE,
         "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
         "-addext", "basicConstraints=critical,CA:FALSE"],
        check=True, capture_output=True, timeout=PATIENCE)
    BOTH.write_bytes(CERTIFICATE.read_bytes() + KEY.read_bytes())


def start(name, *command):
    log = open(OUT / f"tls-{name}.log", "wb")
    process = subprocess.Popen(
        list(map(str, command)), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    processes.append(process)
    return process


def log(name):
    return (OUT / f"tls-{name}.log").read_text(errors="replace")


def address_of(name, *command):
    """Starts a server and returns where it says that it listens."""
    start(name, *command)
    for _ in range(100):
        if found := re.search(r"listening on wss?://([^/\s]+)", log(name)):
            return found[1]
        time.sleep(0.1)
    raise AssertionError(f"{name} did not say where it listens: {log(name)}")


def proxy(name, config, *command, behind):
    """Starts a proxy on a free port and returns where it listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    path = OUT / f"tls-{name}.conf"
    path.write_text(config.format(out=OUT, port=port, behind=behind))
    process = start(name, *command, path)
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return f"127.0.0.1:{port}"
        except ConnectionRefusedError:
            if process.poll() is not None:
                break
            time.sleep(0.1)
    raise AssertionError(f"{name} does not listen: {log(name)}")


def talk(url, *options, lines="one\n\\b 00 ff\n"):
    """Runs the client; returns its status, what it printed, and what it complained of."""
    client = subprocess.run(
        [CLIENT, *map(str, options), url], input=lines, text=True, capture_output=True,
        timeout=PATIENCE)
    return client.returncode, client.stdout, client.stderr


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
    equal(talk(f"wss://{address}/", "--insecure")[:2], (0, "one\n\\b 00ff\n\\c 1000\n"))


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


def equal(found, wanted):
    if found != wanted:
        raise AssertionError(f"found {str(found)[:300]!r}, wanted {str(wanted)[:300]!r}")


def checks():
    servers = {
        adapter: address_of(adapter, ECHO_SERVER, *options, "--tls", CERTIFICATE, KEY,
                            "127.0.0.1:0")
        for adapter, options in [("tokio", []), ("futures-io", ["--futures-io"]),
                                 ("blocking", ["--blocking"])]
    }
    for adapter, address in servers.items():
        yield f"websockets talks to {adapter}", lambda: asyncio.run(websockets_talks_to(address))
        yield f"ws talks to {adapter}", lambda: ws_talks_to(address)
        yield f"our client talks to {adapter}", lambda: our_client_talks_to(address)
    plain = address_of("plain", ECHO_SERVER, "127.0.0.1:0")
    peers = {
        "websockets": lambda: address_of(
            "websockets", sys.executable, __file__, "--websockets", CERTIFICATE, KEY),
        "ws": lambda: address_of("ws", "node", WS, OUT, "serve", CERTIFICATE, KEY),
        "nginx": lambda: proxy("nginx", NGINX, "nginx", "-p", OUT, "-c", behind=plain),
        "haproxy": lambda: proxy("haproxy", HAPROXY, "haproxy", "-f", behind=plain),
    }
    for name, begin in peers.items():
        yield f"our client talks to {name}", lambda: our_client_talks_to(begin())
    for check in (a_certificate_that_nobody_vouches_for_is_refused,
                  a_name_that_the_certificate_does_not_have_is_refused):
        yield check.__name__.replace("_", " "), lambda: check(servers["tokio"])
    yield "a port without TLS is named", lambda: a_port_without_tls_is_named(plain)


failures = 0
try:
    os.environ["PATH"] += ":/usr/sbin"
    (OUT / "tls-nginx").mkdir(exist_ok=True)
    make_certificate()
    for name, check in checks():
        begin = time.monotonic()
        try:
            check()
        except Exception as error:
            failures += 1
            print(f"FAILED  {name}\n        {type(error).__name__}: {error}", flush=True)
        else:
            print(f"ok      {name} ({(time.monotonic() - begin) * 1000:.0f} ms)", flush=True)
finally:
    for process in processes:
        process.send_signal(signal.SIGTERM)
        process.wait()
sys.exit(1 if failures else 0)
