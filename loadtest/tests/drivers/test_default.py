"""The default runner with oha: what passes, what fails, and what it says."""

import json
import os
import signal
import subprocess
import sys

import pytest
from conftest import LOADTEST, PATIENT


def test_smoke_sends_its_hundred_requests(loadtest):
    done = loadtest("smoke", *PATIENT, "--output", "json")
    assert done.returncode == 0, done.shown
    summary = json.loads(done.stdout)
    assert summary["passed"]
    assert summary["streams"]["smoke"]["statuses"] == {"200": 100}


def test_bad_clients_get_what_they_deserve_and_leave_nothing_behind(loadtest):
    done = loadtest("bad-clients", *PATIENT, "--duration", "5s", "--rate", "20", "--output", "json")
    assert done.returncode == 0, done.shown
    summary = json.loads(done.stdout)
    assert summary["streams"]["good client"]["statuses"] == {"200": 100}
    assert summary["in_flight_after"] == 0
    wanted = json.loads((LOADTEST / "scenarios" / "bad-clients.json").read_text())["bad_clients"]
    assert set(summary["bad_clients"]["met"]) == set(wanted)


def test_a_broken_threshold_fails(loadtest):
    done = loadtest("smoke", "--p99-ms", "0.0001")
    assert done.returncode == 1, done.shown
    assert "FAIL  smoke: p99 " in done.stdout
    assert "FAILED: 1 of 2 thresholds are broken" in done.stdout


def test_refusals_are_failures_and_the_rate_limit_is_named(loadtest):
    done = loadtest("smoke", *PATIENT, key="CANOPY_SLOW_KEY")
    assert done.returncode == 1, done.shown
    assert "× status 429" in done.stdout
    assert "--rate-limit 0" in done.stdout


def test_refusals_are_allowed_where_the_scenario_says_so(loadtest, shortened):
    """The key is good for five requests a second."""
    path = shortened("spike", seconds=1, rate=20)
    done = loadtest(path, *PATIENT, "--output", "json", key="CANOPY_SLOW_KEY")
    summary = json.loads(done.stdout)
    assert {name: sum(stream["statuses"].values()) for name, stream in summary["streams"].items()} == {
        name: 20 for name in ("before", "surge", "settling", "after")
    }
    assert summary["streams"]["surge"]["statuses"]["429"] > 0
    assert {check["what"].split(":")[0] for check in summary["checks"] if not check["holds"]} == {"before", "after"}


def test_the_sizes_and_formats_are_predicted_together(loadtest, shortened):
    done = loadtest(shortened("mixed", seconds=2, rate=2), *PATIENT, "--output", "json")
    assert done.returncode == 0, done.shown
    streams = json.loads(done.stdout)["streams"]
    assert len(streams) == 9
    assert {json.dumps(stream["statuses"]) for stream in streams.values()} == {'{"200": 4}'}


def test_soak_looks_at_the_servers_memory(loadtest):
    done = loadtest("soak", *PATIENT, "--duration", "3s", "--rate", "20", "--output", "json")
    summary = json.loads(done.stdout)
    assert min(summary["memory_bytes"].values()) > 1 << 20
    assert [check["holds"] for check in summary["checks"] if "memory" in check["what"]] == [True]


def test_ctrl_c_ends_a_run_with_its_summary(url):
    command = [sys.executable, LOADTEST / "run.py", "steady", "--rate", "20", *PATIENT, "--url", url]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)
    # Its first line of progress says that requests are under way.
    while " s of 60 s" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    shown, _ = process.communicate(timeout=60)
    assert "steady: 0 of " in shown
    assert "(ended early)" in shown


def test_a_misspelt_threshold_is_no_scenario(loadtest, tmp_path):
    path = tmp_path / "mine.json"
    text = (LOADTEST / "scenarios" / "smoke.json").read_text()
    path.write_text(text.replace("p99_ms", "p99_msec"))
    done = loadtest(path)
    assert done.returncode == 2, done.shown
    assert "mine.json is no scenario" in done.stderr
    assert "p99_msec" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["everything"], "there is no scenario `everything`: expected one of bad-clients, mixed,"),
        (["smoke", "--duration", "1h"], "the scenario `smoke` has fixed phases"),
        (["steady", "--duration", "soon"], "`soon` is no duration: expected a number above 0 with s, m or h"),
        (["steady", "--rate", "0"], "--rate 0: expected a number above 0"),
        (["smoke", "--body", "nowhere.json"], "there is no file nowhere.json"),
        (["smoke", "--api-key-file", "/nowhere"], "the key cannot be read"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(loadtest, arguments, words):
    done = loadtest(*arguments)
    assert done.returncode == 2, done.shown
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_key_is_refused_before_the_run(loadtest):
    done = loadtest("smoke", key="no-such-key")
    assert done.returncode == 2, done.shown
    assert "set CANOPY_API_KEY to a key that it knows" in done.stderr


def test_a_server_that_is_not_there_is_refused(loadtest):
    done = loadtest("smoke", server="http://127.0.0.1:9")
    assert done.returncode == 2, done.shown
    assert "no server answers at http://127.0.0.1:9" in done.stderr


def test_a_missing_oha_is_named_with_its_installation(run, url, tmp_path):
    copy = tmp_path / "loadtest"
    for folder in ("runner", "scenarios"):
        (copy / folder).mkdir(parents=True)
        for file in (LOADTEST / folder).glob("*.*"):
            (copy / folder / file.name).write_bytes(file.read_bytes())
    (copy / "run.py").write_bytes((LOADTEST / "run.py").read_bytes())
    done = run(sys.executable, copy / "run.py", "smoke", "--url", url, PATH=str(tmp_path))
    assert done.returncode == 2, done.shown
    assert "make loadtest-tools, or cargo install --locked oha" in done.stderr
