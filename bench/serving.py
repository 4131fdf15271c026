"""Measures the inference server: start to ready, memory, requests a second for one row.

Needs `wrk` and python3, nothing else. Trains the forest of the quick start first. Run it with `make bench-serving`.
The floor is `GET /health` of the same server: routing, metrics and access log, without a model.
"""

import os
import statistics

from common import CONNECTIONS, DIAMONDS, LIMITS, OUT, ROOT, Server, build, fit, inference, need, row, script, wrk

PORT = 18080
URL = f"http://127.0.0.1:{PORT}"
RUNS = 5
SECONDS = 5


def main():
    need("wrk", "wrk")
    target = build("canopy-trainer", "canopy-inference")
    registry = OUT / "serving-models"
    fit(registry, "diamonds", DIAMONDS)
    body = (ROOT / "examples" / "requests" / "diamond.json").read_text().strip()
    predict = script("predict", body, {"X-API-Key": "bench"})
    size = (target / "canopy-inference").stat().st_size / 2**20
    print(f"{os.cpu_count()} cores, {size:.1f} MiB binary, medians of {RUNS} runs\n")
    starts, memory, floor, rate, late = [], [], [], [], []
    for _ in range(RUNS):
        with serve(registry) as server:
            starts.append(server.ready_ms)
            memory.append(server.pss_mib())
            floor.append(wrk(f"{URL}/health", SECONDS).rps)
            load = wrk(f"{URL}/predict", SECONDS, predict)
            rate.append(load.rps)
            late.append(load.p99_ms)
    with serve(registry) as server:
        wrk(f"{URL}/predict", SECONDS, predict)
        after = server.pss_mib()
    print("| What | Median | All runs |\n| --- | --- | --- |")
    row("start to /ready, ms", starts, "{:.1f}")
    row("memory (PSS) once ready, MiB", memory, "{:.1f}")
    row(f"POST /predict, 1 row, {CONNECTIONS} connections, requests/s", rate, "{:,.0f}")
    row("its p99, ms", late, "{:.2f}")
    row("GET /health, requests/s: the floor", floor, "{:,.0f}")
    print(f"| /predict against the floor | {statistics.median(rate) / statistics.median(floor):.2f} | |")
    print(f"| memory (PSS) after {SECONDS} s of load, MiB | {after:.1f} | |")


def serve(registry):
    """A server with keys, rate limits, metrics and access log on, as it would be deployed."""
    command = inference("diamonds", registry, PORT, *LIMITS)
    return Server(command, URL, environment={"CANOPY_API_KEYS": "bench:bench"}, log="inference.log")


if __name__ == "__main__":
    main()
