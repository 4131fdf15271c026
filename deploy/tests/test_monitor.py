"""`make monitor`: what a person reads in the terminal, of a state document as the metrics service sends it."""

import contextlib
import copy
import http.server
import json
import os
import subprocess
import threading
import urllib.parse

from manifests import DEPLOY

SCRIPT = DEPLOY / "scripts/monitor.sh"
KEY = "a key for this test"


def replica(url, state="ready", **fields):
    absent = ("reason", "version", "requests_per_second", "error_ratio", "p50_seconds", "p95_seconds", "p99_seconds")
    absent += ("memory_bytes", "uptime_seconds", "last_seen_at")
    return {"url": url, "state": state} | dict.fromkeys(absent) | fields


def feature(name, level, psi, reason, **fields):
    return {"name": name, "level": level, "psi": psi, "reason": reason, "missing_ratio": 0.0, "unseen_ratio": 0.0} | fields


def estimate(value, low, high):
    return {"value": value, "low": low, "high": high}


RATES = {"requests_per_second": 91.234, "error_ratio": 0.0004, "p50_seconds": 0.00042, "p95_seconds": 0.0009}
RATES |= {"p99_seconds": 0.0021}
QUALITY = {"rmse": estimate(571.2, 550.1, 592.3), "mae": estimate(280.5, 270, 291), "bias": estimate(-3.2, -20, 14)}
WELL = {
    "generated_at": "2026-11-21T21:40:05.123Z",
    "canopy_version": "0.1.0",
    "model": "diamonds",
    "models": ["diamonds"],
    "window": "1h",
    "windows": ["1h", "24h"],
    "fleet": {
        "replicas": [replica("http://10.0.0.5:8000", version=3, memory_bytes=15728640, uptime_seconds=7500, **RATES)],
        **{"ready": 1, "not_ready": 0, "unreachable": 0, "invalid": 0, "version_skew": False},
        **RATES,
    },
    "versions": [
        {
            **{"version": 3, "role": "champion", "rows": 12345, "rows_per_second": 90.1, "drift_level": "ok"},
            **{"training": {"rmse": 560.96}, "live": {"rmse": estimate(571.2, 550.1, 592.3)}},
        }
    ],
    "drift": {
        **{"version": 3, "window": "1h", "rows": 12345, "level": "ok", "reason": "as in training"},
        "prediction": feature("prediction", "ok", 0.02, "as in training"),
        "features": [feature(name, "ok", 0.01, "as in training") for name in ("carat", "cut", "color", "depth")],
    },
    "quality": {
        **{"version": 3, "window": "1h", "pairs": 500, "without_actual_ratio": 0.167, "r2": None},
        **{"training": {"rmse": 560.96}, "worse_than_training": False},
        **QUALITY,
    },
    "aliases": [
        {
            **{"time": "2026-11-21T20:30:00Z", "alias": "champion", "action": "promote", "from": 2, "to": 3},
            **{"by": "trainer", "reason": None},
        }
    ],
    "problems": [],
}
EMPTY = WELL | {"model": None, "models": [], "versions": [], "drift": None, "quality": None, "aliases": []}
EMPTY |= {"fleet": {**WELL["fleet"], "replicas": [], "ready": 0, **dict.fromkeys(RATES)}}


