"""One stream as one process of `oha`: an open loop, latency from when a request was due, its report as JSON."""

import dataclasses
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess

from runner.scenario import REPO, SettingError

# Where `make loadtest-tools` puts it.
TOOLS = REPO / "target" / "loadtest-tools" / "bin"
# Before it, latency correction had a defect (hatoo/oha#857).
OLDEST = (1, 14)
REQUEST_TIMEOUT = "10s"
# After Ctrl-C, oha writes its report at once; on a starved machine it may need a moment.
GRACE_SECONDS = 10


@dataclasses.dataclass
class Result:
    """What became of a stream's requests. Latencies in milliseconds, none where nothing was answered so."""

    seconds: float
    statuses: dict[int, int]
    errors: dict[str, int]
    latency_ms: dict[str, float]
    refused_p99_ms: float | None

    @property
    def n_requests(self):
        return sum(self.statuses.values()) + sum(self.errors.values())

    @property
    def rate(self):
        return self.n_requests / self.seconds if self.seconds else 0.0


def find():
    """Gives the path of oha; one on the PATH comes first."""
    found = shutil.which("oha") or shutil.which("oha", path=str(TOOLS))
    if not found:
        raise SettingError(
            "oha is not installed, which sends the requests: make loadtest-tools, or cargo install --locked oha"
        )
    said = version(found)
    number = re.search(r"(\d+)\.(\d+)", said)
    if not number or (int(number[1]), int(number[2])) < OLDEST:
        raise SettingError(
            f"{found} is {said or 'of no known version'}: expected 1.14 or newer, cargo install --locked oha"
        )
    return found


def version(oha):
    return subprocess.run([oha, "--version"], capture_output=True, text=True, check=False).stdout.strip()


class Run:
    """A stream under way."""

    def __init__(self, oha, stream, url, key, folder):
        self.stream = stream
        self.report = pathlib.Path(folder) / f"{abs(hash(stream.name))}.json"
        self.process = subprocess.Popen(
            [oha, *arguments(stream, self.report), *(["-H", f"X-API-Key: {key}"] if key else []), f"{url}/predict"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
            # Ctrl-C is for the runner, which passes it on once.
            start_new_session=True,
        )

    @property
    def is_over(self):
        return self.process.poll() is not None

    def stop(self):
        """Ends it early; it still reports what it has sent."""
        if not self.is_over:
            self.process.send_signal(signal.SIGINT)

    def kill(self):
        """Ends it whatever it does."""
        if not self.is_over:
            self.process.kill()
            self.process.wait()

    def result(self):
        """Waits for the report and reads it."""
        try:
            _, complaint = self.process.communicate(timeout=GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            _, complaint = self.process.communicate()
        try:
            report = json.loads(self.report.read_text())
        except (OSError, ValueError) as error:
            raise SettingError(f"oha gave no report for `{self.stream.name}`: {complaint.strip() or error}") from error
        return result_of(report)


def arguments(stream, report):
    """A count instead of a time: with a time, oha would leave out the requests that are in flight at its end."""
    yield from ("--no-tui", "--output-format", "json", "--output", str(report), "--stats-success-breakdown")
    yield from ("-m", "POST", "-D", str(stream.body_path), "-T", stream.content_type, "-t", REQUEST_TIMEOUT)
    yield from ("-n", str(stream.n_requests), "-c", str(stream.connections))
    if stream.rate is not None:
        yield from ("-q", str(stream.rate), "--latency-correction")


def result_of(report):
    def milliseconds(distribution, *names):
        values = report.get(distribution) or {}
        return {name: values[name] * 1e3 for name in names if values.get(name) is not None}

    latency = milliseconds("latencyPercentilesSuccessful", "p50", "p90", "p99")
    if latency:
        latency["max"] = report["summary"]["slowest"] * 1e3
    return Result(
        seconds=report["summary"]["total"],
        statuses={int(status): count for status, count in report["statusCodeDistribution"].items()},
        errors=report["errorDistribution"],
        latency_ms=latency,
        refused_p99_ms=milliseconds("latencyPercentilesNotSuccessful", "p99").get("p99"),
    )
