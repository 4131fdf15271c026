"""A fleet on this machine: a registry, two inference servers, the metrics service, Prometheus, and traffic."""

import contextlib
import csv
import hashlib
import http.server
import json
import os
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import yaml
from manifests import MONITORING, REPO

BINARIES = Path(os.environ.get("CANOPY_BINARIES", REPO / "target/debug"))
KUBERNETES = Path(__file__).with_name("kubernetes.prom")
DATA = REPO / "examples/data/diamonds.csv"
N_ROWS = 2000
KEYS = {"people": "rate=0", "greedy": "rate=1 burst=1", "servers": "rate=0"}


class Fleet:
    """Everything that runs, and its addresses."""

    def __init__(self, folder):
        self.folder = folder
        self.stack = contextlib.ExitStack()
        self.stop = threading.Event()
        # A server that is no inference server is among the targets, so that scrapes fail as well.
        names = ("inference-a", "inference-b", "metrics", "prometheus", "kubernetes")
        self.ports = dict(zip(names, free_ports(len(names)), strict=True))
        with open(DATA, newline="") as table:
            self.rows = [row for row, _ in zip(csv.DictReader(table), range(N_ROWS), strict=False)]

    def url(self, name):
        return f"http://127.0.0.1:{self.ports[name]}"

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.stack = stack
            self.train()
            self.write_keys()
            self.serve_kubernetes()
            for name in ("inference-a", "inference-b"):
                self.start(name, self.inference(name))
            self.start("metrics", self.metrics())
            self.start("prometheus", self.prometheus())
            for name in ("inference-a", "inference-b", "metrics"):
                self.eventually(name, lambda name=name: ask(f"{self.url(name)}/ready")[0] == 200)
            self.eventually("prometheus", lambda: ask(f"{self.url('prometheus')}/-/ready")[0] == 200)
            thread = threading.Thread(target=self.traffic)
            stack.callback(thread.join)
            stack.callback(self.stop.set)
            thread.start()
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self.stack.close()

    def train(self):
        table = self.folder / "diamonds.csv"
        with open(table, "w", newline="") as file:
            writer = csv.DictWriter(file, self.rows[0])
            writer.writeheader()
            # Some cells are empty, so that a missing value is one that training knew.
            writer.writerows(row | ({"depth": ""} if number % 50 == 0 else {}) for number, row in enumerate(self.rows))
        fit = ["fit", "--data", table, "--target", "price", "--model", "diamonds", "--n-estimators", "3", "--max-depth", "4"]
        self.trainer(*fit, "--seed", "1")
        self.trainer(*fit, "--seed", "2", "--promote", "never")
        self.trainer("canary", "set", "diamonds", "2", "--mode", "canary", "--percent", "20", "--force", "--reason", "test")

    def trainer(self, *arguments):
        command = [BINARIES / "canopy-trainer", *arguments, "--registry", self.folder / "models"]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    def write_keys(self):
        lines = [f"{name} {hashlib.sha256(name.encode()).hexdigest()} {rate}\n" for name, rate in KEYS.items()]
        (self.folder / "keys").write_text("".join(lines))
        (self.folder / "servers-key").write_text("servers")

    def inference(self, name):
        return [
            BINARIES / "canopy-inference",
            f"--listen=127.0.0.1:{self.ports[name]}",
            "--model=diamonds",
            f"--registry={self.folder / 'models'}",
            f"--api-keys-file={self.folder / 'keys'}",
            "--request-timeout=500ms",  # a client that stalls gets its 504 soon
            "--drain-delay=0s",
            f"--metrics-url={self.url('metrics')}",
            f"--metrics-key-file={self.folder / 'servers-key'}",
            "--event-rate=200",
        ]

    def metrics(self):
        targets = ",".join(self.url(name) for name in ("inference-a", "inference-b", "kubernetes"))
        return [
            BINARIES / "canopy-metrics",
            f"--listen=127.0.0.1:{self.ports['metrics']}",
            f"--targets={targets}",
            f"--registry={self.folder / 'models'}",
            f"--data={self.folder / 'store'}",
            f"--api-keys-file={self.folder / 'keys'}",
            "--scrape-interval=1s",
            "--scrape-timeout=500ms",
            "--drain-delay=0s",
        ]

    def prometheus(self):
        """The deployed configuration, but for who is scraped, how often, and where the rules are."""
        config = yaml.safe_load((MONITORING / "prometheus/prometheus.yml").read_text())
        config["global"] |= {"scrape_interval": "1s", "scrape_timeout": "900ms", "evaluation_interval": "1s"}
        config["rule_files"] = [str(MONITORING / "prometheus/rules/*.yml")]
        del config["alerting"]

        def job(name, *pods, **more):
            labels = [({"namespace": "canopy", "pod": pod}, self.ports[pod]) for pod in pods]
            targets = [{"targets": [f"127.0.0.1:{port}"], "labels": label} for label, port in labels]
            return {"job_name": name, "static_configs": targets, **more}

        config["scrape_configs"] = [
            job("inference", "inference-a", "inference-b"),
            job("metrics", "metrics"),
            job("kubernetes", "kubernetes", honor_labels=True),
        ]
        (self.folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        return [
            "prometheus",
            f"--config.file={self.folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.folder / 'prometheus'}",
            f"--web.listen-address=127.0.0.1:{self.ports['prometheus']}",
        ]

    def start(self, name, command):
        log = self.stack.enter_context(open(self.log(name), "w"))
        process = subprocess.Popen(command, stdout=log, stderr=log)
        self.stack.callback(process.wait)
        self.stack.callback(process.terminate)

    def log(self, name):
        return self.folder / f"{name}.log"

    def eventually(self, name, ask_it):
        for _ in range(300):
            with contextlib.suppress(OSError):
                if ask_it():
                    return
            time.sleep(0.1)
        raise AssertionError(f"{name} did not come so far:\n{self.log(name).read_text()[-4000:]}")

    def serve_kubernetes(self):
        began = time.time()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = kubernetes_text(began).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", self.ports["kubernetes"]), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.stack.callback(thread.join)
        self.stack.callback(server.shutdown)

    def traffic(self):
        """All that happens to a fleet, again and again until it is to stop."""
        round_number = 0
        while not self.stop.is_set():
            self.traffic_once(round_number)
            round_number += 1
            self.stop.wait(0.3)

    def traffic_once(self, number):
        for name in ("inference-a", "inference-b"):
            url = f"{self.url(name)}/predict"
            start = number * 50 % (N_ROWS - 50)
            rows = [features(row) for row in self.rows[start : start + 50]]
            prices = [float(row["price"]) for row in self.rows[start : start + 50]]
            # Sessions are what a canary's share is made of.
            status, body = ask(url, {"instances": rows}, session=f"session-{number}")
            if status == 200:
                self.send_actuals(json.loads(body)["request_id"], prices)
            for row in rows[:5]:
                ask(url, {"features": row})
            ask(url, {"features": rows[0] | {"cut": "Unheard of", "depth": None, "carat": 99.0}})
            ask(url, {"features": rows[0] | {"karat": 1.0}})  # 422
            ask(url, {"features": rows[0]}, key="nobody's")  # 401
            for _ in range(3):
                ask(url, {"features": rows[0]}, key="greedy")  # 429
            stall(self.ports[name])  # 504

    def send_actuals(self, request_id, prices):
        actuals = [{"request_id": request_id, "row": row, "actual": price} for row, price in enumerate(prices)]
        ask(f"{self.url('metrics')}/actuals", {"actuals": actuals})


def features(row):
    return {name: as_json(value) for name, value in row.items() if name != "price"}


def as_json(text):
    try:
        return float(text)
    except ValueError:
        return text


def ask(url, body=None, key="people", session=None):
    """Status and body of an answer."""
    headers = {"X-API-Key": key, "Content-Type": "application/json"} | ({"X-Canopy-Session": session} if session else {})
    request = urllib.request.Request(url, json.dumps(body).encode() if body else None, headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def stall(port):
    """A client that promises a body and sends none: the server gives up with 504."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        head = "POST /predict HTTP/1.1\r\nHost: x\r\nX-API-Key: people\r\nContent-Type: application/json\r\n"
        client.sendall(f"{head}Content-Length: 100\r\n\r\n".encode())
        client.recv(1024)


def kubernetes_text(began):
    lines = []
    for line in KUBERNETES.read_text().splitlines():
        if line and not line.startswith("#"):
            series, value = line.rsplit(" ", 1)
            name = series.split("{")[0]
            if value.startswith("now"):
                value = time.time() + float(value.removeprefix("now") or 0)
            elif name.endswith("_total"):
                value = float(value) * (time.time() - began)
            lines.append(f"{series} {value}\n")
    return "".join(lines)


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def missing_programs():
    names = [BINARIES / name for name in ("canopy-trainer", "canopy-inference", "canopy-metrics")]
    return [str(name) for name in [*names, "prometheus"] if not shutil.which(name)]
