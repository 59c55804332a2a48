"""Lets examples/client.rs talk through proxies of others: Squid for HTTP, microsocks for SOCKS5, with
and without a password, to `websockets` of Python over TCP and TLS; and follow its redirects.

Started by .ci/interop: python proxy_peer.py OUT CLIENT
"""

import asyncio
import http
import logging
import os
import pathlib
import subprocess
import sys
import tempfile
import threading

from websockets.asyncio.server import serve

import peers
from peers import ECHO, LINES, PATIENCE, equal, free_port, run

OUT, CLIENT = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]
CERTIFICATE, KEY = OUT / "proxy-cert.pem", OUT / "proxy-key.pem"
# Squid is not root, and may not be let into OUT.
SHARED = tempfile.TemporaryDirectory(prefix="sanswire-")
PASSWORDS, HOSTS, SQUID_LOG = (pathlib.Path(SHARED.name, name) for name in ("passwords", "hosts", "log"))
USER, PASSWORD, IN_URL = "alice", "p@ss:word", "alice:p%40ss%3Aword@"

SQUID = """
http_port 127.0.0.1:{open} name=open
http_port 127.0.0.1:{guarded} name=guarded
auth_param basic program /usr/lib/squid/basic_ncsa_auth {passwords}
auth_param basic realm the proxy
acl open myportname open
acl users proxy_auth REQUIRED
http_access allow open
http_access allow users
http_access deny all
hosts_file {hosts}
cache deny all
access_log none
cache_log {log}
pid_filename none
coredump_dir /tmp
shutdown_lifetime 0 seconds
visible_hostname interop
"""

processes = peers.Processes(OUT, "proxy")
# What servers were asked for, with their headers.
heard = []


def start_squid():
    secret = run("openssl", "passwd", "-apr1", PASSWORD, text=True).stdout
    PASSWORDS.write_text(f"{USER}:{secret}")
    # Names that nobody else knows.
    HOSTS.write_text("127.0.0.1 chat.interop.test\n")
    SQUID_LOG.touch()
    for path, mode in (pathlib.Path(SHARED.name), 0o755), (PASSWORDS, 0o644), (HOSTS, 0o644), (SQUID_LOG, 0o666):
        path.chmod(mode)
    ports = {"open": free_port(), "guarded": free_port()}
    config = processes.path("squid.conf")
    config.write_text(SQUID.format(passwords=PASSWORDS, hosts=HOSTS, log=SQUID_LOG, **ports))
    processes.listening("squid", "squid", "-N", "-f", config, ports=ports.values())
    return ports


def start_microsocks(name, *options):
    port = free_port()
    processes.listening(
        name, "microsocks", "-i", "127.0.0.1", "-p", port, *options, ports=[port])
    return port


def start_servers():
    """Echo servers in a thread: their ports, over TCP and over TLS."""
    def decide(connection, request):
        heard.append(request)
        if request.path == "/moved":
            response = connection.respond(http.HTTPStatus.TEMPORARY_REDIRECT, "moved\n")
            response.headers["Location"] = f"wss://chat.interop.test:{ports['wss']}/there"
            return response
        return None

    async def both():
        context = peers.server_context(CERTIFICATE, KEY)
        options = {"process_request": decide}
        async with serve(peers.echo, "127.0.0.1", 0, **options) as plain, \
                serve(peers.echo, "127.0.0.1", 0, ssl=context, **options) as secure:
            ports["ws"] = plain.sockets[0].getsockname()[1]
            ports["wss"] = secure.sockets[0].getsockname()[1]
            ready.set()
            await asyncio.Future()

    ports, ready = {}, threading.Event()
    threading.Thread(target=lambda: asyncio.run(both()), daemon=True).start()
    if not ready.wait(PATIENCE):
        raise AssertionError("the servers did not begin")
    return ports


def talk(url, *options, **variables):
    """Runs the client; returns its status, what it printed, and what it complained of."""
    environment = {name: value for name, value in os.environ.items()
                   if not name.lower().endswith("_proxy")}
    client = subprocess.Popen(
        [CLIENT, "--ca", CERTIFICATE, *map(str, options), url], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment | variables)
    # A client that hangs ends, and so does what is read from it.
    alarm = threading.Timer(PATIENCE, client.kill)
    alarm.start()
    printed = ""
    try:
        client.stdin.write(LINES)
        client.stdin.flush()
        # This server sends nothing back any more when it is told to close.
        printed = client.stdout.readline() + client.stdout.readline()
    except BrokenPipeError:
        pass
    rest, complaint = client.communicate()
    alarm.cancel()
    for secret in PASSWORD, "p%40ss":
        if secret in printed + rest + complaint:
            raise AssertionError(f"the password is shown: {complaint}")
    return client.returncode, printed + rest, complaint


