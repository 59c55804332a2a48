"""Lets both examples meet what real servers and proxies put into the head of a response: Tornado,
nginx and HAProxy with examples/client.rs, and HAProxy with examples/echo_server.rs behind it.

Started by .ci/interop: python heads_peer.py OUT CLIENT ECHO_SERVER
"""

import collections
import collections.abc
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

PATIENCE = 20  # seconds for one connection


def serve_tornado():
    """An echo server of Tornado 4.5.1, which sends `Content-Length: 0` with its 101."""
    collections.MutableMapping = collections.abc.MutableMapping  # Python 3.10 moved it.
    from tornado import httpserver, ioloop, netutil, web, websocket

    class Echo(websocket.WebSocketHandler):
        def on_message(self, message):
            self.write_message(message, binary=isinstance(message, bytes))

    sockets = netutil.bind_sockets(0, "127.0.0.1")
    httpserver.HTTPServer(web.Application([("/", Echo)])).add_sockets(sockets)
    print(f"listening on ws://127.0.0.1:{sockets[0].getsockname()[1]}", flush=True)
    ioloop.IOLoop.current().start()


if sys.argv[1:] == ["--tornado"]:
    sys.exit(serve_tornado())

OUT, CLIENT, ECHO_SERVER = pathlib.Path(sys.argv[1]).resolve(), *sys.argv[2:]

# Each line of a value in nginx.conf is sent as it stands there, with the line break of the file.
NGINX = """
daemon off;
pid {out}/heads-nginx.pid;
error_log {out}/heads-nginx.log;
worker_processes 1;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {out}/heads-nginx;
    proxy_temp_path {out}/heads-nginx;
    fastcgi_temp_path {out}/heads-nginx;
    uwsgi_temp_path {out}/heads-nginx;
    scgi_temp_path {out}/heads-nginx;
    server {{
        listen 127.0.0.1:{port};
        add_header X-Policy "default-src 'self';\r
            child-src 'self';\r
\timg-src *" always;
        location / {{
            proxy_pass http://{behind};
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
        }}
        location /members {{ return 403 "ask at the door\\n"; }}
    }}
}}
"""

# It looks after the servers ten times a second, and leaves them without a word.
HAPROXY = """
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    timeout tunnel 30s
frontend front
    bind 127.0.0.1:{port}
    use_backend none if {{ path /none }}
    default_backend rooms
backend rooms
    balance roundrobin
    cookie ROOM insert indirect nocache
    server tokio {tokio} cookie tokio check inter 100ms
    server blocking {blocking} cookie blocking check inter 100ms
backend none
"""

processes = []


def start(name, *command):
    log = open(OUT / f"heads-{name}.log", "wb")
    process = subprocess.Popen(
        list(map(str, command)), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    processes.append(process)
    return process


def address_of(name, *command):
    """Starts a server and returns where it says that it listens."""
    start(name, *command)
    for _ in range(100):
        text = log(name)
        if found := re.search(r"listening on ws://(\S+)", text):
            return found[1]
        time.sleep(0.1)
    raise AssertionError(f"{name} did not say where it listens: {text}")


def proxy(name, config, *command, **values):
    """Starts a proxy on a free port and returns where it listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    path = OUT / f"heads-{name}.conf"
    path.write_bytes(config.format(out=OUT, port=port, **values).encode())
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


def log(name):
    return (OUT / f"heads-{name}.log").read_text(errors="replace")


def talk(address, path="/", lines="one\n\\b 00 ff\n"):
    """Runs the client; returns its status, what it printed, and what it complained of."""
    client = subprocess.run(
        [CLIENT, "--headers", f"ws://{address}{path}"], input=lines, text=True,
        capture_output=True, timeout=PATIENCE)
    return client.returncode, client.stdout, client.stderr


def open_to(address):
    """Has the client talk, and returns the headers that it saw."""
    status, printed, headers = talk(address)
    equal((status, printed), (0, "one\n\\b 00ff\n\\c 1000\n"))
    return [tuple(line.split(": ", 1)) for line in headers.splitlines()]


# ---- checks ----------------------------------------------------------------------------------


def a_101_of_tornado_may_have_a_content_length():
    headers = open_to(address_of("tornado", sys.executable, __file__, "--tornado"))
    equal([value for name, value in headers if name == "Content-Length"], ["0"])


def folded_header_lines_of_nginx_are_unfolded():
    policies = [value for name, value in open_to(nginx) if name == "X-Policy"]
    equal(policies, ["default-src 'self'; child-src 'self'; img-src *"])
    with socket.create_connection(("127.0.0.1", int(nginx.split(":")[1]))) as raw:
        raw.sendall(b"GET /members HTTP/1.0\r\n\r\n")
        if b";\r\n            child-src" not in raw.recv(4096):
            raise AssertionError("nginx does not fold it")


def a_refusal_of_nginx_with_folded_header_lines_is_shown():
    status, printed, complaint = talk(nginx, "/members")
    equal((status, printed), (1, ""))
    equal(complaint, f"ws://{nginx}/members: server answered 403 Forbidden\nask at the door\n")


def the_cookie_of_haproxy_is_seen():
    cookies = {dict(open_to(haproxy))["set-cookie"].split(";")[0] for _ in range(4)}
    equal(cookies, {"ROOM=tokio", "ROOM=blocking"})


def a_refusal_of_haproxy_is_shown():
    status, printed, complaint = talk(haproxy, "/none")
    equal((status, printed), (1, ""))
    if not re.search(r"server answered 503 Service Unavailable\n(?s:.*)No server", complaint):
        raise AssertionError(complaint)


def nobody_hears_of_the_health_checks_of_haproxy():
    time.sleep(1)
    for name in "echo-tokio", "echo-blocking":
        said = log(name).splitlines()
        equal(said[1:], [])


CHECKS = [
    a_101_of_tornado_may_have_a_content_length,
    folded_header_lines_of_nginx_are_unfolded,
    a_refusal_of_nginx_with_folded_header_lines_is_shown,
    the_cookie_of_haproxy_is_seen,
    a_refusal_of_haproxy_is_shown,
    nobody_hears_of_the_health_checks_of_haproxy,
]


def equal(found, wanted):
    if found != wanted:
        raise AssertionError(f"found {found!r}, wanted {wanted!r}")


failures = 0
try:
    os.environ["PATH"] += ":/usr/sbin"
    (OUT / "heads-nginx").mkdir(exist_ok=True)
    tokio = address_of("echo-tokio", ECHO_SERVER, "127.0.0.1:0")
    blocking = address_of("echo-blocking", ECHO_SERVER, "--blocking", "127.0.0.1:0")
    nginx = proxy("nginx", NGINX, "nginx", "-p", OUT, "-c", behind=tokio)
    haproxy = proxy("haproxy", HAPROXY, "haproxy", "-f", tokio=tokio, blocking=blocking)
    for check in CHECKS:
        name, begin = check.__name__.replace("_", " "), time.monotonic()
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
