"""The chart as the tests see it: rendered by Helm's own library, without a cluster, as objects."""

import copy
import subprocess
from pathlib import Path

import helm_python
import yaml

DEPLOY = Path(__file__).resolve().parents[1]
CHART = DEPLOY / "helm" / "canopy"


def merged(*layers):
    """Joins values as `-f A -f B` does: maps deeply, all else replaced."""
    result = {}
    for layer in layers:
        for key, value in layer.items():
            old = result.get(key)
            both_maps = isinstance(old, dict) and isinstance(value, dict)
            result[key] = merged(old, value) if both_maps else copy.deepcopy(value)
    return result


def at(path, value):
    """The values with `value` at the dotted path `path`."""
    for key in reversed(path.split(".")):
        value = {key: value}
    return value


def values_file(name):
    """A values file of the chart; an empty name is the defaults alone."""
    return yaml.safe_load((CHART / name).read_text()) if name else {}


def texts(values=None, *, release="canopy", namespace="canopy", chart=CHART, upgrade=False):
    """Every template's text by its path; validated by the schema first, as `helm install` does."""
    with helm_python.Chart.load(chart) as loaded:
        rendered = loaded.render(
            values or {},
            name=release,
            namespace=namespace,
            is_install=not upgrade,
            is_upgrade=upgrade,
        )
    return {path.split("/", 1)[1]: text for path, text in rendered.items()}


class OneKeyOnce(yaml.SafeLoader):
    """YAML keeps the last of two equal keys without a word; a manifest must have none."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        assert len(keys) == len(set(keys)), f"a key twice: {keys} {node.start_mark}"
        return super().construct_mapping(node, deep)


def render(values=None, **options):
    """The rendered objects."""
    return [
        document
        for path, text in texts(values, **options).items()
        if path.endswith(".yaml")
        for document in yaml.load_all(text, OneKeyOnce)
        if document
    ]


def kustomize(folder):
    """The objects that `kubectl kustomize` makes of a folder of deploy."""
    command = ["kubectl", "kustomize", str(DEPLOY / folder)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [document for document in yaml.safe_load_all(output) if document]


def name(item):
    """Kind and name, by which objects are compared."""
    return f"{item['kind']}/{item['metadata']['name']}"


def is_hook(item):
    return "helm.sh/hook" in item["metadata"].get("annotations", {})


def pod_specs(objects):
    """Every pod in the objects, by the name of what makes it."""
    for item in objects:
        spec = item.get("spec", {})
        if item["kind"] == "Pod":
            yield name(item), spec
        if item["kind"] == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        if item["kind"] in ("CronJob", "Job", "Deployment"):
            yield name(item), spec["template"]["spec"]
