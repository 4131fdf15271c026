"""The chart means the same as the kustomizations, takes what it documents, and refuses the rest."""

import copy
import hashlib
import re
import shutil

import pytest
import yaml
from chart import CHART, DEPLOY, at, is_hook, kustomize, merged, name, pod_specs, render, texts, values_file

FILES = ["", "values-dev.yaml", "values-prod.yaml"]
DIGEST = "sha256:" + "0" * 64
SHA = "0" * 64

# Everything optional at once.
ALL_ON = {
    "namespace": {"create": True},
    "trainer": {"dataVolume": {"enabled": True}},
    "metrics": {"ingress": {"enabled": True}},
    "ingress": {"enabled": True},
    "networkPolicy": {"clients": {"enabled": True}},
    "priorityClass": {"create": True},
    "resourceQuota": {"enabled": True, "hard": {"pods": "20"}},
    "limitRange": {"enabled": True, "limits": [{"type": "Container", "default": {"memory": "1Gi"}}]},
    "monitoring": {"podMonitor": {"enabled": True}, "prometheusRule": {"enabled": True}},
}


# --- The same as kustomize -------------------------------------------------------------------------------------------

# What only one side has, by name, and why. Nothing else may differ.
ONLY_KUSTOMIZE = {
    "Namespace/canopy": "Helm keeps its release in the namespace; namespace.create renders it, which is tested below",
}
ONLY_CHART = {
    "Secret/inference-api-keys": "deploy/scripts makes it for kustomize, the chart generates it",
    "Secret/inference-client-key": "the same",
    "Secret/metrics-events-key": "the same",
    "Pod/test-predict": "`helm test`",
    "NetworkPolicy/test-predict": "`helm test`",
    "NetworkPolicy/test-inference": "`helm test`",
}
# What Helm's side adds to objects of both, and why.
ADDED_LABELS = {
    "app.kubernetes.io/instance": "two releases in one namespace differ in it",
    "helm.sh/chart": "which chart made an object",
}
ADDED_ANNOTATIONS = {
    "checksum/config": "a changed ConfigMap rolls the pods",
    "checksum/job": "by which an upgrade knows whether there is something new to train",
    "helm.sh/resource-policy": "uninstalling keeps models and namespace",
}


def normalised(value, key=""):
    """Takes out what Helm adds by design, wherever it is, and who manages an object."""
    if isinstance(value, list):
        return [normalised(item) for item in value]
    if not isinstance(value, dict):
        return value
    dropped = {"annotations": ADDED_ANNOTATIONS, "labels": ADDED_LABELS, "matchLabels": ADDED_LABELS}.get(key, {})
    if key == "selector":  # a Service's selector is the labels themselves
        dropped = ADDED_LABELS
    result = {k: normalised(v, k) for k, v in value.items() if k not in dropped}
    if key == "labels" and "app.kubernetes.io/managed-by" in result:
        result["app.kubernetes.io/managed-by"] = "normalised"
    return {k: v for k, v in result.items() if not (k == "annotations" and v == {})}


def by_name(objects):
    result = {name(item): normalised(item) for item in objects}
    assert len(result) == len(objects), "two objects of one name"
    return result


@pytest.mark.parametrize(
    ("file", "folder"),
    [("", "base"), ("values-dev.yaml", "overlays/minikube"), ("values-prod.yaml", "overlays/production")],
)
def test_the_chart_means_the_same_as_kustomize(file, folder):
    ours, theirs = by_name(render(values_file(file))), by_name(kustomize(folder))
    assert set(theirs) - set(ours) == set(ONLY_KUSTOMIZE)
    assert set(ours) - set(theirs) == set(ONLY_CHART)
    for key in set(ours) & set(theirs):
        assert ours[key] == theirs[key], key


def test_the_namespace_means_the_same_as_the_base():
    ours, theirs = by_name(render(at("namespace.create", True))), by_name(kustomize("base"))
    assert ours["Namespace/canopy"] == theirs["Namespace/canopy"]


