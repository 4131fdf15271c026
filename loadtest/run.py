#!/usr/bin/env python3
"""Loads a running server with a scenario and judges its thresholds: what `make loadtest` runs.

Exit code 0: every threshold holds. 1: one is broken. 2: a setting makes no sense, or the server or `oha` is not there.
The API key comes from CANOPY_API_KEY or --api-key-file. README.md has the scenarios.
"""

import argparse
import json
import os
import pathlib
import sys

from runner import bodies, oha, play, report, scenario
from runner.judge import judge
from runner.scenario import SettingError
from runner.server import Server

# All but soak, which takes an hour.
SHORT = ["smoke", "mixed", "bad-clients", "spike", "steady"]


def main():
    settings = parse()
    try:
        names = SHORT if settings.scenario == "all" else [settings.scenario]
        tool, key = oha.find(), read_key(settings.api_key_file)
        server = Server(settings.url, key)
        bodies.write()
        chosen = [prepare(name, settings) for name in names]
        sys.exit(0 if run_all(chosen, server, tool, settings.output) else 1)
    except SettingError as error:
        sys.exit(refuse(error))
    except KeyboardInterrupt:
        # Before a run or after it; within one, it ends in order.
        sys.exit(1)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario", help=f"{', '.join(scenario.names())}, a .json file, or all but soak: all")
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="the server (default: %(default)s)")
    parser.add_argument("--api-key-file", metavar="FILE", help="a file with the key; without it CANOPY_API_KEY")
    parser.add_argument("--duration", metavar="TIME", help="of steady, soak and bad-clients: 90s, 30m, 1h")
    parser.add_argument("--rate", type=float, metavar="N", help="requests a second, of the same scenarios")
    parser.add_argument("--p99-ms", type=float, metavar="N", help="instead of each limit of latency")
    parser.add_argument("--body", metavar="FILE", help="instead of a diamond, for another model (.json or .csv)")
    parser.add_argument("--output", choices=["text", "json"], default="text", help="(default: %(default)s)")
    return parser.parse_args()


def prepare(name, settings):
    if settings.body and not pathlib.Path(settings.body).is_file():
        raise SettingError(f"there is no file {settings.body}")
    for flag, value in (("--rate", settings.rate), ("--p99-ms", settings.p99_ms)):
        if value is not None and not 0 < value < 1e6:
            raise SettingError(f"{flag} {value:g}: expected a number above 0 and below a million")
    duration = settings.duration and scenario.seconds(settings.duration)
    return scenario.load(name).stretched(duration, settings.rate, settings.p99_ms, settings.body)


def read_key(path):
    """A file keeps the key out of the environment; neither puts it on this command line."""
    if not path:
        return os.environ.get("CANOPY_API_KEY") or None
    try:
        key = pathlib.Path(path).read_text().strip()
    except OSError as error:
        raise SettingError(f"the key cannot be read: {error}") from error
    if not key or len(key.split()) > 1:
        raise SettingError(f"{path} holds no key: expected one line with one key")
    return key


def run_all(chosen, server, tool, output):
    """Runs each, whether the one before passed or not; Ctrl-C ends the one that runs, and no other begins."""
    passed = True
    for each in chosen:
        outcome, checks = run(each, server, tool, output)
        passed &= all(check.holds is not False for check in checks)
        if outcome.interrupted and each is not chosen[-1]:
            return False
    return passed


def run(chosen, server, tool, output):
    """Plays one scenario and prints what it gave."""
    served = server.check(chosen.streams[0])
    print(f"Scenario  {chosen.name}: {chosen.about}", file=sys.stderr)
    print(f"Server    {server.url}, {served}", file=sys.stderr)
    print(f"Tool      {oha.version(tool)}, {'open' if chosen.streams[0].rate else 'closed'} loop", file=sys.stderr)
    if server.key:
        print("Key       given; oha takes it as an argument: `ps` shows it on this machine", file=sys.stderr)
    print(file=sys.stderr, flush=True)
    outcome = play.play(chosen, server, tool)
    checks = judge(chosen, outcome)
    if output == "json":
        print(json.dumps(report.document(chosen, outcome, checks)), flush=True)
    else:
        print(f"{report.text(chosen, outcome, checks)}\n", flush=True)
    return outcome, checks


def refuse(error):
    print(f"error: {error}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    main()
