"""Reads what is tested: renders overlays and components, and walks what comes out.

What is asserted about it stands in the test files, one noun each.
"""

import functools
import itertools
import json
import re
import subprocess
import tempfile
from pathlib import Path

import yaml

REPO = Path(__file__).resolve().parents[2]
DEPLOY = REPO / "deploy"
OVERLAYS = DEPLOY / "overlays"
MONITORING = DEPLOY / "monitoring"

NAME = "app.kubernetes.io/name"
COMPONENT = "app.kubernetes.io/component"
LABELS = [NAME, COMPONENT] + [f"app.kubernetes.io/{label}" for label in ("part-of", "version", "managed-by")]

# An overlay that adds to a running Canopy has nothing that the components could patch.
ADDITIONS = {"monitoring"}


@functools.cache
def components():
    """Name → folder of every component."""
    folders = [DEPLOY / "components", MONITORING]
    paths = [path for folder in folders for path in folder.rglob("kustomization.yaml")]
    return {path.parent.relative_to(DEPLOY).as_posix().removeprefix("components/"): path.parent for path in paths}


@functools.cache
def renderings():
    """Name → kustomization folder and components on top.

    Each overlay as it is; the base with each component; each overlay with every component that it lacks.
    """
    overlays = {path.parent.name: path.parent for path in sorted(OVERLAYS.glob("*/kustomization.yaml"))}
    base = DEPLOY / "base"
    result = {name: (root, ()) for name, root in ({"base": base} | overlays).items()}
    result |= {f"base+{name}": (base, (folder,)) for name, folder in components().items()}
    for name, root in overlays.items():
        if name not in ADDITIONS:
            absent = [folder for folder in components().values() if folder not in included(root)]
            result[f"{name}+everything"] = (root, tuple(absent))
    return result


def included(root):
    """The folders that a kustomization takes its objects from, its own and those of the ones below."""
    kustomization = load(root / "kustomization.yaml")
    entries = [(root / path).resolve() for key in ("resources", "components") for path in kustomization.get(key) or []]
    folders = {path for path in entries if path.is_dir()}
    return folders.union(*(included(folder) for folder in folders))


def namespace_of(name):
    return load(renderings()[name][0] / "kustomization.yaml")["namespace"]


def load(path):
    return yaml.safe_load(path.read_text())


@functools.cache
def render(name):
    """The objects that `kubectl apply -k` would send."""
    root, extra = renderings()[name]
    if not extra:
        return kustomize(root)
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder).resolve()
        paths = [Path(*[".."] * (len(here.parts) - 1), *path.parts[1:]).as_posix() for path in (root, *extra)]
        kustomization = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "namespace": namespace_of(name),
            "resources": paths[:1],
            "components": paths[1:],
        }
        (here / "kustomization.yaml").write_text(json.dumps(kustomization))
        return kustomize(here)


def kustomize(folder):
    done = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True)
    assert done.returncode == 0, f"kubectl kustomize {folder}: {done.stderr}"
    assert not done.stderr, f"kubectl kustomize {folder} warns: {done.stderr}"
    return list(yaml.load_all(done.stdout, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))


def of_kind(objects, *kinds):
    return [item for item in objects if item["kind"] in kinds]


def one(objects, kind, name):
    found = [item for item in of_kind(objects, kind) if item["metadata"]["name"] == name]
    assert len(found) == 1, f"{len(found)} objects {kind}/{name}, one was expected"
    return found[0]


def title(item):
    return f"{item['kind']}/{item['metadata']['name']}"


def job_specs(objects):
    """Name → Job spec, of Jobs and CronJobs."""
    jobs = {title(item): item["spec"] for item in of_kind(objects, "Job")}
    return jobs | {title(item): item["spec"]["jobTemplate"]["spec"] for item in of_kind(objects, "CronJob")}


def pod_templates(objects):
    """Name → pod template, of everything that makes pods."""
    servers = {
        title(item): item["spec"]["template"] for item in of_kind(objects, "Deployment", "StatefulSet", "DaemonSet")
    }
    return servers | {name: spec["template"] for name, spec in job_specs(objects).items()}


def containers(template):
    return itertools.chain(template["spec"].get("initContainers", []), template["spec"]["containers"])


def selects(selector, labels):
    for expression in selector.get("matchExpressions", []):
        assert expression["operator"] == "In", f"teach this to read {expression['operator']}"
        if labels.get(expression["key"]) not in expression["values"]:
            return False
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())


def backends(ingress):
    """The names of the Services that an Ingress sends to."""
    return {path["backend"]["service"]["name"] for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]}


def sources():
    """Every YAML file with objects or patches, in the repository's own writing."""
    folders = [DEPLOY / "base", DEPLOY / "components", OVERLAYS, MONITORING]
    ours = [path for folder in folders for path in sorted(folder.rglob("*.yaml"))]
    return [path for path in ours if "provisioning" not in path.parts]


def documents(path):
    """The YAML documents of a file: objects, or a list of patches."""
    return [item for item in yaml.safe_load_all(path.read_text()) if item is not None]


def relative(path):
    return path.relative_to(REPO).as_posix()


UNITS = {"": 1, "m": 0.001, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


def quantity(text):
    """A Kubernetes quantity, or a size with a final B, as a number."""
    number, unit = re.fullmatch(r"([0-9.]+)([a-zA-Z]*)", str(text)).groups()
    return float(number) * UNITS[unit.removesuffix("B")]


def seconds(text):
    """A time such as 5s."""
    number, unit = re.fullmatch(r"([0-9.]+)([a-z]+)", text).groups()
    return float(number) * SECONDS[unit]


@functools.cache
def canopy_version():
    return re.search(r'^\[workspace\.package\]\nversion = "(.+)"', (REPO / "Cargo.toml").read_text(), re.M).group(1)


def git_files():
    """Every file of the repository, those not yet added included."""
    command = ["git", "-C", REPO, "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\0")
    return [REPO / name for name in listed if name and (REPO / name).is_file()]
