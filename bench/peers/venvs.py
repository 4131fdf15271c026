"""One virtual environment for each peer, since their pins contradict each other; requirements/ has the pins."""

import hashlib
import os
import subprocess
import sys

from common import ROOT, say

REQUIREMENTS = ROOT / "bench" / "peers" / "requirements"


def folder(name):
    return ROOT / "bench" / f".venv-{name}"


def python(name):
    return folder(name) / "bin" / "python"


def make(name):
    """Makes an environment, unless the one there has these very pins."""
    pins = REQUIREMENTS / f"{name}.txt"
    digest = hashlib.sha256(pins.read_bytes() + sys.version.encode()).hexdigest()
    stamp = folder(name) / "pins.sha256"
    if stamp.exists() and stamp.read_text() == digest:
        return
    say(f"installing {name} into bench/.venv-{name}")
    if subprocess.run([sys.executable, "-m", "venv", "--clear", folder(name)]).returncode != 0:
        sys.exit("python3 cannot make a virtual environment: apt-get install python3-venv")
    pip = [python(name), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if subprocess.run([*pip, "-r", pins]).returncode != 0:
        sys.exit(f"{pins.relative_to(ROOT)} could not be installed with Python {sys.version.split()[0]}; it was made with 3.11")
    stamp.write_text(digest)


def run(name, script, *arguments):
    """Runs a script of this folder in an environment and gives what it prints."""
    command = [python(name), ROOT / "bench" / "peers" / script, *arguments]
    # One thread each, also where a library would take them all.
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout


def installed_mib(name):
    """What pip has installed, without pip itself and without the interpreter."""
    [packages] = folder(name).glob("lib/python3*/site-packages")
    own = [path for path in packages.iterdir() if not path.name.startswith(("pip", "setuptools"))]
    command = ["du", "-sckB1", "--apparent-size", *own]
    total = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
    return int(total.split()[0]) / 2**20


def version(name, package):
    lines = (REQUIREMENTS / f"{name}.txt").read_text().splitlines()
    return next(line.split("==")[1] for line in lines if line.startswith(f"{package}=="))
