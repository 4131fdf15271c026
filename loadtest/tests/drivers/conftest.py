"""The server that `../drivers.rs` has started, and how to run the drivers on it."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

LOADTEST = pathlib.Path(__file__).resolve().parents[2]
TOOLS = pathlib.Path(sys.executable).parent
# Nothing here measures time: a machine that is busy with something else must pass.
PATIENT = ["--p99-ms", "60000"]


def tool(name):
    return shutil.which(name, path=os.pathsep.join([str(TOOLS), os.environ["PATH"]]))


@pytest.fixture(scope="session")
def url():
    return os.environ["CANOPY_URL"]


@pytest.fixture
def run(url):
    """Runs a program with a key; gives what it said and its exit code."""

    def with_key(*command, key="CANOPY_API_KEY", **environment):
        environment = {**os.environ, "CANOPY_API_KEY": os.environ.get(key, key), **environment}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        done.shown = done.stdout + done.stderr
        return done

    return with_key


@pytest.fixture
def loadtest(run, url):
    """Runs the default runner on the server."""

    def on_server(*arguments, server=url, **options):
        return run(sys.executable, LOADTEST / "run.py", *arguments, "--url", server, **options)

    return on_server


@pytest.fixture
def shortened(tmp_path):
    """Writes a scenario's streams anew, with so many seconds each and another rate."""

    def write(name, seconds, rate):
        scenario = json.loads((LOADTEST / "scenarios" / f"{name}.json").read_text())
        for index, stream in enumerate(scenario["streams"]):
            start = index * seconds if "start_seconds" in stream else 0
            stream.update(duration_seconds=seconds, rate=rate, start_seconds=start)
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(scenario))
        return path

    return write
