"""Lets both examples meet what real servers and proxies put into the head of a response: Tornado,
nginx and HAProxy with examples/client.rs, and HAProxy with examples/echo_server.rs behind it.

Started by .ci/interop: python heads_peer.py OUT CLIENT ECHO_SERVER
"""

import collections
import collections.abc
import pathlib
import re
import socket
import sys
import time

import peers
from peers import ECHO, equal, words


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
processes = peers.Processes(OUT, "heads")

# Each line of a value is sent as it stands here, with the line break of the file.
NGINX = """;
        add_header X-Policy "default-src 'self';\r
            child-src 'self';\r
\timg-src *" always;
        location /members {{ return 403 "ask at the door\\n"; }}"""

# It looks after the servers ten times a second, and leaves them without a word.
HAPROXY = """
    use_backend none if {{ path /none }}
    default_backend rooms
backend rooms
    balance roundrobin
    cookie ROOM insert indirect nocache
    server tokio {tokio} cookie tokio check inter 100ms
    server blocking {blocking} cookie blocking check inter 100ms
backend none
"""


def talk(address, path="/"):
    return peers.talk(CLIENT, f"ws://{address}{path}", "--headers")


def open_to(address):
    """Has the client talk, and returns the headers that it saw."""
    status, printed, headers = talk(address)
    equal((status, printed), (0, ECHO))
    return [tuple(line.split(": ", 1)) for line in headers.splitlines()]


# ---- checks ----------------------------------------------------------------------------------


def a_101_of_tornado_may_have_a_content_length():
    headers = open_to(processes.address_of("tornado", sys.executable, __file__, "--tornado"))
    equal([value for name, value in headers if name == "Content-Length"], ["0"])


def folded_header_lines_of_nginx_are_unfolded(nginx):
    policies = [value for name, value in open_to(nginx) if name == "X-Policy"]
    equal(policies, ["default-src 'self'; child-src 'self'; img-src *"])
    with socket.create_connection(("127.0.0.1", int(nginx.split(":")[1]))) as raw:
        raw.sendall(b"GET /members HTTP/1.0\r\n\r\n")
        if b";\r\n            child-src" not in raw.recv(4096):
            raise AssertionError("nginx does not fold it")


def a_refusal_of_nginx_with_folded_header_lines_is_shown(nginx):
    status, printed, complaint = talk(nginx, "/members")
    equal((status, printed), (1, ""))
    equal(complaint, f"ws://{nginx}/members: server answered 403 Forbidden\nask at the door\n")


def the_cookie_of_haproxy_is_seen(haproxy):
    cookies = {dict(open_to(haproxy))["set-cookie"].split(";")[0] for _ in range(4)}
    equal(cookies, {"ROOM=tokio", "ROOM=blocking"})


def a_refusal_of_haproxy_is_shown(haproxy):
    status, printed, complaint = talk(haproxy, "/none")
    equal((status, printed), (1, ""))
    if not re.search(r"server answered 503 Service Unavailable\n(?s:.*)No server", complaint):
        raise AssertionError(complaint)


def nobody_hears_of_the_health_checks_of_haproxy():
    time.sleep(1)
    for name in "echo-tokio", "echo-blocking":
        said = processes.log(name).splitlines()
        equal(said[1:], [])


def checks():
    tokio = processes.address_of("echo-tokio", ECHO_SERVER, "127.0.0.1:0")
    blocking = processes.address_of("echo-blocking", ECHO_SERVER, "--blocking", "127.0.0.1:0")
    nginx = processes.nginx(NGINX, behind=tokio)
    haproxy = processes.haproxy(HAPROXY, tokio=tokio, blocking=blocking)
    for check, *arguments in (
            (a_101_of_tornado_may_have_a_content_length,),
            (folded_header_lines_of_nginx_are_unfolded, nginx),
            (a_refusal_of_nginx_with_folded_header_lines_is_shown, nginx),
            (the_cookie_of_haproxy_is_seen, haproxy),
            (a_refusal_of_haproxy_is_shown, haproxy),
            (nobody_hears_of_the_health_checks_of_haproxy,)):
        yield words(check), lambda: check(*arguments)


sys.exit(1 if peers.run_checks(processes, checks()) else 0)
