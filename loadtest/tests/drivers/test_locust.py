"""Locust with a master and two workers, as several machines would run it."""

import csv
import os
import socket
import subprocess

from conftest import LOADTEST, PATIENT, tool

LOCUSTFILE = ["-f", LOADTEST / "locust" / "locustfile.py"]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return str(listener.getsockname()[1])


def distributed(url, folder, *settings, key=None):
    """Runs a master and two workers to their end; gives the master's exit code, its words and its table."""
    locust, port = tool("locust"), free_port()
    environment = {**os.environ, **({"CANOPY_API_KEY": key} if key else {})}
    worker = [locust, *LOCUSTFILE, "--worker", "--master-port", port]
    workers = [
        subprocess.Popen(worker, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(2)
    ]
    master = [locust, *LOCUSTFILE, "--master", "--headless", "--only-summary", "--expect-workers", "2", "--host", url]
    own = ["--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--csv", folder / "table", *settings]
    try:
        done = subprocess.run([*master, *own], env=environment, capture_output=True, text=True, timeout=120)
    finally:
        for process in workers:
            process.kill()
            process.wait()
    with (folder / "table_stats.csv").open(newline="") as file:
        rows = {row["Name"]: row for row in csv.DictReader(file)}
    return done.returncode, done.stdout + done.stderr, rows


def test_two_workers_share_a_steady_load(url, tmp_path):
    settings = ["--scenario", "steady", "--duration", "5s", "--rate", "20", *PATIENT]
    code, shown, rows = distributed(url, tmp_path, *settings)
    assert code == 0, shown
    assert "2 workers connected" in shown
    # Users pace themselves, and the last second of a worker may not be reported.
    assert 0 < int(rows["steady"]["Request Count"]) <= 150
    assert rows["steady"]["Failure Count"] == "0"


def test_a_surge_has_its_users(url, tmp_path, shortened):
    scenario = shortened("spike", seconds=6, rate=10)
    _, shown, rows = distributed(url, tmp_path, "--scenario", scenario, *PATIENT)
    assert '"Caller": 16' in shown
    assert '"Caller": 128' in shown
    # Where starting users takes longer than a stream lasts, the one after it may be skipped.
    assert {"before", "surge"} <= set(rows)
    assert {"settling", "after"} & set(rows)


def test_a_wrong_key_fails_the_run(url, tmp_path):
    code, shown, rows = distributed(url, tmp_path, "--scenario", "smoke", *PATIENT, key="no-such-key")
    assert code == 1, shown
    assert "FAIL  smoke: 100 of 100 failed" in shown
    assert rows["smoke"]["Failure Count"] == "100"


def test_a_broken_threshold_fails_the_run(url, tmp_path):
    code, shown, _ = distributed(url, tmp_path, "--scenario", "smoke", "--p99-ms", "0.0001")
    assert code == 1, shown
    assert "FAIL  smoke: p99 " in shown
