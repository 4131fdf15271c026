"""Measures what a slow challenger in shadow costs the champion: p99 of an open loop with and without it, in one run.

One server, started once; the challenger comes and goes by its alias, so both are measured in alternation on the same
process. Needs python3, nothing else. Run it with `make bench-shadow`.
"""

import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request

from common import DIAMONDS, OUT, Server, build, inference, row, trainer

PORT = 18081
URL = f"http://127.0.0.1:{PORT}"
ROUNDS = 7
SECONDS = 5
RATE = 2000


def main():
    target = build("canopy-trainer", "canopy-inference", "canopy-loadtest")
    registry = OUT / "shadow-models"
    if not registry.exists():
        table = ["--data", DIAMONDS, "--target", "price", "--model", "diamonds"]
        trainer(registry, "fit", *table, "--n-estimators", "100", "--max-depth", "10")
        # Unlimited depth and many trees: a row takes some hundred microseconds.
        trainer(registry, "fit", *table, "--n-estimators", "1000", "--max-depth", "18", "--threads", "0")
    trainer(registry, "canary", "stop", "diamonds")
    gates = ["--force", "--reason", "bench"]
    p50, p99 = {False: [], True: []}, {False: [], True: []}
    with serve(registry):
        for _ in range(ROUNDS):
            for shadowed in (False, True):
                if shadowed:
                    trainer(registry, "canary", "set", "diamonds", "2", "--mode", "shadow", *gates)
                else:
                    trainer(registry, "canary", "stop", "diamonds")
                wait(lambda: shadows() == shadowed)
                latency = load(target)
                p50[shadowed].append(latency["p50"])
                p99[shadowed].append(latency["p99"])
        compared, dropped = totals()
        row_us = row_times()
    print(f"{os.cpu_count()} cores, {RATE} requests/s, {SECONDS} s a run, {ROUNDS} runs each in alternation, ms\n")
    print("| | Median | All runs |\n| --- | --- | --- |")
    for shadowed, name in ((False, "no challenger"), (True, "slow challenger in shadow")):
        row(f"{name}, p50", p50[shadowed], "{:.2f}")
        row(f"{name}, p99", p99[shadowed], "{:.2f}")
    ratio = statistics.median(p99[True]) / statistics.median(p99[False])
    spread = max(p99[False]) / min(p99[False])
    print(f"| p99 with it against without | {ratio:.2f} | noise: greatest against least without it {spread:.2f} |")
    print(f"| requests compared, dropped | {compared:,.0f} | {dropped:,.0f} |")
    print(f"| a request of the champion, of the challenger, µs | {row_us['champion']:.0f} | {row_us['challenger']:.0f} |")


def serve(registry):
    # The challenger is to be slow, not to be stopped for it.
    limits = ["--registry-poll-interval", "100ms", "--veto-latency-factor", "none", "--veto-divergence", "none"]
    command = inference("diamonds", registry, PORT, "--allow-anonymous", "--rate-limit", "0", *limits)
    return Server(command, URL, log="shadow.log")


def load(target):
    command = [target / "canopy-loadtest", "--url", f"{URL}/predict", "--rate", str(RATE), "--output", "json"]
    seconds = ["--warm-up", "1s", "--duration", f"{SECONDS}s", "--report-interval", "0s"]
    run = subprocess.run([*command, *seconds], capture_output=True, text=True)
    summary = json.loads(run.stdout)
    if summary["failed"]:
        sys.exit(f"requests failed: {summary['failed_by_kind']}")
    return summary["latency_ms"]


def ask(path):
    try:
        with urllib.request.urlopen(f"{URL}{path}", timeout=1) as answer:
            return answer.read().decode()
    except OSError:
        return ""


def series(name):
    """Labels → value of a metric."""
    lines = [line for line in ask("/metrics").splitlines() if line.startswith(name + "{")]
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines}


def shadows():
    return any(value == 1 for value in series("canopy_challenger_info").values())


def totals():
    return (sum(series(f"canopy_challenger_{what}_total").values()) for what in ("requests", "dropped"))


def row_times():
    name = "canopy_challenger_duration_seconds"
    sums, counts = series(f"{name}_sum"), series(f"{name}_count")
    times = {}
    for role in ("champion", "challenger"):
        [total] = [value for labels, value in sums.items() if f'role="{role}"' in labels]
        [count] = [value for labels, value in counts.items() if f'role="{role}"' in labels]
        times[role] = total / count * 1e6
    return times


def wait(holds):
    for _ in range(600):
        if holds():
            return
        time.sleep(0.05)
    sys.exit("still waiting after 30 s")


if __name__ == "__main__":
    main()
