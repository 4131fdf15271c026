"""What the chart tells people: lint, notes, comments, README."""

import json
import re

import helm_python
import pytest
from chart import CHART, at, texts, values_file


FILES = ["", "values-dev.yaml", "values-prod.yaml"]


@pytest.mark.parametrize("file", FILES)
def test_lint_has_no_warnings(file):
    report = helm_python.lint(CHART, values_file(file), strict=True, kube_version="v1.31.0")
    assert [m for m in report["messages"] if m["severity"] > 1] == [] and not report["errors"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, ["port-forward service/inference", "secret inference-client-key", "metrics-server", "label namespace canopy"]),
        ({}, ["Deployment metrics", "port-forward service/metrics 8001", "volume of what is measured"]),
        (at("metrics.ingress.enabled", True), ["http://metrics.canopy.local/"]),
        (values_file("values-dev.yaml"), ["http://canopy.local/predict", "class `nginx`"]),
        (values_file("values-prod.yaml"), ["https://inference.canopy.example.com/predict", "issuer `letsencrypt`"]),
        ({"inference": {"service": {"type": "NodePort", "nodePort": 30800}}}, ["http://$NODE:30800/predict"]),
        ({"inference": {"service": {"type": "LoadBalancer"}}}, ["http://$HOST:8000/predict"]),
        (at("trainer.job.enabled", False), ["nothing trains now"]),
    ],
)
def test_the_notes_say_what_to_do(values, expected):
    notes = texts(values)["templates/NOTES.txt"]
    assert "\n\n\n" not in notes and "<no value>" not in notes and "%!" not in notes
    for words in expected:
        assert words in notes


def leaves(values, schema, path=""):
    """Dotted paths of the values that have a comment of their own: down to what the schema lists by name."""
    for key, value in values.items():
        inner = schema["properties"][key]
        if "$ref" in inner:
            inner = SCHEMA["definitions"][inner["$ref"].rsplit("/", 1)[1]]
        opaque = key in ("config", "resources", "behavior", "affinity") or path + key in LABEL_PAIRS
        if isinstance(value, dict) and inner.get("properties") and not opaque:
            yield from leaves(value, inner, f"{path}{key}.")
        else:
            yield path + key


SCHEMA = json.loads((CHART / "values.schema.json").read_text())
LABEL_PAIRS = {"networkPolicy.dns", "networkPolicy.ingressController", "networkPolicy.prometheus"}
LEAVES = list(leaves(values_file("values.yaml"), SCHEMA))


def commented():
    """The dotted paths in values.yaml whose line follows a comment that starts with `# -- `."""
    stack, documented = [], False
    for line in (CHART / "values.yaml").read_text().splitlines():
        stripped = line.strip()
        if stripped.startswith("# -- "):
            documented = True
        elif stripped.startswith("#"):
            continue
        elif match := re.match(r"( *)([A-Za-z][\w.]*):", line):
            stack[len(match[1]) // 2 :] = [match[2]]
            if documented:
                yield ".".join(stack)
            documented = False
        else:
            documented = False


def test_every_value_has_a_comment():
    assert sorted(commented()) == sorted(LEAVES)


def used():
    """The dotted paths that templates and helpers read."""
    sources = "\n".join(path.read_text() for path in sorted((CHART / "templates").rglob("*.*")))
    paths = set(re.findall(r"\.Values\.([A-Za-z][\w.]*\w)", sources))
    # A helper that is handed a part of the values reads these of it.
    images = ("inference", "trainer", "metrics", "tests")
    paths |= {f"{part}.image.{key}" for part in images for key in ("repository", "tag", "digest")}
    placed = ("inference", "trainer", "metrics")
    return paths | {f"{part}.{key}" for part in placed for key in ("nodeSelector", "tolerations", "affinity")}


def test_every_value_is_used_and_every_used_value_exists():
    paths = used()
    unused = [leaf for leaf in LEAVES if leaf not in paths and not any(p.startswith(leaf + ".") for p in paths)]
    assert unused == []
    prefixes = {leaf.rsplit(".", n)[0] for leaf in LEAVES for n in range(leaf.count(".") + 1)} | set(LEAVES)
    inside = ("networkPolicy.", "inference.resources.", "inference.config.", "metrics.config.", "trainer.config.")
    unknown = [p for p in paths if p not in prefixes and not any(p.startswith(i) and p.rsplit(".", 1)[0] in prefixes for i in inside)]
    assert unknown == []


def test_the_schema_lists_exactly_the_values():
    def walk(values, schema, path=""):
        if "$ref" in schema:
            schema = SCHEMA["definitions"][schema["$ref"].rsplit("/", 1)[1]]
        for key in set(schema.get("properties", {})) - set(values):
            yield path + key
        for key, value in values.items():
            if isinstance(value, dict) and "properties" in schema and key in schema["properties"]:
                if key not in ("config", "resources", "behavior", "affinity"):
                    yield from walk(value, schema["properties"][key], f"{path}{key}.")

    assert list(walk(values_file("values.yaml"), SCHEMA)) == ["global"]


def test_the_readme_names_only_values_that_exist():
    readme = (CHART / "README.md").read_text()
    top = "|".join(values_file("values.yaml"))
    known = {leaf.rsplit(".", n)[0] for leaf in LEAVES for n in range(leaf.count(".") + 1)} | set(LEAVES)
    named = {p for p in re.findall(rf"`((?:{top})(?:\.\w+)+)`", readme)}
    assert named and not {p for p in named if p not in known and ".config." not in p and not p.endswith(".yaml")}
