"""Labels, selectors, versions and image tags: what people select by, and what runs."""

import re

from manifests import COMPONENT, LABELS, NAME, canopy_version, containers, of_kind, pod_templates, selects, title


def labelled(objects):
    """Name → labels, of objects and of the templates in them."""
    found = {title(item): item["metadata"].get("labels", {}) for item in objects}
    found |= {f"{name}'s pods": template["metadata"]["labels"] for name, template in pod_templates(objects).items()}
    jobs = of_kind(objects, "CronJob")
    return found | {f"{title(item)}'s jobs": item["spec"]["jobTemplate"]["metadata"]["labels"] for item in jobs}


def test_every_object_and_template_has_the_five_labels(rendering):
    for name, labels in labelled(rendering).items():
        assert set(LABELS) <= set(labels), name
        assert labels["app.kubernetes.io/part-of"] == "canopy", name
        assert labels["app.kubernetes.io/managed-by"] == "kustomize", name
        assert all(isinstance(value, str) for value in labels.values()), name


def test_the_version_label_is_the_workspaces_or_that_of_the_others_image(rendering):
    others = {
        template["metadata"]["labels"][NAME]: container["image"].rpartition(":")[2].removeprefix("v")
        for template in pod_templates(rendering).values()
        for container in containers(template)
        if template["metadata"]["labels"][NAME] != "canopy"
    }
    for name, labels in labelled(rendering).items():
        expected = canopy_version() if labels[NAME] == "canopy" else others[labels[NAME]]
        assert labels["app.kubernetes.io/version"] == expected, name


def test_every_image_has_a_tag_and_ours_the_workspaces_version(rendering):
    for name, template in pod_templates(rendering).items():
        for container in containers(template):
            image, colon, tag = container["image"].rpartition(":")
            assert colon and "/" not in tag, f"{name}: {container['image']} has no tag"
            assert re.fullmatch(r"v?\d+\.\d+\.\d+", tag), f"{name}: {tag} is no release"
            if template["metadata"]["labels"][NAME] == "canopy":
                assert image.rpartition("/")[2] == f"canopy-{container['name']}", name
                assert tag == canopy_version(), name


def test_an_image_that_is_here_is_not_pulled_again(rendering):
    for name, template in pod_templates(rendering).items():
        assert all(container["imagePullPolicy"] == "IfNotPresent" for container in containers(template)), name


def test_what_owns_pods_selects_by_name_and_component_only(rendering):
    for item in of_kind(rendering, "Deployment", "Service", "PodDisruptionBudget"):
        selector = item["spec"]["selector"]
        labels = selector if item["kind"] == "Service" else selector["matchLabels"]
        assert set(labels) == {NAME, COMPONENT}, title(item)
    for item in of_kind(rendering, "NetworkPolicy"):
        assert set(item["spec"]["podSelector"].get("matchLabels", {})) in (set(), {NAME, COMPONENT}), title(item)


def test_every_selector_finds_the_pods_of_its_name(rendering):
    pods = {name: template["metadata"]["labels"] for name, template in pod_templates(rendering).items()}
    for item in of_kind(rendering, "Deployment", "Service", "PodDisruptionBudget"):
        selector = item["spec"]["selector"]
        selector = {"matchLabels": selector} if item["kind"] == "Service" else selector
        found = [name for name, labels in pods.items() if selects(selector, labels)]
        assert found == [f"Deployment/{item['metadata']['name'].removesuffix('-pods')}"], title(item)
    for item in of_kind(rendering, "Deployment"):
        for spread in item["spec"]["template"]["spec"].get("topologySpreadConstraints", []):
            assert selects(spread["labelSelector"], pods[title(item)]), title(item)
