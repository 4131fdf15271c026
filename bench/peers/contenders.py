"""Who is measured: how each is started, asked and weighed. All of them answer on one port, one after the other."""

import json
import urllib.request
from dataclasses import dataclass, field

from common import LIMITS, OUT, ROOT, TARGET, Server, inference
from peers import venvs

PORT = 18090
URL = f"http://127.0.0.1:{PORT}"
HERE = ROOT / "bench" / "peers"
REGISTRY = OUT / "peers-models"
KEY = {"X-API-Key": "bench"}
# How a peer ends is no concern of ours.
ANYHOW = None


@dataclass
class Contender:
    """A server, and the form in which it wants its rows."""

    title: str
    command: list
    form: str = "arrays"
    ready: str = "/health"
    predict: str = "/predict"
    headers: dict = field(default_factory=dict)
    # The environment it needs; none where it is a binary.
    venv: str | None = None
    # The exit statuses that are no failure: one of ours shuts down in order.
    ends: tuple | None = (0,)

    def start(self, name):
        environment = {"BENCH_OUT": str(OUT), "CANOPY_API_KEYS": "bench:bench", "OMP_NUM_THREADS": "1"}
        # A line for each request is made and written by ours, and goes where it takes no disk.
        quiet = self.venv is None
        return Server(
            self.command, URL, self.ready, environment, f"peer-{name}.log", patience=60, quiet=quiet, ends=self.ends
        )

    def size_mib(self):
        return venvs.installed_mib(self.venv) if self.venv else self.command[0].stat().st_size / 2**20

    def ask(self, body):
        """The predictions for a body, whatever form they come in."""
        headers = {"Content-Type": "application/json", **self.headers}
        request = urllib.request.Request(URL + self.predict, body.encode(), headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            answer = json.load(answer)
        if self.form == "v2":
            return answer["outputs"][0]["data"]
        return answer["predictions"] if isinstance(answer, dict) else answer


def contenders():
    """Name → contender, in the order of the table."""
    return {
        "floor": Contender("axum floor: sums, no model", [TARGET / "floor", f"127.0.0.1:{PORT}"]),
        "canopy": ours("Canopy, arrays", "coded"),
        "canopy-unlogged": ours("Canopy, arrays, requests counted but not logged", "coded", "--log", "info,access=warn"),
        "canopy-objects": ours("Canopy, objects with names", "diamonds", form="objects"),
        "fastapi-onnx": fastapi("FastAPI + ONNX Runtime, 2 workers", "fastapi-onnx", "fastapi_onnx:app"),
        "fastapi-sklearn": fastapi("FastAPI + scikit-learn, 2 workers", "fastapi-sklearn", "fastapi_sklearn:app"),
        "mlserver": Contender(
            "MLServer, 2 workers",
            [venvs.folder("mlserver") / "bin" / "mlserver", "start", HERE / "mlserver"],
            form="v2",
            ready="/v2/models/forest/ready",
            predict="/v2/models/forest/infer",
            venv="mlserver",
            ends=ANYHOW,
        ),
        "bentoml": Contender(
            "BentoML, 2 workers",
            [venvs.folder("bentoml") / "bin" / "bentoml", "serve", "bentoml_sklearn:Forest", "--working-dir", HERE]
            + ["--host", "127.0.0.1", "--port", str(PORT)],
            ready="/readyz",
            venv="bentoml",
            ends=ANYHOW,
        ),
    }


def ours(title, model, *flags, form="arrays"):
    """As deployed, unless a flag says otherwise: API key, rate limit, metrics and access log."""
    command = inference(model, REGISTRY, PORT, *LIMITS, *flags)
    return Contender(title, command, form=form, ready="/ready", headers=KEY)


def fastapi(title, venv, app):
    words = [venvs.folder(venv) / "bin" / "uvicorn", app, "--app-dir", HERE, "--host", "127.0.0.1", "--port", str(PORT)]
    speed = ["--workers", "2", "--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    return Contender(title, [*words, *speed], venv=venv, ends=ANYHOW)
