"""What the peers in Python have in common: processes and their logs, certificates, checks."""

import os
import re
import signal
import socket
import ssl
import subprocess
import time

PATIENCE = 20  # seconds for one connection
LINES, ECHO = "one\n\\b 00 ff\n", "one\n\\b 00ff\n\\c 1000\n"

NGINX = """
daemon off;
pid {own}.pid;
error_log {own}.log;
worker_processes 1;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {own};
    proxy_temp_path {own};
    fastcgi_temp_path {own};
    uwsgi_temp_path {own};
    scgi_temp_path {own};
    server {{
        listen 127.0.0.1:{port}%s
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
    bind 127.0.0.1:{port}%s
"""


class Processes:
    """What a peer starts, and ends at its own end. Logs and configurations are in `out`, with the
    name of the peer before their own."""

    def __init__(self, out, peer):
        self.out, self.peer, self.all = out, peer, []
        os.environ["PATH"] += ":/usr/sbin"

    def path(self, name):
        return self.out / f"{self.peer}-{name}"

    def start(self, name, *command):
        with open(self.path(f"{name}.log"), "wb") as log:
            process = subprocess.Popen(
                list(map(str, command)), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.all.append(process)
        return process

    def log(self, name):
        return self.path(f"{name}.log").read_text(errors="replace")

    def address_of(self, name, *command):
        """Starts a server and returns where it says that it listens."""
        self.start(name, *command)
        for _ in range(100):
            if found := re.search(r"listening on wss?://([^/\s]+)", self.log(name)):
                return found[1]
            time.sleep(0.1)
        raise AssertionError(f"{name} did not say where it listens: {self.log(name)}")

    def listening(self, name, *command, ports):
        """Starts a server, and returns when it listens on these ports."""
        process = self.start(name, *command)
        for _ in range(150):
            if all(map(is_open, ports)):
                return
            if process.poll() is not None:
                break
            time.sleep(0.1)
        raise AssertionError(f"{name} does not listen: {self.log(name)}")

    def proxy(self, name, config, *command, **values):
        """Starts a proxy on a free port and returns where it listens."""
        port, own, path = free_port(), self.path(name), self.path(f"{name}.conf")
        path.write_bytes(config.format(own=own, port=port, **values).encode())
        self.listening(name, *command, path, ports=[port])
        return f"127.0.0.1:{port}"

    def nginx(self, server, **values):
        """Starts nginx in front of an echo server; `server` is what follows the port."""
        self.path("nginx").mkdir(exist_ok=True)
        return self.proxy("nginx", NGINX % server, "nginx", "-p", self.out, "-c", **values)

    def haproxy(self, frontend, **values):
        """Starts HAProxy; `frontend` is what follows the port."""
        return self.proxy("haproxy", HAPROXY % frontend, "haproxy", "-f", **values)

    def end(self):
        for process in self.all:
            process.send_signal(signal.SIGTERM)
            process.wait()


def run(*command, **options):
    return subprocess.run(list(map(str, command)), check=True, capture_output=True,
                          timeout=PATIENCE, **options)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def is_open(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def make_certificate(certificate, key, host):
    """A certificate for 127.0.0.1 and a host that signs itself: who trusts it, trusts the server."""
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
        "-nodes", "-days", "2", "-subj", "/CN=interop", "-keyout", key, "-out", certificate,
        "-addext", f"subjectAltName=IP:127.0.0.1,DNS:{host}",
        "-addext", "basicConstraints=critical,CA:FALSE")


def server_context(certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


async def echo(connection):
    """The handler of a server of `websockets`."""
    async for message in connection:
        await connection.send(message)


def talk(client, url, *options):
    """Runs the client; returns its status, what it printed, and what it complained of."""
    client = subprocess.run([client, *map(str, options), url], input=LINES, text=True,
                            capture_output=True, timeout=PATIENCE)
    return client.returncode, client.stdout, client.stderr


def equal(found, wanted):
    if found != wanted:
        raise AssertionError(f"found {str(found)[:500]!r}, wanted {str(wanted)[:500]!r}")


def words(check):
    return check.__name__.replace("_", " ")


def report(name, begin, error=None):
    """Prints what came of a check that began at this time."""
    if error is None:
        print(f"ok      {name} ({(time.monotonic() - begin) * 1000:.0f} ms)", flush=True)
    else:
        print(f"FAILED  {name}\n        {type(error).__name__}: {error}", flush=True)


def run_checks(processes, checks):
    """Makes checks, each a name and a function; ends the processes, and returns how many failed."""
    failures = 0
    try:
        for name, check in checks:
            begin, failure = time.monotonic(), None
            try:
                check()
            except Exception as error:
                failures, failure = failures + 1, error
            report(name, begin, failure)
    finally:
        processes.end()
    return failures
