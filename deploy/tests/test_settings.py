"""The ConfigMaps: settings that the binaries know, written so that Kubernetes takes them."""

import re

import pytest
from manifests import DEPLOY, REPO, documents, of_kind, one, pod_templates, quantity, seconds, sources, title

# What each binary's `--help` says: a test of the binary keeps these current.
HELP = {
    "trainer": "services/trainer/tests/cli/snapshots/cli__flags__help_names_every_flag_with_default_and_range.snap",
    "inference": "services/inference/src/snapshots/inference__config__tests__help_names_every_setting.snap",
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


def test_both_services_mean_the_same_model_in_the_same_registry(canopy):
    trainer, inference = (one(canopy, "ConfigMap", name)["data"] for name in HELP)
    assert trainer["CANOPY_MODEL"] == inference["CANOPY_MODEL"]
    assert trainer["CANOPY_REGISTRY"] == inference["CANOPY_REGISTRY"]
    for name, template in pod_templates(canopy).items():
        [container] = template["spec"]["containers"]
        if container["name"] in HELP:
            mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
            registry = one(canopy, "ConfigMap", container["name"])["data"]["CANOPY_REGISTRY"]
            assert registry == mounts["models"] or registry.startswith("s3://"), name


def test_the_api_keys_are_read_where_their_secret_is_mounted(canopy):
    path = one(canopy, "ConfigMap", "inference")["data"]["CANOPY_API_KEYS_FILE"]
    spec = one(canopy, "Deployment", "inference")["spec"]["template"]["spec"]
    [mount] = [mount for mount in spec["containers"][0]["volumeMounts"] if mount["name"] == "api-keys"]
    assert path.startswith(mount["mountPath"] + "/")
    assert "subPath" not in mount, "a file mounted by subPath never changes"
    secrets = [
        secret
        for secret in documents(DEPLOY / "base/secret.example.yaml")
        if secret["metadata"]["name"] == "inference-api-keys"
    ]
    assert path.rpartition("/")[2] in secrets[0]["stringData"]


def test_no_server_answers_without_a_key(canopy):
    settings = one(canopy, "ConfigMap", "inference")["data"]
    assert "CANOPY_ALLOW_ANONYMOUS" not in settings
    assert float(settings["CANOPY_RATE_LIMIT"]) > 0


def test_the_ingress_lets_through_what_the_server_takes_and_waits_as_long(canopy):
    settings = one(canopy, "ConfigMap", "inference")["data"]
    for item in of_kind(canopy, "Ingress"):
        annotations = item["metadata"]["annotations"]
        size = annotations["nginx.ingress.kubernetes.io/proxy-body-size"].removesuffix("m")
        assert int(size) * 2**20 >= quantity(settings["CANOPY_MAX_BODY"]), title(item)
        wait = int(annotations["nginx.ingress.kubernetes.io/proxy-read-timeout"])
        assert wait > seconds(settings["CANOPY_REQUEST_TIMEOUT"]), title(item)


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
