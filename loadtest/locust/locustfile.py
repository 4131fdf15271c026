"""The scenarios of `../scenarios` for Locust: on one machine, or as a master with workers.

    CANOPY_API_KEY=… locust -f loadtest/locust/locustfile.py --headless --host http://127.0.0.1:8000 --scenario spike
    locust -f … --master --headless --expect-workers 2 --host … --scenario steady
    locust -f … --worker --master-host …

Users pace themselves, so that the arrival rate is approximate, and one that waits for an answer sends nothing:
a stall delays requests instead of piling them up, and latency begins when a request is sent.
The exit code is 1 where a threshold is broken.
"""

import os
import pathlib
import random
import sys
import threading
import time

import gevent
from locust import FastHttpUser, LoadTestShape, User, events, task
from locust.exception import StopUser
from locust.runners import WorkerRunner

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from runner import bodies  # noqa: E402
from runner import scenario as scenarios  # noqa: E402
from runner.bad_clients import Target, meet  # noqa: E402

KEY = os.environ.get("CANOPY_API_KEY")
# Below this share of its requests, a stream was not the one that the scenario describes. Locust's rate is approximate.
MIN_SENT_RATIO = 0.7
# A request that never comes back must not keep a closed loop waiting for ever.
CLOSED_LOOP_SECONDS = 120


@events.init_command_line_parser.add_listener
def add_settings(parser):
    parser.add_argument("--scenario", default="smoke", env_var="CANOPY_SCENARIO", help="one of ../scenarios")
    parser.add_argument("--duration", default="", help="of steady, soak and bad-clients: 90s, 30m, 1h")
    parser.add_argument("--rate", type=float, default=0, help="requests a second, of the same scenarios")
    parser.add_argument("--p99-ms", type=float, default=0, help="instead of each limit of latency")


class Play:
    """The scenario of this run; workers get its settings from the master when a test starts."""

    scenario = None
    started = 0.0
    stop = threading.Event()

    @classmethod
    def read(cls, options):
        duration = options.duration and scenarios.seconds(options.duration)
        chosen = scenarios.load(options.scenario)
        cls.scenario = chosen.stretched(duration or None, options.rate or None, options.p99_ms or None)
        bodies.write()
        # Locust reads this when a test starts; callers are all the others.
        Misbehaver.fixed_count = sum(chosen.bad_clients.values())
        cls.bodies = {stream.name: stream.body_path.read_bytes() for stream in cls.scenario.streams}

    @classmethod
    def active(cls, elapsed):
        """The streams that are due now; one without a duration is due from start to end."""
        return [
            stream
            for stream in cls.scenario.streams
            if stream.start_seconds <= elapsed and (stream.rate is None or elapsed < stream.end_seconds)
        ]


@events.init.add_listener
def read_scenario(environment, **_):
    try:
        Play.read(environment.parsed_options)
    except scenarios.SettingError as error:
        sys.exit(f"error: {error}")


@events.test_start.add_listener
def begin(environment, **_):
    Play.read(environment.parsed_options)
    Play.started = time.monotonic()
    Play.stop.clear()


@events.test_stop.add_listener
def end(**_):
    Play.stop.set()


