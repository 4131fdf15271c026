"""Measures the inference server: start to ready, memory, requests a second for one row.

Needs `wrk` and python3, nothing else. Trains the forest of the quick start first. Run it with `make bench-serving`.
The floor is `GET /health` of the same server: routing, metrics and access log, without a model.
"""

import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUT = ROOT / "bench" / "out"
PORT = 18080
URL = f"http://127.0.0.1:{PORT}"
RUNS = 5
SECONDS = 5
CONNECTIONS = 16


def main():
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
    packages = ["-p", "canopy-trainer", "-p", "canopy-inference"]
    subprocess.run(["cargo", "build", "--release", "--locked", *packages], cwd=ROOT, check=True)
    OUT.mkdir(exist_ok=True)
    registry = OUT / "serving-models"
    if not registry.exists():
        data = ROOT / "examples" / "data" / "diamonds.csv"
        fit = [target / "canopy-trainer", "fit", "--data", data, "--target", "price", "--model", "diamonds"]
        subprocess.run([*fit, "--registry", registry], check=True, stdout=subprocess.DEVNULL)
    script = OUT / "predict.lua"
    body = (ROOT / "examples" / "requests" / "diamond.json").read_text().strip()
    script.write_text(
        f"wrk.method = 'POST'\nwrk.body = [[{body}]]\nwrk.headers['Content-Type'] = 'application/json'\n"
        "wrk.headers['X-API-Key'] = 'bench'\n"
    )
    server = target / "canopy-inference"
    print(f"{os.cpu_count()} cores, {server.stat().st_size / 2**20:.1f} MiB binary, medians of {RUNS} runs\n")
    starts, memory, floor, rate, late = [], [], [], [], []
    for _ in range(RUNS):
        with Server(server, registry) as run:
            starts.append(run.ready_ms)
            memory.append(pss_mib(run.process.pid))
            requests, _ = wrk(f"{URL}/health")
            floor.append(requests)
            requests, p99 = wrk(f"{URL}/predict", "-s", script)
            rate.append(requests)
            late.append(p99)
    after = pss_mib_after(server, registry, script)
    print("| What | Median | All runs |\n| --- | --- | --- |")
    row("start to /ready, ms", starts, "{:.1f}")
    row("memory (PSS) once ready, MiB", memory, "{:.1f}")
    row(f"POST /predict, 1 row, {CONNECTIONS} connections, requests/s", rate, "{:,.0f}")
    row("its p99", late, "{}")
    row("GET /health, requests/s: the floor", floor, "{:,.0f}")
    print(f"| /predict against the floor | {statistics.median(rate) / statistics.median(floor):.2f} | |")
    print(f"| memory (PSS) after {SECONDS} s of load, MiB | {after:.1f} | |")


class Server:
    """A server with keys, rate limits, metrics and access log on, as it would be deployed."""

    def __init__(self, binary, registry):
        command = [binary, "--model", "diamonds", "--registry", registry, "--listen", f"127.0.0.1:{PORT}"]
        environment = {**os.environ, "CANOPY_API_KEYS": "bench:bench"}
        self.log = open(OUT / "inference.log", "w")
        started = time.perf_counter()
        # A limit that is never reached: it is checked for each request all the same.
        limits = ["--rate-limit", "10000000", "--rate-burst", "10000000", "--drain-delay", "0s"]
        self.process = subprocess.Popen([*command, *limits], env=environment, stdout=self.log, stderr=self.log)
        while not is_ready():
            if self.process.poll() is not None or time.perf_counter() - started > 30:
                sys.exit(f"the server did not become ready; see {OUT / 'inference.log'}")
            time.sleep(0.0005)
        self.ready_ms = (time.perf_counter() - started) * 1e3

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(timeout=30) != 0:
            sys.exit("the server did not shut down cleanly")
        self.log.close()


def is_ready():
    try:
        with urllib.request.urlopen(f"{URL}/ready", timeout=1) as answer:
            return answer.status == 200
    except (urllib.error.URLError, ConnectionError):
        return False


def wrk(url, *arguments):
    """Requests a second and p99; any answer but 2xx ends the run."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency", *arguments, url]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        sys.exit(f"errors under load:\n{text}")
    requests = float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])
    return requests, re.search(r"99%\s+(\S+)", text)[1]


def pss_mib(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss:\s+(\d+) kB", text, re.M)[1]) / 1024


def pss_mib_after(binary, registry, script):
    with Server(binary, registry) as run:
        wrk(f"{URL}/predict", "-s", script)
        return pss_mib(run.process.pid)


def row(name, values, form):
    middle = sorted(values)[len(values) // 2]
    print(f"| {name} | {form.format(middle)} | {', '.join(form.format(v) for v in values)} |")


if __name__ == "__main__":
    main()
