"""Every object is one that Kubernetes knows: each field, in each version from 1.31 on."""

import functools
import json

import jsonschema
import pytest
import referencing
from kubernetes_validate import utils
from manifests import MONITORING, documents, render, renderings, title

OLDEST = (1, 31)
# The package has two folders for each version, so each is listed twice.
VERSIONS = [v for v in dict.fromkeys(utils.all_versions()) if tuple(map(int, v.split(".")[:2])) >= OLDEST]

# Kinds of the Prometheus Operator: not Kubernetes' own, so their fields are checked against OPERATOR below.
OPERATOR_KINDS = {"PodMonitor", "ServiceMonitor", "PrometheusRule"}

# What we use of https://prometheus-operator.dev/docs/api-reference/api/ (PodMonitorSpec, ServiceMonitorSpec).
# The operator refuses what it does not know only in newer versions, so a misspelt field would be lost silently.
ENDPOINTS = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "additionalProperties": False,
        "required": ["port", "path", "interval", "scrapeTimeout"],
        "properties": {
            "port": {"type": "string"},
            "path": {"type": "string", "pattern": "^/"},
            "interval": {"type": "string", "pattern": "^[0-9]+s$"},
            "scrapeTimeout": {"type": "string", "pattern": "^[0-9]+s$"},
        },
    },
}

# The groups of a PrometheusRule are those of a rule file, which promtool reads (test_monitoring.py).
RULES = {"type": "object", "additionalProperties": False, "required": ["groups"], "properties": {"groups": {"type": "array", "minItems": 1}}}


def operator_schema(kind):
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "properties": {
            "apiVersion": {"const": "monitoring.coreos.com/v1"},
            "kind": {"const": kind},
            "metadata": {"type": "object"},
            "spec": RULES if kind == "PrometheusRule" else monitor_schema(kind),
        },
    }


def monitor_schema(kind):
    endpoints = {"PodMonitor": "podMetricsEndpoints", "ServiceMonitor": "endpoints"}[kind]
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["selector", endpoints],
        "properties": {
            "jobLabel": {"type": "string"},
            "sampleLimit": {"type": "integer"},
            "selector": {
                "type": "object",
                "additionalProperties": False,
                "required": ["matchLabels"],
                "properties": {"matchLabels": {"type": "object", "additionalProperties": {"type": "string"}}},
            },
            endpoints: ENDPOINTS,
        },
    }


@functools.cache
def distinct_objects():
    """Each object once, however many renderings have it."""
    found = {}
    for name in renderings():
        for item in render(name):
            found.setdefault(json.dumps(item, sort_keys=True, default=str), (name, item))
    return list(found.values())


@functools.cache
def validator(version, kind, api_version):
    """The package's strict schema of a kind. Its own `validate` reads megabytes again for each object."""
    folder = f"kubernetes-json-schema/v{version}-local-strict"
    group = (
        api_version.replace("/", "-")
        if "." not in api_version
        else f"{api_version.split('.')[0]}-{api_version.split('/')[1]}"
    )
    schema = utils.schema_contents(f"{folder}/{kind.lower()}-{group}.json", version)
    return jsonschema.Draft202012Validator(schema, registry=definitions(version, folder))


@functools.cache
def definitions(version, folder):
    contents = utils.schema_contents(f"{folder}/_definitions.json", version)
    return referencing.Registry().with_resource(contents["$id"], referencing.Resource.from_contents(contents)).crawl()


def errors_of(version, item):
    return [
        f"{title(item)}: {'.'.join(map(str, error.path))}: {error.message}"
        for error in validator(version, item["kind"], item["apiVersion"]).iter_errors(item)
    ]


def test_there_are_several_versions_to_check():
    assert len(VERSIONS) >= 7 and VERSIONS[0].startswith("1.31")


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_valid_in_kubernetes(version):
    wrong = [
        f"{name}: {error}"
        for name, item in distinct_objects()
        if item["kind"] not in OPERATOR_KINDS
        for error in errors_of(version, item)
    ]
    assert not wrong, "\n".join(wrong)


def test_a_misspelt_field_is_an_error():
    item = json.loads(json.dumps(next(item for _, item in distinct_objects() if item["kind"] == "Deployment")))
    item["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    assert any("readynessProbe" in error for error in errors_of(VERSIONS[-1], item))


def test_the_operators_objects_have_the_fields_it_knows():
    rendered = [item for _, item in distinct_objects() if item["kind"] in OPERATOR_KINDS]
    assert rendered
    for item in [*rendered, *documents(MONITORING / "operator/servicemonitor.yaml")]:
        jsonschema.validate(item, operator_schema(item["kind"]))