@pytest.mark.parametrize(
    ("values", "key", "file"),
    [
        (at("monitoring.podMonitor.enabled", True), "PodMonitor", "monitoring/operator/podmonitor.yaml"),
        (at("monitoring.serviceMonitor.enabled", True), "ServiceMonitor", "monitoring/operator/servicemonitor.yaml"),
        (at("monitoring.prometheusRule.enabled", True), "PrometheusRule", "monitoring/operator/prometheusrule.yaml"),
        (at("priorityClass.create", True), "PriorityClass", "components/priority-class/priorityclass.yaml"),
        (at("trainer.dataVolume.enabled", True), "PersistentVolumeClaim/data", "components/data-volume/persistentvolumeclaim.yaml"),
        ({"ingress": {"enabled": True, "style": "paths"}}, "Ingress", "components/ingress-paths/ingress.yaml"),
        ({"ingress": {"enabled": True, "style": "hosts"}}, "Ingress", "components/ingress-hosts/ingress.yaml"),
        (at("metrics.ingress.enabled", True), "Ingress", "components/ingress-metrics/ingress.yaml"),
        (at("metrics.ingress.enabled", True), "NetworkPolicy/metrics-ingress", "components/ingress-metrics/networkpolicy.yaml"),
    ],
)
def test_an_option_means_the_same_as_its_component(values, key, file):
    theirs = by_name(list(yaml.safe_load_all((DEPLOY / file).read_text())))
    ours = {name: item for name, item in by_name(render(values)).items() if f"{name}/".startswith(f"{key}/")}
    for item in ours.values():
        item["metadata"].pop("namespace", None)  # kustomize adds it for the whole folder
    assert ours == theirs


def test_the_comparison_sees_a_difference():
    theirs = by_name(kustomize("base"))
    for change in [
        at("inference.revisionHistoryLimit", 6),
        at("inference.podAnnotations", {"a": "b"}),
        at("trainer.config.CANOPY_SEED", 43),
        at("commonLabels", {"a": "b"}),
    ]:
        assert any(by_name(render(change)).get(key) != item for key, item in theirs.items() if key not in ONLY_KUSTOMIZE), change


# --- Switches --------------------------------------------------------------------------------------------------------

SWITCHES = {
    "namespace.create": {"Namespace/canopy"},
    "trainer.job.enabled": {"Job/trainer"},
    "trainer.cronjob.enabled": {"CronJob/trainer"},
    "trainer.dataVolume.enabled": {"PersistentVolumeClaim/data"},
    "trainer.serviceAccount.create": {"ServiceAccount/trainer"},
    "inference.serviceAccount.create": {"ServiceAccount/inference"},
    "autoscaling.enabled": {"HorizontalPodAutoscaler/inference"},
    "podDisruptionBudget.enabled": {"PodDisruptionBudget/inference"},
    "ingress.enabled": {"Ingress/canopy"},
    "networkPolicy.enabled": {
        "NetworkPolicy/default-deny",
        "NetworkPolicy/inference",
        "NetworkPolicy/inference-clients",
        "NetworkPolicy/metrics",
        "NetworkPolicy/metrics-ingress",
        "NetworkPolicy/trainer",
        "NetworkPolicy/test-predict",
        "NetworkPolicy/test-inference",
    },
    "networkPolicy.defaultDeny": {"NetworkPolicy/default-deny"},
    "networkPolicy.clients.enabled": {"NetworkPolicy/inference-clients"},
    "priorityClass.create": {"PriorityClass/canopy-inference"},
    "resourceQuota.enabled": {"ResourceQuota/canopy"},
    "limitRange.enabled": {"LimitRange/canopy"},
    "metrics.enabled": {
        "ConfigMap/metrics",
        "Deployment/metrics",
        "Ingress/metrics",
        "NetworkPolicy/metrics",
        "NetworkPolicy/metrics-ingress",
        "PersistentVolumeClaim/metrics",
        "PodMonitor/metrics",
        "Secret/metrics-events-key",
        "Service/inference-pods",
        "Service/metrics",
        "ServiceAccount/metrics",
    },
    "metrics.ingress.enabled": {"Ingress/metrics", "NetworkPolicy/metrics-ingress"},
    "metrics.serviceAccount.create": {"ServiceAccount/metrics"},
    "monitoring.podMonitor.enabled": {"PodMonitor/inference", "PodMonitor/metrics"},
    "monitoring.prometheusRule.enabled": {"PrometheusRule/rules"},
    "tests.enabled": {"Pod/test-predict", "NetworkPolicy/test-predict", "NetworkPolicy/test-inference"},
}


