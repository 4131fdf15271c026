"""What the measurements share: building, a server from start to end, wrk, memory, rows of a table."""

import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.parse
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUT = ROOT / "bench" / "out"
TARGET = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "release"
DIAMONDS = ROOT / "examples" / "data" / "diamonds.csv"
CATEGORIES = ["cut", "color", "clarity"]
CONNECTIONS = 16
# A limit that is never reached: it is checked for each request all the same.
LIMITS = ["--rate-limit", "10000000", "--rate-burst", "10000000"]


def say(text):
    print(text, file=sys.stderr, flush=True)


def need(tool, package):
    """Ends the run where a program is missing, and names the Debian package that has it."""
    if not shutil.which(tool):
        sys.exit(f"`{tool}` is missing: apt-get install {package}")


def number(variable, default):
    """A whole number from the environment, above 0."""
    text = os.environ.get(variable, str(default))
    if not text.isdigit() or int(text) == 0:
        sys.exit(f"{variable} is {text!r}, where a whole number above 0 was expected, such as {variable}={default}")
    return int(text)


def build(*packages, extra=()):
    """Builds release binaries and makes the folder for results; gives where the binaries are."""
    words = [word for package in packages for word in ("-p", package)]
    subprocess.run(["cargo", "build", "--release", "--locked", *words, *extra], cwd=ROOT, check=True)
    OUT.mkdir(exist_ok=True)
    return TARGET


def trainer(registry, *words):
    """Runs canopy-trainer on a registry and gives what it prints."""
    command = [TARGET / "canopy-trainer", *words, "--registry", registry, "--log", "error"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def fit(registry, model, data, *flags):
    """Fits diamonds' price, once: a registry that has the model is used as it is."""
    if not (registry / model / "aliases").exists():
        trainer(registry, "fit", "--data", data, "--target", "price", "--model", model, *flags)


def inference(model, registry, port, *flags):
    """The command of a server of ours."""
    where = ["--listen", f"127.0.0.1:{port}", "--registry", registry, "--drain-delay", "0s"]
    return [TARGET / "canopy-inference", "--model", model, *where, *flags]


class Server:
    """A process that answers on a port of the loopback, from its start until it is told to stop."""

    SETTLE_SECONDS = 1

    def __init__(
        self, command, url, ready="/ready", environment=(), log="server.log", *, patience=30, quiet=False, ends=(0,), pause=0.0002
    ):
        """Starts it and waits: `patience` seconds, a look each `pause`; `ends` are exit statuses that are no failure.

        `quiet`: standard output, which an access log would fill the disk with, goes to /dev/null.
        """
        self.url, self.ready, self.patience, self.ends, self.pause = url, ready, patience, ends, pause
        self.path = OUT / log
        if is_up(url + ready):
            sys.exit(f"something answers at {url} already: end it first, or its figures would be taken for another's")
        self.log = open(self.path, "w")
        stdout = subprocess.DEVNULL if quiet else self.log
        # What the server before leaves to the kernel, pages and connections, is not this one's.
        time.sleep(self.SETTLE_SECONDS)
        started = time.perf_counter()
        # Started where what it may leave behind is out of the way; it leads a session of its own.
        place = {"cwd": OUT, "env": {**os.environ, **dict(environment)}, "start_new_session": True}
        self.process = subprocess.Popen(command, stdout=stdout, stderr=self.log, **place)
        try:
            self._wait(started)
        except BaseException:
            self.stop()
            raise
        self.ready_ms = (time.perf_counter() - started) * 1e3

    def _wait(self, started):
        while not is_up(self.url + self.ready):
            if self.process.poll() is not None or time.perf_counter() - started > self.patience:
                sys.exit(f"the server did not become ready; see {self.path}")
            time.sleep(self.pause)

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        status = self.stop()
        if self.ends is not None and status not in self.ends and failure == (None, None, None):
            sys.exit(f"the server did not shut down cleanly, but with {status}; see {self.path}")

    def stop(self):
        """Ends it, and whatever it has started and left behind; gives its exit status."""
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            status = "a timeout of 30 s"
        try:
            # Its session is its own: this ends its workers and nobody else.
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.log.close()
        return status

    def pss_mib(self):
        return sum(pss_mib(pid) for pid in tree(self.process.pid))


def is_up(url):
    """Whether a GET is answered with 200; by hand: a client with more to it takes more of the processor from who is starting."""
    parts = urllib.parse.urlsplit(url)
    request = f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n"
    try:
        with socket.create_connection((parts.hostname, parts.port), timeout=1) as connection:
            connection.sendall(request.encode())
            return connection.makefile("rb").readline().split()[1:2] == [b"200"]
    except OSError:
        return False


def tree(pid):
    """A process and all that it has started."""
    pids = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            pids += tree(int(child))
    return pids


def pss_mib(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss:\s+(\d+) kB", text, re.M)[1]) / 1024


@dataclass
class Load:
    """What wrk saw."""

    rps: float
    p50_ms: float
    p99_ms: float
    requests: int


def script(name, body, headers=()):
    """A script with which wrk posts a body."""
    # A list of lists ends in `]]`, which must not end the string.
    lines = ["wrk.method = 'POST'", f"wrk.body = [==[{body}]==]"]
    headers = {"Content-Type": "application/json", **dict(headers)}
    path = OUT / f"{name}.lua"
    path.write_text("\n".join([*lines, *(f"wrk.headers['{key}'] = '{value}'" for key, value in headers.items())]))
    return path


def wrk(url, seconds, script=None, connections=CONNECTIONS):
    """Load by one thread of wrk; any answer but 2xx ends the run."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "--latency"]
    command += ["-s", script] if script else []
    text = subprocess.run([*command, url], check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        sys.exit(f"errors under load:\n{text}")

    def found(pattern):
        return re.search(pattern, text, re.M)[1]

    # From the line's start: `80.50%` ends another line.
    p50, p99 = (milliseconds(found(rf"^\s+{share}%\s+(\S+)")) for share in (50, 99))
    return Load(float(found(r"Requests/sec:\s+([\d.]+)")), p50, p99, int(found(r"(\d+) requests in")))


def milliseconds(text):
    """wrk's `812.00us`, `3.81ms`, `1.02s`."""
    value, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(value) * {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}[unit]


def row(name, values, form):
    """A line of a table: the median, and every run."""
    print(f"| {name} | {form.format(statistics.median(values))} | {', '.join(form.format(v) for v in values)} |")
