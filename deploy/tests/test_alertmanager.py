"""Alertmanager: who hears of what, and what is not told because something else explains it."""

import itertools
import json
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.request

import pytest
from manifests import MONITORING, documents, load, of_kind, one, render
from test_rules import ALERTS

CONFIG = MONITORING / "alertmanager/alertmanager.yml"


def tool(name):
    found = shutil.which(name)
    if not found:
        assert os.environ.get("CI") != "true", f"{name} is missing: it is in Debian's package prometheus-alertmanager"
        pytest.skip(f"{name} is missing; CI has it")
    return found


@pytest.fixture(scope="session")
def amtool():
    found = tool("amtool")
    return lambda *arguments: subprocess.run([found, *arguments], capture_output=True, text=True)


def get(url, data=None):
    body = json.dumps(data).encode() if data is not None else None
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.loads(answer.read() or b"null")


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A real Alertmanager with the configuration: hands it alerts, gives the names of those that it would tell."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url, folder = f"http://127.0.0.1:{port}/api/v2", tmp_path_factory.mktemp("alertmanager")
    command = [tool("prometheus-alertmanager"), f"--config.file={CONFIG}", f"--storage.path={folder}"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="]
    numbers = itertools.count()
    with open(folder / "log", "w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            eventually(lambda: get(f"{url}/status")["config"])

            def hand_over(*alerts):
                namespace = f"test-{next(numbers)}"  # what one test says explains nothing of the others
                labels = [{"namespace": namespace, **alert} for alert in alerts]
                get(f"{url}/alerts", [{"labels": label} for label in labels])
                found = eventually(lambda: seen(url, namespace, len(labels)))
                return {alert["labels"]["alertname"] for alert in found if not alert["status"]["inhibitedBy"]}

            yield hand_over
        finally:
            process.terminate()


def seen(url, namespace, count):
    found = get(f"{url}/alerts?filter=namespace%3D{namespace}")
    return found if len(found) == count and all(a["status"]["state"] != "unprocessed" for a in found) else None


def eventually(ask):
    for _ in range(200):
        try:
            if found := ask():
                return found
        except OSError:
            pass
        time.sleep(0.05)
    raise AssertionError("Alertmanager did not come so far within ten seconds")


def alert(name, **labels):
    return {"alertname": name, **ALERTS[name]["labels"], **labels}


def test_alertmanager_takes_its_configuration(amtool):
    done = amtool("check-config", CONFIG)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("severity", "receiver"), [("critical", "on-call"), ("warning", "people"), ("info", "nobody")])
def test_each_severity_has_its_receiver(amtool, severity, receiver):
    done = amtool("config", "routes", "test", f"--config.file={CONFIG}", f"severity={severity}", "topic=servers")
    assert done.stdout.strip() == receiver, done.stdout + done.stderr


def test_without_a_ready_server_only_that_is_told_and_what_may_be_its_cause(told):
    consequences = ["CanopyReplicaAway", "CanopyReplicaNotReady", "CanopyAvailabilityBurnsFast", "CanopyEventsLost"]
    causes = ["CanopyVersionRefused", "CanopyRegistryUnreadable", "CanopyVolumeFull"]
    names = ["CanopyNoReadyReplica", *consequences, *causes]
    assert told(*map(alert, names)) == {"CanopyNoReadyReplica", *causes}


def test_one_namespace_explains_nothing_of_another(told):
    assert told(alert("CanopyNoReadyReplica")) == {"CanopyNoReadyReplica"}
    assert told(alert("CanopyReplicaAway")) == {"CanopyReplicaAway"}


def test_the_faster_burn_is_told_and_of_the_other_objective_too(told):
    names = ["CanopyAvailabilityBurnsFast", "CanopyAvailabilityBurnsSlowly", "CanopyLatencyBurnsSlowly"]
    assert told(*map(alert, names)) == {"CanopyAvailabilityBurnsFast", "CanopyLatencyBurnsSlowly"}


def test_events_are_lost_because_the_metrics_service_is_away(told):
    assert told(*map(alert, ["CanopyMetricsServiceAway", "CanopyEventsLost"])) == {"CanopyMetricsServiceAway"}


def test_a_full_volume_is_told_once_and_the_other_volume_too(told):
    full = alert("CanopyVolumeFull", volume="store")
    nearly = [alert("CanopyVolumeNearlyFull", volume=volume) for volume in ("store", "registry")]
    assert told(full, *nearly) == {"CanopyVolumeFull", "CanopyVolumeNearlyFull"}
    assert told(full, nearly[0]) == {"CanopyVolumeFull"}


def test_inhibitions_name_alerts_that_exist():
    text = CONFIG.read_text()
    named = set(re.findall(r"\bCanopy[A-Za-z]+\b(?!\.)", text))
    assert named and named <= set(ALERTS)
    starts = set(re.findall(r"\b(Canopy[A-Za-z]+)\.\+", text))
    assert all(any(name.startswith(start) for name in ALERTS) for start in starts)


def test_prometheus_finds_alertmanager():
    [found] = load(MONITORING / "prometheus/prometheus.yml")["alerting"]["alertmanagers"]
    service = one(render("monitoring"), "Service", "alertmanager")
    [target] = [target for config in found["static_configs"] for target in config["targets"]]
    assert target == f"{service['metadata']['name']}:{service['spec']['ports'][0]['port']}"


def test_the_configuration_is_read_from_where_it_is_mounted_and_secrets_from_the_examples_secret():
    objects = render("monitoring")
    spec = one(objects, "Deployment", "alertmanager")["spec"]["template"]["spec"]
    [container] = spec["containers"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    [config] = [item for item in of_kind(objects, "ConfigMap") if item["metadata"]["name"].startswith("alertmanager-")]
    assert f"--config.file={mounts['config']}/{[*config['data']][0]}" in container["args"]
    assert f"--storage.path={mounts['data']}" in container["args"]
    [example] = documents(MONITORING / "alertmanager/secret.example.yaml")
    [secret] = [volume["secret"] for volume in spec["volumes"] if "secret" in volume]
    assert secret == {"secretName": example["metadata"]["name"], "optional": True}
    files = set(re.findall(rf"{mounts['secrets']}/(\S+)", CONFIG.read_text()))
    assert files == set(example["stringData"])