@pytest.mark.parametrize("switch", SWITCHES)
def test_a_switch_takes_its_objects_away_and_no_others(switch):
    on = {name(item) for item in render(ALL_ON)}
    off = {name(item) for item in render(merged(ALL_ON, at(switch, False)))}
    assert (on - off, off - on) == (SWITCHES[switch], set())


def test_every_switch_is_in_the_table():
    def switches(values, path=""):
        for key, value in values.items():
            if isinstance(value, dict):
                yield from switches(value, f"{path}{key}.")
            elif key in ("enabled", "create", "defaultDeny"):
                yield path + key

    elsewhere = {"apiKeys.create", "monitoring.serviceMonitor.enabled"}  # tests of their own
    assert set(switches(values_file("values.yaml"))) == set(SWITCHES) | elsewhere


def pod(values, key):
    return dict(pod_specs(render(values)))[key]


def claims(spec):
    return {v["name"]: v["persistentVolumeClaim"]["claimName"] for v in spec["volumes"] if "persistentVolumeClaim" in v}


def test_an_existing_claim_takes_the_place_of_the_charts_own():
    values = {
        "persistence": {"existingClaim": "my-models"},
        "metrics": {"persistence": {"existingClaim": "my-minutes"}},
        "trainer": {"dataVolume": {"enabled": True, "existingClaim": "my-tables"}},
    }
    objects = render(values)
    assert not [name(item) for item in objects if item["kind"] == "PersistentVolumeClaim"]
    pods = dict(pod_specs(objects))
    assert claims(pods["Deployment/inference"]) == {"models": "my-models"}
    assert claims(pods["Deployment/metrics"]) == {"models": "my-models", "data": "my-minutes"}
    for key in ("Job/trainer", "CronJob/trainer"):
        assert claims(pods[key]) == {"models": "my-models", "data": "my-tables"}


def test_existing_secrets_take_the_place_of_the_charts_own():
    values = {
        "apiKeys": {"existingSecret": "my-keys", "existingClientKeySecret": "my-key"},
        "metrics": {"eventsKey": {"existingSecret": "my-events"}},
    }
    objects = render(values)
    assert not [name(item) for item in objects if item["kind"] == "Secret"]
    pods = dict(pod_specs(objects))
    for server in ("Deployment/inference", "Deployment/metrics"):
        secrets = {volume["name"]: volume["secret"]["secretName"] for volume in pods[server]["volumes"] if "secret" in volume}
        assert secrets == {"api-keys": "my-keys", "events-key": "my-events"}, server
    key = [env for env in pods["Pod/test-predict"]["containers"][0]["env"] if env["name"] == "CANOPY_LOADTEST_API_KEY"]
    assert key[0]["valueFrom"] == {"secretKeyRef": {"name": "my-key", "key": "key"}}


def test_without_a_clients_key_there_is_no_test_and_the_notes_say_so():
    values = at("apiKeys.existingSecret", "my-keys")
    assert not [item for item in render(values) if is_hook(item)]
    assert "existingClientKeySecret" in texts(values)["templates/NOTES.txt"]


def test_without_keys_nothing_of_them_is_left_but_the_one_for_events():
    allowed = {"config": {"CANOPY_ALLOW_ANONYMOUS": True}}
    objects = render({"apiKeys": {"create": False}, "inference": allowed, "metrics": allowed})
    text = yaml.safe_dump_all(objects)
    assert "inference-api-keys" not in text and "API_KEY" not in text and "client-key" not in text
    for server in ("inference", "metrics"):
        assert by_name(objects)[f"ConfigMap/{server}"]["data"]["CANOPY_ALLOW_ANONYMOUS"] == "true"
    assert [name(item) for item in objects if item["kind"] == "Secret"] == ["Secret/metrics-events-key"]


def test_without_the_metrics_service_nothing_of_it_is_left():
    text = yaml.safe_dump_all(render(at("metrics.enabled", False)))
    assert "METRICS" not in text and "events-key" not in text and "component: metrics" not in text
    assert "port-forward service/metrics" not in texts(at("metrics.enabled", False))["templates/NOTES.txt"]


def test_servers_and_metrics_service_of_a_release_find_each_other():
    data = {
        item["metadata"]["name"]: item["data"]
        for item in render({"metrics": {"service": {"port": 9001}}}, release="houses")
        if item["kind"] == "ConfigMap"
    }
    assert data["houses-inference"]["CANOPY_METRICS_URL"] == "http://houses-metrics:9001"
    assert data["houses-metrics"]["CANOPY_TARGETS"] == "dns+http://houses-inference-pods:8000"


