"""The ConfigMaps: settings that the binaries know, written so that Kubernetes takes them."""

import re

import pytest
from manifests import (
    DEPLOY,
    REPO,
    backends,
    documents,
    of_kind,
    one,
    pod_templates,
    quantity,
    seconds,
    sources,
    title,
)

# What each binary's `--help` says: a test of the binary keeps these current.
HELP = {
    "trainer": "services/trainer/tests/cli/snapshots/cli__flags__help_names_every_flag_with_default_and_range.snap",
    "inference": "services/inference/src/snapshots/inference__config__tests__help_names_every_setting.snap",
    "metrics": "services/metrics/src/snapshots/canopy_metrics__config__tests__help_names_every_setting.snap",
}


def variables(service):
    return set(re.findall(r"\[env: (CANOPY_\w+)=", (REPO / HELP[service]).read_text()))


@pytest.mark.parametrize("service", HELP)
def test_the_help_lists_variables(service):
    assert {"CANOPY_MODEL", "CANOPY_REGISTRY", "CANOPY_LOG_FORMAT"} <= variables(service)


@pytest.mark.parametrize("service", HELP)
def test_every_setting_is_one_that_the_binary_knows(canopy, service):
    unknown = set(one(canopy, "ConfigMap", service)["data"]) - variables(service)
    assert not unknown, f"canopy-{service} --help names none of {sorted(unknown)}"


def test_every_setting_is_a_string():
    for path in sources():
        for item in documents(path):
            if isinstance(item, dict) and item["kind"] == "ConfigMap":
                wrong = {key: value for key, value in item.get("data", {}).items() if not isinstance(value, str)}
                assert not wrong, f"{path}: quote {wrong}"


@pytest.mark.parametrize("service", HELP)
def test_the_pods_take_their_settings_from_their_config_map(canopy, service):
    for name, template in pod_templates(canopy).items():
        [container] = template["spec"]["containers"]
        if container["name"] == service:
            assert {"configMapRef": {"name": service}} in container["envFrom"], name
            assert not any(entry["name"].startswith("CANOPY_") for entry in container.get("env", [])), name


def test_all_services_mean_the_same_model_in_the_same_registry(canopy):
    trainer, inference, metrics = (one(canopy, "ConfigMap", name)["data"] for name in HELP)
    assert trainer["CANOPY_MODEL"] == inference["CANOPY_MODEL"]
    assert "CANOPY_MODEL" not in metrics, "it watches whatever the servers serve"
    assert trainer["CANOPY_REGISTRY"] == inference["CANOPY_REGISTRY"] == metrics["CANOPY_REGISTRY"]
    for name, template in pod_templates(canopy).items():
        [container] = template["spec"]["containers"]
        if container["name"] in HELP:
            mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
            registry = one(canopy, "ConfigMap", container["name"])["data"]["CANOPY_REGISTRY"]
            assert registry == mounts["models"] or registry.startswith("s3://"), name


@pytest.mark.parametrize(
    ("service", "setting", "secret"),
    [
        ("inference", "CANOPY_API_KEYS_FILE", "inference-api-keys"),
        ("inference", "CANOPY_METRICS_KEY_FILE", "metrics-events-key"),
        ("metrics", "CANOPY_API_KEYS_FILE", "inference-api-keys"),
        ("metrics", "CANOPY_EVENTS_KEYS_FILE", "metrics-events-key"),
    ],
)
def test_keys_are_read_where_their_secret_is_mounted(canopy, service, setting, secret):
    path = one(canopy, "ConfigMap", service)["data"][setting]
    spec = one(canopy, "Deployment", service)["spec"]["template"]["spec"]
    [volume] = [volume for volume in spec["volumes"] if volume.get("secret", {}).get("secretName") == secret]
    [mount] = [mount for mount in spec["containers"][0]["volumeMounts"] if mount["name"] == volume["name"]]
    folder, _, file = path.rpartition("/")
    assert folder == mount["mountPath"] and mount["readOnly"] is True
    assert "subPath" not in mount, "a file mounted by subPath never changes"
    assert file in {item["path"] for item in volume["secret"].get("items", [{"path": file}])}
    [example] = [
        item for item in documents(DEPLOY / "base/secret.example.yaml") if item["metadata"]["name"] == secret
    ]
    assert file in example["stringData"]


def test_the_key_for_events_is_in_no_pod_but_the_servers_and_its_digest_only_in_the_metrics_service(canopy):
    items = {
        name: [item["key"] for item in volume["secret"]["items"]]
        for name, template in pod_templates(canopy).items()
        for volume in template["spec"].get("volumes", [])
        if volume.get("secret", {}).get("secretName") == "metrics-events-key"
    }
    assert items == {"Deployment/inference": ["key"], "Deployment/metrics": ["api-keys"]}


