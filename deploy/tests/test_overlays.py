"""What an overlay is for: a laptop's port, and production's room, hosts and limits."""

import pytest
from manifests import containers, job_specs, of_kind, one, pod_templates, quantity, render, title


@pytest.mark.parametrize("name", ["base", "minikube", "production"])
def test_the_namespace_is_held_to_the_restricted_level(name):
    labels = one(render(name), "Namespace", "canopy")["metadata"]["labels"]
    for mode in ("enforce", "warn", "audit"):
        assert labels[f"pod-security.kubernetes.io/{mode}"] == "restricted"


def test_minikube_answers_on_port_30800_of_the_node(minikube):
    spec = one(minikube, "Service", "inference")["spec"]
    assert spec["type"] == "NodePort"
    assert spec["ports"] == [
        {"name": "http", "port": 8000, "targetPort": "http", "nodePort": 30800, "appProtocol": "http"}
    ]


def test_minikubes_images_are_the_ones_that_were_built(minikube):
    ours = {container["image"] for template in pod_templates(minikube).values() for container in containers(template)}
    assert not any("/" in image for image in ours), "an image with a registry would be pulled"


def test_production_answers_through_a_load_balancer_that_keeps_the_clients_address(production):
    spec = one(production, "Service", "inference")["spec"]
    assert (spec["type"], spec["externalTrafficPolicy"]) == ("LoadBalancer", "Local")


def test_production_has_certificates_for_every_host(production):
    ingresses = of_kind(production, "Ingress")
    assert ingresses
    for item in ingresses:
        assert item["metadata"]["annotations"]["cert-manager.io/cluster-issuer"]
        assert {host for tls in item["spec"]["tls"] for host in tls["hosts"]} == {
            rule["host"] for rule in item["spec"]["rules"]
        }
        assert all(tls["secretName"] for tls in item["spec"]["tls"])
        assert all(rule["host"].endswith(".example.com") for rule in item["spec"]["rules"]), "a host that somebody owns"


def test_productions_registry_is_shared_by_several_nodes(production):
    assert one(production, "PersistentVolumeClaim", "models")["spec"]["accessModes"] == ["ReadWriteMany"]


def test_productions_metrics_stay_on_a_disk_of_their_own(production):
    claim = one(production, "PersistentVolumeClaim", "metrics")["spec"]
    assert claim["accessModes"] == ["ReadWriteOnce"] and "storageClassName" not in claim


def test_productions_servers_have_more_room(production):
    [container] = one(production, "Deployment", "inference")["spec"]["template"]["spec"]["containers"]
    assert container["resources"] == {
        "requests": {"cpu": "500m", "memory": "1Gi"},
        "limits": {"cpu": "1000m", "memory": "2Gi"},
    }


def pods_at_most(objects):
    """Pod templates, each with the number of pods there may be at once."""
    most = {
        item["spec"]["scaleTargetRef"]["name"]: item["spec"]["maxReplicas"]
        for item in of_kind(objects, "HorizontalPodAutoscaler")
    }
    for item in of_kind(objects, "Deployment"):
        surge = item["spec"]["strategy"].get("rollingUpdate", {}).get("maxSurge", 0)
        assert isinstance(surge, int), f"{title(item)}: count a maxSurge in percent here"
        yield item["spec"]["template"], most.get(item["metadata"]["name"], item["spec"]["replicas"]) + surge
    # The Job and a run of the CronJob at the same time.
    for spec in job_specs(objects).values():
        yield spec["template"], spec.get("parallelism", 1)


@pytest.mark.parametrize("name", ["production", "production+everything"])
def test_productions_quota_has_room_for_all_that_may_run_at_once(name):
    objects = render(name)
    hard = one(objects, "ResourceQuota", "canopy")["spec"]["hard"]
    most = list(pods_at_most(objects))
    used = {"pods": sum(count for _, count in most)}
    for key in ("requests.cpu", "requests.memory", "limits.memory", "limits.cpu"):
        if key in hard:
            kind, resource = key.split(".")
            used[key] = sum(
                count * quantity(container["resources"][kind][resource])
                for template, count in most
                for container in containers(template)
            )
    claims = of_kind(objects, "PersistentVolumeClaim")
    used["persistentvolumeclaims"] = len(claims)
    used["requests.storage"] = sum(quantity(claim["spec"]["resources"]["requests"]["storage"]) for claim in claims)
    used["services.loadbalancers"] = sum(item["spec"]["type"] == "LoadBalancer" for item in of_kind(objects, "Service"))
    assert set(hard) == set(used), "a limit that nothing here computes"
    for key, amount in used.items():
        assert amount <= quantity(hard[key]), f"{key}: {amount} of {hard[key]}"


def test_productions_limit_range_helps_pods_that_say_nothing_and_refuses_none_of_ours():
    objects = render("production+everything")
    limits = {limit["type"]: limit for limit in one(objects, "LimitRange", "canopy")["spec"]["limits"]}
    assert {"cpu", "memory"} <= set(limits["Container"]["defaultRequest"])
    assert "memory" in limits["Container"]["default"]
    for name, template in pod_templates(objects).items():
        for container in containers(template):
            for resource, most in limits["Container"].get("max", {}).items():
                assert quantity(container["resources"]["limits"][resource]) <= quantity(most), name
    for claim in of_kind(objects, "PersistentVolumeClaim"):
        assert quantity(claim["spec"]["resources"]["requests"]["storage"]) <= quantity(
            limits["PersistentVolumeClaim"]["max"]["storage"]
        )


def test_the_base_asks_for_no_storage_class(base):
    assert all("storageClassName" not in claim["spec"] for claim in of_kind(base, "PersistentVolumeClaim"))