def test_the_metrics_service_reads_the_registry_of_the_servers():
    def registry(values):
        return by_name(render(values))["ConfigMap/metrics"]["data"]["CANOPY_REGISTRY"]

    assert registry(at("inference.config.CANOPY_REGISTRY", "s3://bucket/canopy")) == "s3://bucket/canopy"
    assert registry(at("metrics.config.CANOPY_REGISTRY", "/models/old")) == "/models/old"


def test_existing_accounts_and_classes_are_used():
    values = {
        "inference": {"serviceAccount": {"create": False, "name": "mine"}, "priorityClassName": "high"},
        "trainer": {"serviceAccount": {"create": False}, "credentialsSecret": "bucket", "priorityClassName": "low"},
        "imagePullSecrets": [{"name": "registry"}],
    }
    inference, trainer = pod(values, "Deployment/inference"), pod(values, "Job/trainer")
    assert (inference["serviceAccountName"], trainer["serviceAccountName"]) == ("mine", "default")
    assert (inference["priorityClassName"], trainer["priorityClassName"]) == ("high", "low")
    assert inference["imagePullSecrets"] == trainer["imagePullSecrets"] == [{"name": "registry"}]
    assert {"secretRef": {"name": "bucket"}} in trainer["containers"][0]["envFrom"]
    assert pod(at("priorityClass.create", True), "Deployment/inference")["priorityClassName"] == "canopy-inference"


def test_the_digest_of_the_key_is_the_keys():
    objects = render({"apiKeys": {"clientRate": 5, "clientBurst": 9, "extraLines": [f"b {SHA}"]}})
    secrets = {item["metadata"]["name"]: item["stringData"] for item in objects if item["kind"] == "Secret"}
    key = secrets["inference-client-key"]["key"]
    assert len(key) == 48
    digest = hashlib.sha256(key.encode()).hexdigest()
    assert secrets["inference-api-keys"]["api-keys"] == f"default {digest} rate=5 burst=9\nb {SHA}\n"
    events = secrets["metrics-events-key"]
    assert len(events["key"]) == 48 and events["key"] != key
    assert events["api-keys"] == f"inference {hashlib.sha256(events['key'].encode()).hexdigest()}\n"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "canopy-inference:0.1.0"),
        (at("image.tag", "1.2.3"), "canopy-inference:1.2.3"),
        ({"image": {"registry": "r.example.com/team/", "tag": "1"}, "inference": {"image": {"tag": "2"}}}, "r.example.com/team/canopy-inference:2"),
        (at("inference.image.digest", DIGEST), f"canopy-inference@{DIGEST}"),
    ],
)
def test_an_image_is_registry_repository_and_tag_or_digest(values, expected):
    assert pod(values, "Deployment/inference")["containers"][0]["image"] == expected


def test_settings_reach_the_config_maps_as_text():
    values = {"trainer": {"config": {"CANOPY_SEED": 12345678, "CANOPY_TEST_FRACTION": 0.25, "CANOPY_MAX_DEPTH": None}}}
    data = by_name(render(values))["ConfigMap/trainer"]["data"]
    assert (data["CANOPY_SEED"], data["CANOPY_TEST_FRACTION"]) == ("12345678", "0.25")
    assert "CANOPY_MAX_DEPTH" not in data


def test_a_changed_setting_rolls_the_servers_and_changes_the_training():
    def checksums(values):
        objects = {name(item): item for item in render(values)}
        roll = objects["Deployment/inference"]["spec"]["template"]["metadata"]["annotations"]["checksum/config"]
        train = objects["ConfigMap/trainer"]["metadata"]["annotations"]["checksum/job"]
        assert objects["Job/trainer"]["metadata"]["annotations"]["checksum/job"] == train
        return roll, train

    before = checksums({})
    assert checksums({}) == before
    minutes = "Deployment/metrics"
    assert pod_annotations(minutes, {}) != pod_annotations(minutes, at("metrics.config.CANOPY_WINDOWS", "2h"))
    assert pod_annotations(minutes, {}) == pod_annotations(minutes, at("inference.config.CANOPY_RATE_LIMIT", 5))
    roll, train = checksums(at("inference.config.CANOPY_RATE_LIMIT", 5))
    assert roll != before[0] and train == before[1]
    for change in [at("trainer.config.CANOPY_SEED", 7), at("trainer.image.tag", "2"), at("trainer.job.trigger", "again")]:
        roll, train = checksums(change)
        assert roll == before[0] and train != before[1]


