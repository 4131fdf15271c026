"""The same scenarios by k6: every one is read, and one runs."""

import json
import os
import platform
import subprocess
import sys

import pytest
from conftest import LOADTEST, tool

SCRIPT = LOADTEST / "k6" / "scenario.js"
SCENARIOS = sorted(path.stem for path in (LOADTEST / "scenarios").glob("*.json"))


@pytest.fixture
def k6(run, url):
    """Runs a command of k6 on a scenario."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        pytest.skip("the pinned k6 is for Linux on x86-64")
    binary = tool("k6")
    if binary is None:
        assert "CI" not in os.environ, "CI must have run `K6=1 make loadtest-tools`"
        pytest.skip("needs k6: K6=1 make loadtest-tools")
    subprocess.run([sys.executable, LOADTEST / "runner" / "bodies.py"], check=True)

    def on_server(command, scenario, *arguments, **options):
        settings = {"SCENARIO": scenario, "URL": url, "P99_MS": "60000"}
        flags = [flag for name, value in settings.items() for flag in ("-e", f"{name}={value}")]
        return run(binary, command, *flags, *arguments, SCRIPT, K6_NO_USAGE_REPORT="true", **options)

    return on_server


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_scenario_becomes_options_of_k6(k6, scenario):
    done = k6("inspect", scenario)
    assert done.returncode == 0, done.shown
    definition = json.loads((LOADTEST / "scenarios" / f"{scenario}.json").read_text())
    options = json.loads(done.stdout)
    rates = sorted(entry["rate"] for entry in options["scenarios"].values() if "rate" in entry)
    assert rates == sorted(stream["rate"] for stream in definition["streams"] if "rate" in stream)
    n_latency = sum(name.startswith("canopy_latency{") for name in options["thresholds"])
    assert n_latency == len(definition["streams"])


def test_k6_sends_the_hundred_requests_of_smoke(k6):
    done = k6("run", "smoke", "--quiet")
    assert done.returncode == 0, done.shown
    assert "100 out of 100" in done.stdout


def test_k6_sends_a_constant_rate_beside_bad_clients(k6):
    done = k6("run", "bad-clients", "--quiet", "-e", "RATE=20", "-e", "DURATION_SECONDS=3")
    assert done.returncode == 0, done.shown
    assert "canopy_failed{scenario:good_client}" in done.stdout
    assert "left out, for k6 has no raw sockets" in done.shown


def test_k6_fails_with_a_wrong_key(k6):
    done = k6("run", "smoke", "--quiet", key="no-such-key")
    # 99 is what k6 ends with where a threshold is broken.
    assert done.returncode == 99, done.shown
