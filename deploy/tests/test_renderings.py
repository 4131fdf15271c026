"""Every overlay renders, alone and with each component on top, into objects that belong together."""

import pytest
from manifests import components, job_specs, namespace_of, of_kind, one, pod_templates, render, renderings, title

# What kubectl does not put into a namespace.
CLUSTER_WIDE = {"Namespace", "PriorityClass"}


def test_overlays_and_components_are_found():
    assert {"base", "minikube", "production", "monitoring"} <= set(renderings())
    assert {
        "data-volume",
        "ingress-hosts",
        "ingress-metrics",
        "ingress-paths",
        "priority-class",
        "s3-registry",
        "monitoring",
        "monitoring/operator",
    } <= set(components())


def test_every_rendering_has_objects(rendering):
    assert rendering


def test_no_object_is_there_twice(rendering):
    names = [title(item) for item in rendering]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("name", renderings())
def test_every_object_is_in_its_overlays_namespace(name):
    namespaces = {item["metadata"].get("namespace") for item in render(name) if item["kind"] not in CLUSTER_WIDE}
    assert namespaces == {namespace_of(name)}


@pytest.mark.parametrize("name", ["base", "minikube", "production", "monitoring"])
def test_the_namespace_is_canopy(name):
    assert namespace_of(name) == "canopy"


def test_every_reference_names_an_object_of_the_rendering_or_a_secret(rendering):
    there = {title(item) for item in rendering}
    absent = []
    for name, template in pod_templates(rendering).items():
        spec = template["spec"]
        wanted = [f"ServiceAccount/{spec['serviceAccountName']}"]
        if "priorityClassName" in spec:
            wanted.append(f"PriorityClass/{spec['priorityClassName']}")
        for volume in spec.get("volumes", []):
            if "persistentVolumeClaim" in volume:
                wanted.append(f"PersistentVolumeClaim/{volume['persistentVolumeClaim']['claimName']}")
            if "configMap" in volume:
                wanted.append(f"ConfigMap/{volume['configMap']['name']}")
        for container in spec["containers"]:
            wanted += [
                f"ConfigMap/{ref['configMapRef']['name']}"
                for ref in container.get("envFrom", [])
                if "configMapRef" in ref
            ]
        absent += [f"{name} needs {want}" for want in wanted if want not in there]
    for item in of_kind(rendering, "HorizontalPodAutoscaler"):
        target = item["spec"]["scaleTargetRef"]
        absent += [f"{title(item)} needs {target}"] if f"{target['kind']}/{target['name']}" not in there else []
    assert not absent


def test_every_volume_mount_has_its_volume_and_every_volume_a_mount(rendering):
    for name, template in pod_templates(rendering).items():
        volumes = {volume["name"] for volume in template["spec"].get("volumes", [])}
        mounts = {
            mount["name"] for container in template["spec"]["containers"] for mount in container.get("volumeMounts", [])
        }
        assert volumes == mounts, name


def test_the_data_volume_is_in_the_job_and_the_cronjob_and_read_only():
    jobs = job_specs(render("base+data-volume"))
    assert len(jobs) == 2
    for spec in jobs.values():
        [mount] = [
            mount for mount in spec["template"]["spec"]["containers"][0]["volumeMounts"] if mount["name"] == "data"
        ]
        assert mount == {"name": "data", "mountPath": "/mnt/data", "readOnly": True}


def test_the_priority_class_is_the_servers_and_not_the_trainers():
    objects = render("base+priority-class")
    assert (
        one(objects, "Deployment", "inference")["spec"]["template"]["spec"]["priorityClassName"] == "canopy-inference"
    )
    for spec in job_specs(objects).values():
        assert "priorityClassName" not in spec["template"]["spec"]