def pod_annotations(key, values):
    return {name(item): item for item in render(values)}[key]["spec"]["template"]["metadata"]["annotations"]


def test_free_form_values_reach_their_pods():
    extra = {
        "extraEnv": [{"name": "A", "value": "b"}],
        "extraEnvFrom": [{"secretRef": {"name": "more"}}],
        "extraVolumes": [{"name": "v", "emptyDir": {}}],
        "extraVolumeMounts": [{"name": "v", "mountPath": "/v"}],
        "podAnnotations": {"a": "b"},
        "podLabels": {"c": "d"},
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "k", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
    }
    objects = {name(item): item for item in render({"inference": extra, "trainer": extra, "metrics": extra})}
    templates = {
        "Deployment/inference": objects["Deployment/inference"]["spec"]["template"],
        "Deployment/metrics": objects["Deployment/metrics"]["spec"]["template"],
        "Job/trainer": objects["Job/trainer"]["spec"]["template"],
        "CronJob/trainer": objects["CronJob/trainer"]["spec"]["jobTemplate"]["spec"]["template"],
    }
    for template in templates.values():
        spec, container = template["spec"], template["spec"]["containers"][0]
        assert template["metadata"]["annotations"]["a"] == "b" and template["metadata"]["labels"]["c"] == "d"
        assert container["env"] == extra["extraEnv"] and extra["extraEnvFrom"][0] in container["envFrom"]
        assert extra["extraVolumes"][0] in spec["volumes"] and extra["extraVolumeMounts"][0] in container["volumeMounts"]
        assert all(spec[key] == extra[key] for key in ("nodeSelector", "tolerations", "affinity"))


def test_common_labels_and_annotations_are_on_every_object_and_in_no_selector():
    objects = render(merged(ALL_ON, {"commonLabels": {"team": "x"}, "commonAnnotations": {"note": "y"}}))
    for item in objects:
        assert item["metadata"]["labels"]["team"] == "x", name(item)
        assert item["metadata"]["annotations"]["note"] == "y", name(item)
    assert not [s for s in selectors(objects) if "team" in s]


# --- Names and selectors ---------------------------------------------------------------------------------------------