def succeeds(url, *options, **variables):
    heard.clear()
    equal(talk(url, *options, **variables), (0, ECHO, ""))
    for request in heard:
        for name, _ in request.headers.raw_items():
            if name.lower().startswith("proxy-"):
                raise AssertionError(f"the server was sent {name}")


def fails(words, url, *options, **variables):
    status, printed, complaint = talk(url, *options, **variables)
    equal((status, printed), (1, ""))
    for word in words:
        if word not in complaint:
            raise AssertionError(f"not in the complaint: {word}: {complaint}")


def checks():
    ports = start_servers()
    # The proxies know these names, and this machine does not.
    urls = {scheme: f"{scheme}://chat.interop.test:{port}/" for scheme, port in ports.items()}
    local = {scheme: f"{scheme}://127.0.0.1:{port}/" for scheme, port in ports.items()}
    squid = {name: f"127.0.0.1:{port}" for name, port in start_squid().items()}
    for scheme, url in urls.items():
        yield f"{scheme} through squid", lambda: succeeds(
            url, "--proxy", f"http://{squid['open']}")
        yield f"{scheme} through squid with a password", lambda: succeeds(
            url, "--proxy", f"http://{IN_URL}{squid['guarded']}")
        for user in "", "alice:wrong@":
            yield f"{scheme} through squid, {user or 'no password'}", lambda: fails(
                ["proxy answered 407", "Basic realm=\"the proxy\"", squid["guarded"]], url,
                "--proxy", f"http://{user}{squid['guarded']}")
    yield "squid does not reach the server", lambda: fails(
        ["proxy answered 50"], f"ws://127.0.0.1:{free_port()}/", "--proxy", f"http://{squid['open']}")
    yield "what is no proxy", lambda: fails(
        ["proxy answered 4"], urls["ws"], "--proxy", f"http://127.0.0.1:{ports['ws']}")

    variable = f"http://{IN_URL}{squid['guarded']}"
    for scheme, name in ("ws", "http_proxy"), ("wss", "https_proxy"), ("wss", "ALL_PROXY"):
        yield f"{scheme} by {name}", lambda: succeeds(urls[scheme], **{name: variable})
    dead = f"http://127.0.0.1:{free_port()}"
    yield "wss by another variable", lambda: succeeds(local["wss"], http_proxy=dead)
    yield "a host of no_proxy", lambda: succeeds(local["ws"], http_proxy=dead, no_proxy="127.0.0.0/8")
    yield "the command line before a variable", lambda: succeeds(
        urls["ws"], "--proxy", f"http://{squid['open']}", http_proxy=dead)
    yield "no proxy under CGI", lambda: succeeds(
        local["ws"], HTTP_PROXY=dead, REQUEST_METHOD="GET")

    socks = start_microsocks("microsocks")
    guarded = start_microsocks("microsocks-guarded", "-u", USER, "-P", PASSWORD)
    for scheme in "socks5", "socks5h":
        for url in local.values():
            yield f"{url[:3]} by {scheme} through microsocks", lambda: succeeds(
                url, "--proxy", f"{scheme}://127.0.0.1:{socks}")
            yield f"{url[:3]} by {scheme} through microsocks with a password", lambda: succeeds(
                url, "--proxy", f"{scheme}://{IN_URL}127.0.0.1:{guarded}")
    yield "a wrong password for microsocks", lambda: fails(
        ["SOCKS", str(guarded)], local["ws"], "--proxy", f"socks5h://alice:no@127.0.0.1:{guarded}")
    port = ports["ws"]
    yield "a name by socks5, looked up here", lambda: succeeds(
        urls["ws"], "--proxy", f"socks5://127.0.0.1:{socks}",
        "--resolve", f"chat.interop.test:{port}:127.0.0.1")

    def is_followed():
        succeeds(f"ws://chat.interop.test:{port}/moved", "--follow", "--header", "X-Test: 1",
                 "--header", "Authorization: secret", "--proxy", f"http://{squid['open']}")
        found = [(request.path, request.headers.get("X-Test"), request.headers.get("Authorization"))
                 for request in heard]
        equal(found, [("/moved", "1", "secret"), ("/there", "1", None)])

    yield "a redirect from ws to wss", is_followed
    yield "a redirect that is not followed", lambda: fails(
        ["307"], f"ws://127.0.0.1:{port}/moved")


# What its clients are refused is not of interest.
logging.getLogger("websockets").setLevel(logging.CRITICAL)

peers.make_certificate(CERTIFICATE, KEY, "chat.interop.test")
failures = peers.run_checks(processes, checks())
if SQUID_LOG.exists():
    processes.path("squid-own.log").write_bytes(SQUID_LOG.read_bytes())
SHARED.cleanup()
sys.exit(1 if failures else 0)