class Caller(FastHttpUser):
    """Sends the streams' requests, each in proportion to its rate."""

    weight = 1

    def on_start(self):
        self.left = None
        self.due = time.monotonic()

    @task
    def predict(self):
        streams = Play.active(time.monotonic() - Play.started)
        if not streams:
            gevent.sleep(0.05)
            return
        stream = random.choices(streams, [each.rate or 1 for each in streams])[0]
        self.send(stream)
        self.pace(streams)

    def send(self, stream):
        headers = {"Content-Type": stream.content_type, **({"X-API-Key": KEY} if KEY else {})}
        with self.client.post(
            "/predict", data=Play.bodies[stream.name], headers=headers, name=stream.name, catch_response=True
        ) as answer:
            if answer.status_code == 200:
                answer.success()
            elif stream.allows(answer.status_code):
                answer.request_meta["name"] = refusal_name(stream)
                answer.success()
            else:
                answer.failure(f"status {answer.status_code}")

    def pace(self, streams):
        """Waits until this user's next request is due; in a closed loop, counts what it has left to send."""
        if streams[0].rate is None:
            share = max(1, streams[0].n_requests // streams[0].connections)
            self.left = (share if self.left is None else self.left) - 1
            if self.left == 0:
                raise StopUser
            return
        period = sum(each.connections for each in streams) / sum(each.rate for each in streams)
        # A user that is late is not to catch up all at once.
        self.due = max(self.due + period, time.monotonic() - period)
        gevent.sleep(max(0.0, self.due - time.monotonic()))


class Misbehaver(User):
    """One bad client, of a kind drawn in proportion to the scenario's."""

    weight = 1

    @task
    def misbehave(self):
        counts = Play.scenario.bad_clients
        kind = random.choices(list(counts), list(counts.values()))[0]
        target = Target(self.host.rstrip("/"), KEY, (bodies.BODIES / "1024-arrays.json").read_bytes(), Play.stop)
        started = time.perf_counter()
        complaint = meet(kind, target)
        events.request.fire(
            request_type="BAD",
            name=kind,
            response_time=(time.perf_counter() - started) * 1e3,
            response_length=0,
            exception=AssertionError(complaint) if complaint else None,
        )
        gevent.sleep(0.1)


class Schedule(LoadTestShape):
    """As many users as the active streams have connections, and the bad clients beside them."""

    def tick(self):
        chosen, elapsed = Play.scenario, self.get_run_time()
        if self.is_over(chosen, elapsed):
            return None
        n_bad = sum(chosen.bad_clients.values())
        n_good = sum(stream.connections for stream in Play.active(elapsed)) or 1
        # Users come and go within a second: Locust takes them away at this rate, too.
        spawn_rate = sum(stream.connections for stream in chosen.streams) + n_bad
        return n_good + n_bad, spawn_rate, [Caller, Misbehaver] if n_bad else [Caller]

    def is_over(self, chosen, elapsed):
        if chosen.streams[0].rate is not None:
            return elapsed > chosen.duration_seconds
        sent = self.runner.stats.total.num_requests
        return sent >= chosen.streams[0].n_requests or elapsed > CLOSED_LOOP_SECONDS


def refusal_name(stream):
    return f"{stream.name} (refused)"


@events.quitting.add_listener
def judge(environment, **_):
    """Judges the thresholds where the numbers come together: in the master, or in a Locust that is alone."""
    if isinstance(environment.runner, WorkerRunner):
        return
    broken = [line for stream in Play.scenario.streams for line in complaints(environment.stats, stream)]
    broken += [f"{entry.name}: {entry.num_failures} failed" for entry in bad(environment.stats) if entry.num_failures]
    for line in broken:
        print(f"FAIL  {line}", file=sys.stderr)
    print(f"FAILED: {len(broken)} thresholds are broken" if broken else "Passed", file=sys.stderr)
    environment.process_exit_code = 1 if broken else 0


def complaints(stats, stream):
    sent = stats.get(stream.name, "POST")
    refused = stats.get(refusal_name(stream), "POST") if stream.refusals else None
    n_sent = sent.num_requests + (refused.num_requests if refused else 0)
    if n_sent == 0:
        yield f"{stream.name}: it never began"
        return
    if n_sent < MIN_SENT_RATIO * stream.n_requests:
        yield f"{stream.name}: {n_sent:,} of {stream.n_requests:,} requests were sent; add workers or look for stalls"
    if sent.num_failures > stream.thresholds.max_failed_ratio * n_sent:
        yield f"{stream.name}: {sent.num_failures:,} of {n_sent:,} failed"
    limits = [(sent, stream.thresholds.p99_ms, "p99")]
    if refused:
        limits.append((refused, stream.refusals.p99_ms, "p99 of refusals"))
    for entry, limit, what in limits:
        p99 = entry.get_response_time_percentile(0.99) if entry.num_requests else 0
        if p99 >= limit:
            yield f"{stream.name}: {what} {p99:g} ms, must be below {limit:g} ms"


def bad(stats):
    return [entry for entry in stats.entries.values() if entry.method == "BAD"]
