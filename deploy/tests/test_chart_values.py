"""What values the chart refuses, and how."""

import json
import re

import helm_python
import pytest
from chart import CHART, DEPLOY, at, render


BAD_VALUES = [
    ("inferense", {}, "inferense"),
    ("inference.replcas", 3, "replcas"),
    ("inference.replicas", "3", "/inference/replicas"),
    ("inference.replicas", 0, "/inference/replicas"),
    ("inference.config.CANOPY_RATE_LIMT", 5, "CANOPY_RATE_LIMT"),
    ("inference.config.CANOPY_REQUEST_TIMEOUT", "10 parsecs", "CANOPY_REQUEST_TIMEOUT"),
    ("inference.resources.limits.memory", "384 MB", "/inference/resources/limits/memory"),
    ("inference.resources.limits", {"memory": None}, "memory"),
    ("inference.service.type", "Nodeport", "/inference/service/type"),
    ("inference.service.port", 70000, "/inference/service/port"),
    ("inference.image.digest", "abc", "/inference/image/digest"),
    ("inference.podLabels", {"app.kubernetes.io/component": "x"}, "app.kubernetes.io/component"),
    ("inference.podAnnotations", {"prometheus.io/scrape": True}, "/inference/podAnnotations"),
    ("inference.extraEnv", [{"value": "x"}], "/inference/extraEnv/0"),
    ("inference.config.CANOPY_METRICS_URL", "metrics:8001", "CANOPY_METRICS_URL"),
    ("metrics.config.CANOPY_TARGETS", "inference:8000", "CANOPY_TARGETS"),
    ("metrics.config.CANOPY_WINDOWS", "1h, soon", "CANOPY_WINDOWS"),
    ("metrics.config.CANOPY_EVENT_RETENTION", "2 moons", "CANOPY_EVENT_RETENTION"),
    ("metrics.config.CANOPY_DATA", "/tmp", "CANOPY_DATA"),
    ("metrics.replicas", 2, "replicas"),
    ("metrics.persistence.accessModes", ["ReadWriteMany"], "/metrics/persistence/accessModes/0"),
    ("metrics.ingress.hosts", [], "/metrics/ingress/hosts"),
    ("trainer.config.CANOPY_ESTIMATOR", "xgboost", "CANOPY_ESTIMATOR"),
    ("trainer.config.CANOPY_MODEL", "Diamonds", "CANOPY_MODEL"),
    ("trainer.cronjob.schedule", "weekly", "/trainer/cronjob/schedule"),
    ("trainer.cronjob.concurrencyPolicy", "Allow", "concurrencyPolicy"),
    ("trainer.job.enabled", "yes", "/trainer/job/enabled"),
    ("persistence.size", "1 GB", "/persistence/size"),
    ("persistence.accessModes", ["ReadWriteSome"], "/persistence/accessModes/0"),
    ("autoscaling.minReplicas", 0, "/autoscaling/minReplicas"),
    ("ingress.style", "subdomains", "/ingress/style"),
    ("ingress.hosts", ["https://a.example.com"], "/ingress/hosts/0"),
    ("image.tag", 1.0, "/image/tag"),
    ("securityContext.runAsUser", 0, "/securityContext/runAsUser"),
    ("securityContext.privileged", True, "privileged"),
    ("apiKeys.extraLines", ["dashboard secret"], "/apiKeys/extraLines/0"),
    ("networkPolicy.dns.podLabels", {"k8s-app": None}, "/networkPolicy/dns/podLabels"),
    ("tests.request", "carat=1", "/tests/request"),
    ("commonLabels", {"a": "b c"}, "/commonLabels/a"),
]


@pytest.mark.parametrize(("path", "value", "named"), BAD_VALUES)
def test_the_schema_refuses_a_bad_value_and_names_it(path, value, named):
    with helm_python.Chart.load(CHART) as chart:
        with pytest.raises(helm_python.HelmValuesError) as error:
            chart.validate_schema(at(path, value))
    assert named in str(error.value)


