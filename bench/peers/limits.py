"""Ours alone: memory after a million requests, an open loop, and what an overload does to those that are admitted."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass

from common import LIMITS, OUT, TARGET, Server, inference, say, script, wrk
from peers.contenders import KEY, PORT, REGISTRY, URL

OPEN_RATE = 10_000
# The overload by rate: ten times what the key may.
KEY_RATE = 1_000
# The overload by work: this many places, and connections that all ask at once for batches.
PLACES, CROWD = 4, 256


@dataclass
class Overload:
    """What became of an overload."""

    admitted_per_s: float
    refused_per_s: float
    p99_ms: float
    refused_p99_ms: float
    other_failures: dict
    memory_before: float
    memory_after: float


def memory_after(n_requests, body):
    """PSS once ready and after so many requests."""
    say(f"memory after {n_requests:,} requests")
    post = script("limits-1", body, KEY)
    with serve(*LIMITS) as server:
        before, sent = server.pss_mib(), 0
        while sent < n_requests:
            sent += wrk(f"{URL}/predict", 5, post).requests
        return before, server.pss_mib(), sent


def open_loop(seconds, body):
    """Requests due at fixed times, and latency from when they were due."""
    say(f"open loop, {OPEN_RATE:,} requests/s, {seconds} s")
    with serve(*LIMITS):
        return load(body, OPEN_RATE, 64, seconds)


def overload_by_rate(seconds, body):
    say(f"overload: a key of {KEY_RATE:,} requests/s is offered {10 * KEY_RATE:,}/s, {seconds} s")
    with serve("--rate-limit", str(KEY_RATE), "--rate-burst", str(KEY_RATE // 10)) as server:
        return overload(server, "status_429", lambda time: load(body, 10 * KEY_RATE, 64, time), seconds)


def overload_by_work(seconds, body):
    say(f"overload: {CROWD} connections ask for batches at once where {PLACES} are answered, {seconds} s")
    with serve(*LIMITS, "--max-in-flight", str(PLACES)) as server:
        return overload(server, "status_503", lambda time: load(body, 0, CROWD, time), seconds)


def overload(server, refusal, offer, seconds):
    # Memory is flat if it does not grow while the overload goes on: what it takes to start with is no leak.
    offer(2)
    before = server.pss_mib()
    summary = offer(seconds)
    refused = summary["failed_by_kind"].pop(refusal, 0)
    return Overload(
        summary["succeeded"] / summary["duration_seconds"],
        refused / summary["duration_seconds"],
        p99(summary, "latency_ms"),
        p99(summary, "refused_latency_ms"),
        summary["failed_by_kind"],
        before,
        server.pss_mib(),
    )


def p99(summary, of):
    """Of what did not happen at all, no time is short enough."""
    return summary[of]["p99"] if summary[of] else float("inf")


def serve(*flags):
    environment = {"CANOPY_API_KEYS": "bench:bench"}
    command = inference("coded", REGISTRY, PORT, *flags)
    return Server(command, URL, "/ready", environment, "peer-limits.log", quiet=True)


def load(body, rate, connections, seconds):
    """One run of canopy-loadtest: its summary."""
    path = OUT / "limits.json"
    path.write_text(body)
    command = [TARGET / "canopy-loadtest", "--url", f"{URL}/predict", "--body", path, "--rate", str(rate)]
    command += ["--connections", str(connections), "--duration", f"{seconds}s", "--warm-up", "1s"]
    command += ["--output", "json", "--report-interval", "0s"]
    environment = {**os.environ, "CANOPY_LOADTEST_API_KEY": "bench"}
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    # 1 says that requests have failed, which is what an overload is about.
    if run.returncode not in (0, 1):
        sys.exit(f"canopy-loadtest has failed: {run.stderr}")
    return json.loads(run.stdout)