@contextlib.contextmanager
def served(document):
    """A server that gives the document to whoever has the key; yields its URL and the paths that were asked for."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            right = self.headers["X-API-Key"] == KEY
            body = json.dumps(document if right else {"title": "no such key"}).encode()
            self.send_response(200 if right else 401)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


def monitor(tmp_path, url, key=KEY, **variables):
    (tmp_path / "key").write_text(key + "\n")
    environment = os.environ | {"URL": url, "API_KEY_FILE": str(tmp_path / "key")} | variables
    return subprocess.run([SCRIPT], env=environment, capture_output=True, text=True, timeout=60)


def screen(tmp_path, document, **variables):
    with served(document) as (url, _):
        done = monitor(tmp_path, url, **variables)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def line_of(lines, word):
    [found] = [line for line in lines if word in line]
    return found


def test_a_fleet_that_is_well_shows_no_mark(tmp_path):
    lines = screen(tmp_path, WELL)
    assert lines[0] == "Canopy diamonds, the last 1h, at 2026-11-21 21:40:05 UTC (canopy-metrics 0.1.0)"
    assert "1 ready; requests 91.2/s, errors <0.1 %, p50 420 µs, p95 900 µs, p99 2.1 ms" in line_of(lines, "Fleet")
    columns = ["10.0.0.5:8000", "ready", "3", "91.2/s", "<0.1", "%", "420", "µs", "2.1", "ms", "15", "MiB", "2", "h"]
    assert line_of(lines, "10.0.0.5").split() == columns
    assert line_of(lines, "champion  ").split()[:5] == ["3", "champion", "12345", "90.1/s", "ok"]
    assert "561.0  571.2 (550.1 to 592.3)" in line_of(lines, "champion  ")
    assert line_of(lines, "Drift  ").endswith("version 3, 12345 rows in 1h: OK: as in training")
    assert line_of(lines, "  and ") == "  and 2 more"
    assert "500 pairs in 1h: RMSE 571.2 (550.1 to 592.3), at training 561.0" in line_of(lines, "Quality")
    assert line_of(lines, "MAE").strip() == (
        "MAE 280.5 (270.0 to 291.0), bias -3.20 (-20.0 to 14.0), R² -, without an actual 17 %"
    )
    assert line_of(lines, "Alias").endswith("2026-11-21 20:30:00  champion promote: 2 to 3, by trainer")
    assert not [line for line in lines if line.startswith("!")]


def test_what_needs_somebodys_eye_is_marked_and_said_in_words(tmp_path):
    ill = copy.deepcopy(WELL)
    ill["fleet"]["replicas"].append(replica("http://10.0.0.7:8000", "unreachable", reason="connection refused"))
    ill["fleet"] |= {"unreachable": 1, "version_skew": True}
    ill["versions"][0]["drift_level"] = "alarm"
    ill["drift"] |= {"level": "alarm", "reason": "carat has moved"}
    ill["drift"]["features"][0] = feature("carat", "alarm", 0.512, "values lie higher than in training")
    ill["quality"]["worse_than_training"] = True
    ill["problems"] = [{"code": "registry_unreadable", "text": "The registry is away.", "action": "Mount it."}]
    lines = screen(tmp_path, ill)
    marked = [line for line in lines if line.startswith("! ")]
    for words in [
        ("Problem   The registry is away.",),
        ("Fleet", "1 ready, 1 unreachable, MORE THAN ONE VERSION"),
        ("10.0.0.7:8000", "unreachable", "connection refused"),
        ("champion", "alarm"),
        ("Drift", "ALARM: carat has moved"),
        ("carat  ", "alarm", "0.51", "values lie higher than in training"),
        ("Quality", "WORSE THAN AT TRAINING"),
    ]:
        assert [line for line in marked if all(word in line for word in words)], words
    assert len(marked) == 7
    assert "Mount it." in lines[lines.index(marked[0]) + 1]


def test_an_empty_fleet_says_what_is_missing(tmp_path):
    lines = screen(tmp_path, EMPTY)
    assert line_of(lines, "No replica").startswith("! ") and "CANOPY_TARGETS" in line_of(lines, "No replica")
    assert "POST /actuals" in line_of(lines, "Quality") and "nothing to compare" in line_of(lines, "Drift")


def test_it_asks_for_the_model_and_the_window_that_are_meant(tmp_path):
    with served(WELL) as (url, asked):
        assert monitor(tmp_path, url, MODEL="houses & more", WINDOW="24h").returncode == 0
    [asked] = map(urllib.parse.urlsplit, asked)
    assert asked.path == "/api/state"
    assert urllib.parse.parse_qs(asked.query) == {"model": ["houses & more"], "window": ["24h"]}


def test_nobody_elses_words_reach_the_terminal_as_commands(tmp_path):
    ill = copy.deepcopy(WELL)
    ill["aliases"][0]["by"] = "mallory\x1b[2J\n! Fleet"
    lines = screen(tmp_path, ill)
    assert "\x1b" not in "".join(lines) and "mallory [2J ! Fleet" in line_of(lines, "mallory")


def test_a_wrong_key_and_a_service_that_is_away_say_what_to_do(tmp_path):
    with served(WELL) as (url, _):
        done = monitor(tmp_path, url, key="another")
    assert done.returncode == 1 and "API_KEY_FILE" in done.stderr and not done.stdout
    done = monitor(tmp_path, url)  # nobody listens there any more
    assert done.returncode == 1 and "no answer" in done.stderr and KEY not in done.stderr