# Values that are right alone and wrong together, and the words of the message.
BAD_TOGETHER = [
    (at("inference.config.CANOPY_DRAIN_TIMEOUT", "40s"), "terminationGracePeriodSeconds (45) must be more than"),
    (at("inference.config.CANOPY_DRAIN_DELAY", "1m 500ms"), "(91 s)"),
    (at("inference.terminationGracePeriodSeconds", 35), "terminationGracePeriodSeconds (35)"),
    (at("metrics.terminationGracePeriodSeconds", 5), "metrics.terminationGracePeriodSeconds (5)"),
    (at("trainer.activeDeadlineSeconds", 3600), "progressDeadlineSeconds (900)"),
    (at("trainer.config.CANOPY_MODEL", "houses"), "trainer.config.CANOPY_MODEL (houses)"),
    (at("trainer.config.CANOPY_REGISTRY", "/model"), "trainer.config.CANOPY_REGISTRY (/model)"),
    (at("metrics.config.CANOPY_REGISTRY", "/model"), "metrics.config.CANOPY_REGISTRY (/model)"),
    (at("autoscaling.maxReplicas", 1), "autoscaling.maxReplicas (1)"),
    ({"autoscaling": {"targetCPUUtilizationPercentage": None, "targetMemoryUtilizationPercentage": None}}, "extraMetrics"),
    (at("inference.resources.requests", {"cpu": None}), "inference.resources.requests.cpu"),
    (at("podDisruptionBudget.minAvailable", 1), "maxUnavailable or minAvailable"),
    ({"podDisruptionBudget": {"minAvailable": 2, "maxUnavailable": None}}, "no node can be drained"),
    (at("inference.service.nodePort", 30800), "inference.service.nodePort"),
    (at("inference.service.externalTrafficPolicy", "Local"), "externalTrafficPolicy"),
    (at("inference.service.loadBalancerSourceRanges", ["192.0.2.0/24"]), "loadBalancerSourceRanges"),
    (at("inference.strategy.maxSurge", 0), "maxSurge"),
    (at("apiKeys.create", False), "inference.config.CANOPY_ALLOW_ANONYMOUS"),
    (
        {"apiKeys": {"create": False}, "inference": {"config": {"CANOPY_ALLOW_ANONYMOUS": True}}},
        "metrics.config.CANOPY_ALLOW_ANONYMOUS",
    ),
    (at("apiKeys.existingClientKeySecret", "x"), "apiKeys.existingSecret"),
    (at("inference.config.CANOPY_API_KEYS_FILE", "/keys"), "/etc/canopy/api-keys"),
    (at("metrics.config.CANOPY_API_KEYS_FILE", "/keys"), "metrics.config.CANOPY_API_KEYS_FILE (/keys)"),
    (at("metrics.config.CANOPY_EVENTS_KEYS_FILE", "/keys"), "/etc/canopy-events/api-keys"),
    ({"ingress": {"enabled": True, "tls": [{"hosts": ["a.example.com"], "secretName": "a"}]}}, "a.example.com is not in"),
    (at("metrics.ingress.tls", [{"hosts": ["a.example.com"], "secretName": "a"}]), "metrics.ingress.tls: a.example.com is not in"),
    (at("resourceQuota.enabled", True), "resourceQuota.hard"),
    (at("limitRange.enabled", True), "limitRange.limits"),
    ({"monitoring": {"podMonitor": {"enabled": True}, "serviceMonitor": {"enabled": True}}}, "take one"),
]


@pytest.mark.parametrize(("values", "message"), BAD_TOGETHER)
def test_values_that_contradict_each_other_are_refused(values, message):
    with helm_python.Chart.load(CHART) as chart:
        chart.validate_schema(values)
    with pytest.raises(helm_python.HelmRenderError) as error:
        render(values)
    assert message in str(error.value)


def test_every_check_is_in_the_table():
    checks = (CHART / "templates/_checks.tpl").read_text().split('define "canopy.checks"')[1]
    # Two of the table reach the same check about draining, each with another time; and four are those of the metrics
    # service, which the servers have, too.
    assert checks.count("fail (printf") + checks.count('fail "') == len(BAD_TOGETHER) - 5


def test_the_schema_knows_the_settings_of_the_services():
    def variables(*folders):
        root = DEPLOY.parent
        paths = [path for folder in folders for path in [root / folder, *(root / folder).rglob("*.rs")]]
        sources = [path.read_text() for path in paths if path.is_file()]
        return {found for text in sources for found in re.findall(r'\benv = "(CANOPY_[A-Z0-9_]+)"', text)}

    schema = json.loads((CHART / "values.schema.json").read_text())["properties"]
    kit = variables("shared/service-kit/src")
    log = {"CANOPY_LOG", "CANOPY_LOG_FORMAT"}
    assert log < kit
    # The port is the container's and the probes', so the chart fixes it.
    inference = variables("services/inference/src") | kit - {"CANOPY_LISTEN"}
    assert set(schema["inference"]["properties"]["config"]["properties"]) == inference - {"CANOPY_LISTEN"}
    metrics = variables("services/metrics/src") | kit
    assert set(schema["metrics"]["properties"]["config"]["properties"]) == metrics - {"CANOPY_LISTEN"}
    # What `fit` takes. Other commands have settings that would do harm in a ConfigMap, such as CANOPY_FORCE.
    config = "services/trainer/src/config"
    of_fit = variables(f"{config}.rs", *(f"{config}/{noun}.rs" for noun in ("act", "estimator", "fit", "gates")))
    assert set(schema["trainer"]["properties"]["config"]["properties"]) == of_fit | log