def selectors(objects):
    """Every matchLabels and Service selector, wherever it is, but of other people's pods."""

    def walk(value):
        if isinstance(value, dict):
            for key, inner in value.items():
                if key == "matchLabels" or (key == "selector" and "matchLabels" not in inner and inner):
                    if "app.kubernetes.io/component" in inner:
                        yield inner
                yield from walk(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from walk(inner)

    return list(walk(objects))


def test_two_releases_in_one_namespace_share_no_name_and_no_selector():
    values = merged(ALL_ON, at("namespace.create", False))
    a, b = render(values, release="canopy"), render(values, release="houses")
    assert not {name(item) for item in a} & {name(item) for item in b}
    for objects, instance in ((a, "canopy"), (b, "houses")):
        found = selectors(objects)
        assert len(found) >= 12
        assert {s["app.kubernetes.io/instance"] for s in found} == {instance}
    names = {item["metadata"]["name"] for item in b}
    assert all(n == "houses" or n.startswith("houses-") for n in names)
    # What one object says of another follows the name too.
    for theirs in ("inference-api-keys", "inference-client-key", "trainer-credentials", "metrics-events-key", "models"):
        assert re.search(rf"\bhouses-{theirs}\b", yaml.safe_dump_all(b))
        assert not re.search(rf"(?<!houses-)\b{theirs}$", yaml.safe_dump_all(b), re.M) or theirs == "models"


def test_selectors_find_the_pods_they_are_for():
    objects = render(ALL_ON)
    by = {name(item): item for item in objects}
    metrics = by["Deployment/metrics"]["spec"]["template"]["metadata"]["labels"]
    assert by["Service/metrics"]["spec"]["selector"].items() <= metrics.items()
    for policy in ("NetworkPolicy/metrics", "NetworkPolicy/metrics-ingress"):
        assert by[policy]["spec"]["podSelector"]["matchLabels"].items() <= metrics.items()
    labels = by["Deployment/inference"]["spec"]["template"]["metadata"]["labels"]
    for key in ("Deployment/inference", "PodDisruptionBudget/inference"):
        assert by[key]["spec"]["selector"]["matchLabels"].items() <= labels.items()
    for key in ("Service/inference", "Service/inference-pods"):
        assert by[key]["spec"]["selector"].items() <= labels.items()
    assert by["NetworkPolicy/inference"]["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    test = by["Pod/test-predict"]["metadata"]["labels"]
    assert by["NetworkPolicy/test-predict"]["spec"]["podSelector"]["matchLabels"].items() <= test.items()
    admitted = by["NetworkPolicy/test-inference"]["spec"]["ingress"][0]["from"][0]["podSelector"]["matchLabels"]
    assert admitted.items() <= test.items()


@pytest.mark.parametrize(
    ("release", "values", "expected"),
    [
        ("canopy", {}, "inference"),
        ("houses", {}, "houses-inference"),
        ("houses", {"fullnameOverride": "canopy"}, "inference"),
        ("canopy", {"fullnameOverride": "prices"}, "prices-inference"),
        ("houses", {"nameOverride": "prices"}, "houses-prices-inference"),
        ("prices-a", {"nameOverride": "prices"}, "prices-a-inference"),
    ],
)
def test_names_follow_the_release_and_the_overrides(release, values, expected):
    deployment, metrics = [item for item in render(values, release=release) if item["kind"] == "Deployment"]
    assert deployment["metadata"]["name"] == expected
    assert metrics["metadata"]["name"] == expected.removesuffix("inference") + "metrics"
    assert deployment["metadata"]["labels"]["app.kubernetes.io/name"] == values.get("nameOverride", "canopy")


def test_the_longest_release_name_gives_names_that_kubernetes_takes():
    for item in render(ALL_ON, release="a" * 53):
        assert len(item["metadata"]["name"]) <= 63 and all(len(v) <= 63 for v in item["metadata"]["labels"].values())


# --- Security --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", [*FILES, "all", "openshift"])
def test_every_pod_and_container_keeps_its_restrictions(file):
    values = {
        "all": ALL_ON,
        "openshift": {"securityContext": {"runAsUser": None, "runAsGroup": None, "fsGroup": None}},
    }.get(file) or values_file("" if file in ("all", "openshift") else file)
    pods = dict(pod_specs(render(values)))
    servers = {"Deployment/inference", "Deployment/metrics"}
    assert set(pods) == servers | {"Job/trainer", "CronJob/trainer", "Pod/test-predict"}
    for spec in pods.values():
        assert spec["automountServiceAccountToken"] is False and spec["enableServiceLinks"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & set(spec)
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["limits"]["memory"] and container["resources"]["requests"]["cpu"]
    for server in servers:
        writable = [m["name"] for m in pods[server]["containers"][0]["volumeMounts"] if not m.get("readOnly")]
        assert writable == (["data"] if server == "Deployment/metrics" else []), server


# --- The tests themselves --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("templates/service.yaml", "targetPort: http", "targetPort: 8000"),
        ("templates/deployment.yaml", "strategy: { type: Recreate }", "strategy: { type: RollingUpdate }"),
        ("templates/service.yaml", "publishNotReadyAddresses: true", "publishNotReadyAddresses: false"),
        ("templates/networkpolicy.yaml", "policyTypes: [Ingress, Egress]\n  egress", "policyTypes: [Ingress]\n  egress"),
        ("templates/_helpers.tpl", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false"),
        ("values.yaml", "failureThreshold: 30", "failureThreshold: 3"),
        ("templates/poddisruptionbudget.yaml", "{{- if .Values.podDisruptionBudget.enabled }}", "{{- if false }}"),
    ],
)
def test_a_broken_chart_differs_from_the_base(tmp_path, file, old, new):
    broken = tmp_path / "canopy"
    shutil.copytree(CHART, broken)
    text = (broken / file).read_text()
    assert old in text
    (broken / file).write_text(text.replace(old, new))
    theirs, ours = by_name(kustomize("base")), by_name(render({}, chart=broken))
    assert any(ours.get(key) != copy.deepcopy(item) for key, item in theirs.items() if key not in ONLY_KUSTOMIZE)