def test_servers_start_without_the_key_for_events(canopy):
    volumes = one(canopy, "Deployment", "inference")["spec"]["template"]["spec"]["volumes"]
    [volume] = [volume for volume in volumes if volume["name"] == "events-key"]
    assert volume["secret"]["optional"] is True


def test_the_metrics_service_finds_the_servers_and_they_find_it(canopy):
    target = one(canopy, "ConfigMap", "metrics")["data"]["CANOPY_TARGETS"]
    service = one(canopy, "Service", "inference-pods")
    assert target == f"dns+http://{service['metadata']['name']}:{service['spec']['ports'][0]['port']}"
    # The name stands for the pods themselves, so the port is theirs, and one that is not ready is looked at, too.
    assert service["spec"]["clusterIP"] == "None" and service["spec"]["publishNotReadyAddresses"] is True
    [container] = one(canopy, "Deployment", "inference")["spec"]["template"]["spec"]["containers"]
    assert service["spec"]["ports"][0]["port"] == container["ports"][0]["containerPort"]
    url = one(canopy, "ConfigMap", "inference")["data"]["CANOPY_METRICS_URL"]
    service = one(canopy, "Service", "metrics")
    assert url == f"http://{service['metadata']['name']}:{service['spec']['ports'][0]['port']}"


def test_what_the_metrics_service_keeps_fits_onto_its_volume(canopy):
    # 280 bytes for an event of nine features with its index and 120 for its actual, and 250 MB for 30 days of minutes.
    most = one(canopy, "HorizontalPodAutoscaler", "inference")["spec"]["maxReplicas"]
    rate = float(one(canopy, "ConfigMap", "inference")["data"]["CANOPY_EVENT_RATE"])
    settings = one(canopy, "ConfigMap", "metrics")["data"]
    events = rate * most * seconds(settings["CANOPY_EVENT_RETENTION"])
    assert settings["CANOPY_RETENTION"] == "30d"
    size = one(canopy, "PersistentVolumeClaim", "metrics")["spec"]["resources"]["requests"]["storage"]
    assert rate > 0 and events * 400 + 250e6 < quantity(size)


def test_a_body_of_actuals_fits_into_the_metrics_services_memory(canopy):
    body = quantity(one(canopy, "ConfigMap", "metrics")["data"]["CANOPY_MAX_BODY"])
    [container] = one(canopy, "Deployment", "metrics")["spec"]["template"]["spec"]["containers"]
    # 30 MiB at rest; the text, and the rows that it becomes, which take about as much each for its parts and its sum.
    assert quantity("30Mi") + 4 * body < quantity(container["resources"]["limits"]["memory"])


@pytest.mark.parametrize("service", ["inference", "metrics"])
def test_no_server_answers_without_a_key(canopy, service):
    assert "CANOPY_ALLOW_ANONYMOUS" not in one(canopy, "ConfigMap", service)["data"]


def test_keys_have_a_rate(canopy):
    assert float(one(canopy, "ConfigMap", "inference")["data"]["CANOPY_RATE_LIMIT"]) > 0


def test_the_ingress_lets_through_what_the_server_takes_and_waits_as_long(canopy):
    # The slowest that is heard of a server, and of the stream of the metrics service, whose comments come each 15 s.
    slowest = {"inference": one(canopy, "ConfigMap", "inference")["data"]["CANOPY_REQUEST_TIMEOUT"], "metrics": "15s"}
    for item in of_kind(canopy, "Ingress"):
        [service] = backends(item)
        settings = one(canopy, "ConfigMap", service)["data"]
        annotations = item["metadata"]["annotations"]
        size = annotations["nginx.ingress.kubernetes.io/proxy-body-size"].removesuffix("m")
        assert int(size) * 2**20 >= quantity(settings["CANOPY_MAX_BODY"]), title(item)
        wait = int(annotations["nginx.ingress.kubernetes.io/proxy-read-timeout"])
        assert wait > seconds(slowest[service]), title(item)


def test_the_example_data_are_in_the_image():
    data = base_settings("trainer")["CANOPY_DATA"]
    assert data.startswith("/data/")
    assert (REPO / "examples/data" / data.removeprefix("/data/")).is_file()
    assert re.search(r"^COPY examples/data/ /data/$", (REPO / "docker/Dockerfile").read_text(), re.M)


def base_settings(service):
    [found] = [
        item["data"] for item in documents(DEPLOY / "base/configmap.yaml") if item["metadata"]["name"] == service
    ]
    return found
