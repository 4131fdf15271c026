"""A scenario from start to end: streams begin when they are due, bad clients come and go, gauges are read."""

import dataclasses
import signal
import sys
import tempfile
import time

from runner import oha
from runner.bad_clients import Crowd

TICK_SECONDS = 0.05
PROGRESS_SECONDS = 5
# After a scenario's own time, how long its last requests are waited for.
LATE_SECONDS = 15
# Buffers and connections are made at first; what memory does after that is what counts.
WARM_UP_SECONDS = 60
# The server's time limit for a request is 10 s: after it nothing of the bad clients may be left.
SETTLE_SECONDS = 30
MEMORY = "canopy_process_resident_memory_bytes"
IN_FLIGHT = "http_requests_in_flight"


@dataclasses.dataclass
class Outcome:
    """What a run gave; `results` has no entry for a stream that never began."""

    results: dict[str, oha.Result] = dataclasses.field(default_factory=dict)
    memory_before: float | None = None
    memory_after: float | None = None
    in_flight_after: float | None = None
    answers_after: bool | None = None
    meetings: dict[str, int] = dataclasses.field(default_factory=dict)
    complaints: dict[str, int] = dataclasses.field(default_factory=dict)
    interrupted: bool = False


def play(scenario, server, tool):
    """Runs it; Ctrl-C or SIGTERM ends it early, with what there is until then."""
    outcome = Outcome()
    crowd = Crowd(scenario.bad_clients, server.url, server.key)
    for hangup in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(hangup, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="canopy-loadtest-") as folder:
        runs = []
        try:
            crowd.start()
            play_streams(scenario, server, outcome, runs, lambda stream: start(tool, stream, server, folder))
        except KeyboardInterrupt:
            outcome.interrupted = True
            print("\nstopping: what was sent until now is judged", file=sys.stderr)
        except BaseException:
            kill(runs)
            raise
        finish(runs, outcome)
    crowd.go_home()
    outcome.meetings, outcome.complaints = dict(crowd.meetings), dict(crowd.complaints)
    look_after(scenario, server, outcome)
    return outcome


def finish(runs, outcome):
    """Ends what still runs, and reads the reports; whatever happens, nothing goes on sending."""
    try:
        for run in runs:
            run.stop()
        for run in runs:
            outcome.results[run.stream.name] = run.result()
    finally:
        kill(runs)


def kill(runs):
    for run in runs:
        run.kill()


def start(tool, stream, server, folder):
    return oha.Run(tool, stream, server.url, server.key, folder)


def play_streams(scenario, server, outcome, runs, begin):
    started = time.monotonic()
    due = sorted(scenario.streams, key=lambda stream: stream.start_seconds)
    warm_at = min(WARM_UP_SECONDS, scenario.duration_seconds / 10)
    next_progress = PROGRESS_SECONDS
    answered = 0
    # A server that hangs holds each request up to its time limit: what is not answered in time has failed.
    ends = scenario.duration_seconds + LATE_SECONDS
    while (due or not all(run.is_over for run in runs)) and time.monotonic() - started < ends:
        elapsed = time.monotonic() - started
        while due and due[0].start_seconds <= elapsed:
            runs.append(begin(due.pop(0)))
        if outcome.memory_before is None and elapsed >= warm_at:
            outcome.memory_before = server.gauges().get(MEMORY)
        if elapsed >= next_progress:
            answered = progress(scenario, server, elapsed, answered)
            next_progress += PROGRESS_SECONDS
        time.sleep(TICK_SECONDS)


def progress(scenario, server, elapsed, answered):
    """Writes a line about the run until now; the figures are the server's own."""
    gauges = server.gauges()
    line = f"{elapsed:6.0f} s of {scenario.duration_seconds:.0f} s"
    total = gauges.get("answered", 0.0)
    # None at the first time, when what came before the run is not known.
    if answered and total:
        line += f"   {max(0, total - answered) / PROGRESS_SECONDS:8,.0f} answers/s"
    if IN_FLIGHT in gauges:
        line += f"   {gauges[IN_FLIGHT]:4.0f} in flight"
    if MEMORY in gauges:
        line += f"   {gauges[MEMORY] / 2**20:6.1f} MiB"
    print(line, file=sys.stderr, flush=True)
    return total


def look_after(scenario, server, outcome):
    """Reads what the run left behind, once its last requests are through."""
    gauges = server.gauges()
    ends = time.monotonic() + SETTLE_SECONDS
    while "in_flight_after" in scenario.server and time.monotonic() < ends:
        if gauges.get(IN_FLIGHT, 0.0) <= scenario.server["in_flight_after"]:
            break
        time.sleep(0.2)
        gauges = server.gauges()
    outcome.memory_after, outcome.in_flight_after = gauges.get(MEMORY), gauges.get(IN_FLIGHT)
    if scenario.bad_clients:
        stream = scenario.streams[0]
        try:
            status, _ = server.ask("/predict", stream.body_path.read_bytes(), stream.content_type)
        except OSError:
            status = None
        outcome.answers_after = status == 200
