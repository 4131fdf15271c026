"""How the manifests are written: one kind a file, named for it, fields in API order, nothing left out."""

import re

import pytest
from manifests import DEPLOY, MONITORING, OVERLAYS, documents, load, relative, sources

OBJECT_FIELDS = ["apiVersion", "kind", "metadata"]
METADATA_FIELDS = ["name", "namespace", "labels", "annotations"]

FILES = [path for path in sources() if path.name != "kustomization.yaml"]
KUSTOMIZATIONS = [path for path in sources() if path.name == "kustomization.yaml"]


def test_there_are_files_to_look_at():
    assert len(FILES) > 25 and len(KUSTOMIZATIONS) > 7


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_a_file_has_one_kind_and_its_name(path):
    items = documents(path)
    if isinstance(items[0], list):  # a patch of single fields
        return
    assert {item["kind"].lower() for item in items} == {path.name.removesuffix(".yaml").removesuffix(".example")}


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_fields_come_in_the_apis_order(path):
    for item in documents(path):
        if isinstance(item, dict):
            assert list(item)[:3] == OBJECT_FIELDS
            assert list(item["metadata"]) == [field for field in METADATA_FIELDS if field in item["metadata"]]


@pytest.mark.parametrize("path", KUSTOMIZATIONS, ids=relative)
def test_no_file_is_forgotten(path):
    kustomization = load(path)
    named = {
        *(kustomization.get("resources") or []),
        *(patch["path"] for patch in kustomization.get("patches") or [] if "path" in patch),
    }
    # A line that is commented out is an alternative, with its reason beside it.
    named |= set(re.findall(r"^ *# - (\S+)", path.read_text(), re.M))
    inner = {other.parent for other in KUSTOMIZATIONS} - {path.parent}
    there = {
        file.relative_to(path.parent).as_posix()
        for file in FILES
        if file.is_relative_to(path.parent)
        and not inner & set(file.parents[: len(file.relative_to(path.parent).parts)])
    }
    assert {name for name in there if not name.endswith(".example.yaml")} - named == set()


@pytest.mark.parametrize("path", [*FILES, *KUSTOMIZATIONS], ids=relative)
def test_a_file_is_tidy(path):
    text = path.read_text()
    assert text.endswith("\n") and not text.endswith("\n\n")
    assert "\t" not in text
    assert not re.search(r" +$", text, re.M), "spaces at the end of a line"
    assert not re.search(r"\b(TODO|FIXME|XXX)\b", text)


def test_overlays_and_components_are_of_their_kinds():
    for path in KUSTOMIZATIONS:
        component = path.is_relative_to(DEPLOY / "components") or path.is_relative_to(MONITORING)
        assert load(path)["kind"] == ("Component" if component else "Kustomization"), relative(path)


def test_every_overlay_says_its_namespace():
    assert all(load(path).get("namespace") for path in OVERLAYS.glob("*/kustomization.yaml"))
