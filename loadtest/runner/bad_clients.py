"""Clients that are slow, broken, lying or silent, on raw sockets; each knows which answers it deserves.

A kind is a function that meets the server once and gives a complaint, or nothing if it was treated as it should be.
"""

import collections
import contextlib
import dataclasses
import socket
import ssl
import struct
import threading
import time
import urllib.parse

from runner.bodies import BODIES

# Nobody accepts this much, and it never has to be sent: the header says it.
OVERSIZED_BYTES = 1 << 40
# Above the server's own time limit (10 s by default), so that it is the server that ends a slow request.
PATIENCE_SECONDS = 30
DRIP_SECONDS = 0.5
PAUSE_SECONDS = 0.1


@dataclasses.dataclass(frozen=True)
class Target:
    """Where to, and with which key; `stop` is set when a client should go home."""

    url: str
    key: str | None
    body: bytes
    stop: threading.Event

    def connect(self):
        parts = urllib.parse.urlsplit(self.url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        connection = socket.create_connection((parts.hostname, port), timeout=PATIENCE_SECONDS)
        if parts.scheme == "https":
            connection = ssl.create_default_context().wrap_socket(connection, server_hostname=parts.hostname)
        return contextlib.closing(connection)

    def head(self, length, key=None):
        """The head of a request for a prediction."""
        parts = urllib.parse.urlsplit(self.url)
        lines = [
            f"POST {parts.path}/predict HTTP/1.1",
            f"Host: {parts.netloc}",
            "Content-Type: application/json",
            f"Content-Length: {length}",
            "Connection: close",
        ]
        key = key or self.key
        return "\r\n".join([*lines, *([f"X-API-Key: {key}"] if key else []), "", ""]).encode()


def wrong_key(target):
    status = exchange(target, target.head(len(target.body), key="wrong") + target.body)
    # A server that needs no key may take any.
    return expect(status, 401, 429, 503, *([] if target.key else [200]))


def garbage_body(target):
    garbage = b'{"features": [[[' + bytes(range(256))
    return expect(exchange(target, target.head(len(garbage)) + garbage), 400, 422, 429, 503)


def garbage_bytes(target):
    """No HTTP at all: 400 or a closed connection."""
    return expect(exchange(target, b"\x16\x03\x01\x02\x00 garbage \xff\xfe\r\n\r\n"), 400, None)


def oversized_body(target):
    return expect(exchange(target, target.head(OVERSIZED_BYTES) + target.body), 413, 429, 503)


def slow_body(target):
    """A byte now and then, until the server has had enough."""
    with target.connect() as connection:
        connection.sendall(target.head(len(target.body)))
        connection.settimeout(DRIP_SECONDS)
        ends = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < ends and not target.stop.is_set():
            with contextlib.suppress(TimeoutError):
                return expect(status_of(connection.recv(64)), 400, 408, 429, 503, 504, None)
            try:
                connection.sendall(b" ")
            except OSError:
                return None
    return None if target.stop.is_set() else f"it was not ended within {PATIENCE_SECONDS} s"


def reset_in_request(target):
    with target.connect() as connection:
        connection.sendall(target.head(len(target.body)) + target.body[: len(target.body) // 2])
        reset(connection)


def reset_in_answer(target):
    with target.connect() as connection:
        connection.sendall(target.head(len(target.body)) + target.body)
        connection.recv(1)
        reset(connection)


def idle(target):
    """Half a request, and then nothing; the server may close it, but need not."""
    with target.connect() as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nHost: idle\r\nContent-")
        connection.settimeout(DRIP_SECONDS)
        while not target.stop.is_set():
            with contextlib.suppress(TimeoutError):
                return expect(status_of(connection.recv(64)), 400, 408, None)
    return None


KINDS = {
    kind.__name__: kind
    for kind in (
        wrong_key,
        garbage_body,
        garbage_bytes,
        oversized_body,
        slow_body,
        reset_in_request,
        reset_in_answer,
        idle,
    )
}


def exchange(target, request):
    """Sends all of it and gives the status of the answer, none where the connection was closed without one."""
    with target.connect() as connection:
        # A server that refuses need not read to the end.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(request)
        return status_of(connection.recv(64))


def status_of(answer):
    words = answer.split(None, 2)
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else None


def expect(status, *expected):
    if status in expected:
        return None
    said = " or ".join("a closed connection" if code is None else str(code) for code in expected)
    return f"{status or 'a closed connection'} instead of {said}"


def reset(connection):
    """Closes with RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def meet(kind, target):
    """One meeting; a connection that breaks is what bad clients are there for, a refused one is not."""
    try:
        return KINDS[kind](target)
    except (ConnectionResetError, BrokenPipeError):
        return None
    except OSError as error:
        return f"no connection: {error}"


class Crowd:
    """So many clients of each kind, each a thread that meets the server again and again."""

    def __init__(self, counts, url, key):
        self.stop = threading.Event()
        body = (BODIES / "1024-arrays.json").read_bytes()
        self.target = Target(url, key, body, self.stop)
        self.meetings = collections.Counter()
        self.complaints = collections.Counter()
        self.lock = threading.Lock()
        kinds = [kind for kind, count in counts.items() for _ in range(count)]
        self.threads = [threading.Thread(target=self.live, args=[kind], daemon=True) for kind in kinds]

    def start(self):
        for thread in self.threads:
            thread.start()

    def live(self, kind):
        while not self.stop.is_set():
            complaint = meet(kind, self.target)
            with self.lock:
                self.meetings[kind] += 1
                if complaint:
                    self.complaints[f"{kind}: {complaint}"] += 1
            # Bad clients are many and rude, but they are not the load.
            self.stop.wait(PAUSE_SECONDS)

    def go_home(self):
        self.stop.set()
        for thread in self.threads:
            thread.join(timeout=PATIENCE_SECONDS)
