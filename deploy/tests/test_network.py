"""Who reaches whom: what the NetworkPolicies admit, asked for pairs of pods."""

from manifests import COMPONENT, NAME, REPO, backends, of_kind, one, pod_templates, render, selects, title

INFERENCE = {NAME: "canopy", COMPONENT: "inference"}
METRICS = {NAME: "canopy", COMPONENT: "metrics"}
TRAINER = {NAME: "canopy", COMPONENT: "trainer"}
PROMETHEUS = {NAME: "prometheus", COMPONENT: "monitoring"}
GRAFANA = {NAME: "grafana", COMPONENT: "monitoring"}
ALERTMANAGER = {NAME: "alertmanager", COMPONENT: "monitoring"}
DNS = {"k8s-app": "kube-dns"}
DNS_PORTS = {("UDP", 53), ("TCP", 53)}


def rules(objects, labels, direction):
    """The rules for a pod of the namespace, of every policy that selects it."""
    return [
        rule
        for item in of_kind(objects, "NetworkPolicy")
        if selects(item["spec"]["podSelector"], labels)
        for rule in item["spec"].get(direction, [])
    ]


def admits(objects, labels, direction, peer, namespace=None):
    """The ports on which a pod may talk with a peer. `namespace`: the peer's, where it is another one."""
    key = {"ingress": "from", "egress": "to"}[direction]
    ports = set()
    for rule in rules(objects, labels, direction):
        for entry in rule[key]:
            wanted = entry.get("namespaceSelector", {}).get("matchLabels", {}).get("kubernetes.io/metadata.name")
            if "podSelector" in entry and wanted == namespace and selects(entry["podSelector"], peer):
                ports |= {(port["protocol"], port["port"]) for port in rule["ports"]}
    return ports


def test_everything_is_denied_that_is_not_named(canopy):
    spec = one(canopy, "NetworkPolicy", "default-deny")["spec"]
    assert spec == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_every_pod_has_a_policy_of_its_own_that_covers_both_directions(rendering):
    policies = of_kind(rendering, "NetworkPolicy")
    for name, template in pod_templates(rendering).items():
        labels = template["metadata"]["labels"]
        own = [
            item for item in policies if item["spec"]["podSelector"] and selects(item["spec"]["podSelector"], labels)
        ]
        directions = {direction for item in own for direction in item["spec"]["policyTypes"]}
        assert directions == {"Ingress", "Egress"}, name


def test_every_policy_names_what_it_governs(rendering):
    for item in of_kind(rendering, "NetworkPolicy"):
        assert item["spec"]["policyTypes"], title(item)
        for direction in ("ingress", "egress"):
            if direction in item["spec"]:
                assert direction.capitalize() in item["spec"]["policyTypes"], title(item)


def test_every_pod_that_may_call_out_can_look_up_names(canopy):
    for labels in (INFERENCE, METRICS, TRAINER):
        assert admits(canopy, labels, "egress", DNS, namespace="kube-system") == DNS_PORTS


def test_servers_are_reached_by_the_ingress_controller_and_by_prometheus(canopy):
    controller = {NAME: "ingress-nginx"}
    assert admits(canopy, INFERENCE, "ingress", controller, namespace="ingress-nginx") == {("TCP", "http")}
    assert admits(canopy, INFERENCE, "ingress", PROMETHEUS) == {("TCP", "http")}
    assert admits(canopy, INFERENCE, "ingress", PROMETHEUS, namespace="monitoring") == {("TCP", "http")}


def test_servers_and_the_metrics_service_reach_each_other(canopy):
    for one_of_them, other in ((INFERENCE, METRICS), (METRICS, INFERENCE)):
        assert admits(canopy, one_of_them, "egress", other) == {("TCP", "http")}
        assert admits(canopy, one_of_them, "ingress", other) == {("TCP", "http")}


def test_the_metrics_service_is_reached_by_prometheus_and_by_no_other_pod(canopy):
    assert admits(canopy, METRICS, "ingress", PROMETHEUS) == {("TCP", "http")}
    assert admits(canopy, METRICS, "ingress", PROMETHEUS, namespace="monitoring") == {("TCP", "http")}
    for other in ({}, TRAINER, GRAFANA, METRICS):
        assert not admits(canopy, METRICS, "ingress", other)
    # People come by kubectl, or through the Ingress where one sends them there.
    sends = [item for item in of_kind(canopy, "Ingress") if "metrics" in backends(item)]
    controller = admits(canopy, METRICS, "ingress", {NAME: "ingress-nginx"}, namespace="ingress-nginx")
    assert controller == ({("TCP", "http")} if sends else set())


def test_the_metrics_service_reaches_the_servers_and_its_registry_only(canopy):
    registry = one(canopy, "ConfigMap", "metrics")["data"]["CANOPY_REGISTRY"]
    rest = egress_beside_dns(canopy, METRICS)
    assert sum("ipBlock" in entry for rule in rest for entry in rule["to"]) == 2 * registry.startswith("s3://")
    peers = [entry for rule in rest for entry in rule["to"] if "ipBlock" not in entry]
    assert peers == [{"podSelector": {"matchLabels": INFERENCE}}]


def egress_beside_dns(objects, labels):
    return [rule for rule in rules(objects, labels, "egress") if {"protocol": "UDP", "port": 53} not in rule["ports"]]


def test_servers_are_not_reached_by_other_pods_and_reach_none(canopy):
    for other in ({}, TRAINER, GRAFANA):
        assert not admits(canopy, INFERENCE, "ingress", other)
    assert not admits(canopy, INFERENCE, "ingress", {NAME: "ingress-nginx"}, namespace="default")
    registry = one(canopy, "ConfigMap", "inference")["data"]["CANOPY_REGISTRY"]
    egress = rules(canopy, INFERENCE, "egress")
    # A bucket is reached by TLS, and outside of the cluster.
    outside = [rule for rule in egress if any("ipBlock" in entry for entry in rule["to"])]
    assert [rule["ports"] for rule in outside] == [[{"protocol": "TCP", "port": 443}]] * registry.startswith("s3://")
    peers = [entry for rule in egress if rule not in outside for entry in rule["to"]]
    assert peers == [
        {"podSelector": {"matchLabels": METRICS}},
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
            "podSelector": {"matchLabels": DNS},
        },
    ]


def test_nobody_reaches_the_trainer(canopy):
    assert not rules(canopy, TRAINER, "ingress")


def test_no_pod_reaches_the_clouds_metadata(rendering):
    for item in of_kind(rendering, "NetworkPolicy"):
        for rule in item["spec"].get("egress", []):
            for entry in rule.get("to", []):
                if entry.get("ipBlock", {}).get("cidr") == "0.0.0.0/0":
                    assert "169.254.0.0/16" in entry["ipBlock"]["except"], title(item)


def test_the_load_balancers_clients_come_from_outside_the_cluster(production):
    blocks = [
        entry["ipBlock"]
        for rule in rules(production, INFERENCE, "ingress")
        for entry in rule["from"]
        if "ipBlock" in entry
    ]
    [block] = [block for block in blocks if block["cidr"] == "0.0.0.0/0"]
    assert {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"} <= set(block["except"])
    for name in ("base", "minikube"):
        assert not [
            entry for rule in rules(render(name), INFERENCE, "ingress") for entry in rule["from"] if "ipBlock" in entry
        ]


def test_prometheus_reaches_the_servers_and_grafana_only_prometheus():
    objects = render("base+monitoring")
    for server in (INFERENCE, METRICS):
        assert admits(objects, PROMETHEUS, "egress", server) == {("TCP", "http")}
    assert admits(objects, GRAFANA, "egress", PROMETHEUS) == {("TCP", "http")}
    assert admits(objects, PROMETHEUS, "ingress", GRAFANA) == {("TCP", "http")}
    assert not admits(objects, PROMETHEUS, "ingress", TRAINER) and not admits(objects, PROMETHEUS, "ingress", {})
    assert not admits(objects, GRAFANA, "egress", INFERENCE) and not admits(objects, GRAFANA, "egress", METRICS)
    assert not rules(objects, GRAFANA, "ingress")
    for labels in (PROMETHEUS, GRAFANA):
        assert admits(objects, labels, "egress", DNS, namespace="kube-system") == DNS_PORTS


def test_prometheus_hands_alerts_to_alertmanager_which_tells_people_outside_and_nobody_else():
    objects = render("base+monitoring")
    assert admits(objects, PROMETHEUS, "egress", ALERTMANAGER) == {("TCP", "http")}
    assert admits(objects, ALERTMANAGER, "ingress", PROMETHEUS) == {("TCP", "http")}
    assert not any(admits(objects, ALERTMANAGER, "ingress", other) for other in ({}, INFERENCE, GRAFANA))
    assert not any(admits(objects, ALERTMANAGER, "egress", other) for other in (INFERENCE, PROMETHEUS))
    outside = [rule for rule in rules(objects, ALERTMANAGER, "egress") if "ipBlock" in rule["to"][0]]
    assert [rule["ports"] for rule in outside] == [[{"protocol": "TCP", "port": 443}]]
    assert admits(objects, ALERTMANAGER, "egress", DNS, namespace="kube-system") == DNS_PORTS


def test_prometheus_reaches_the_api_server_behind_its_service_too():
    blocks = [rule for rule in rules(render("monitoring"), PROMETHEUS, "egress") if "ipBlock" in rule["to"][0]]
    assert {port["port"] for rule in blocks for port in rule["ports"]} == {443, 6443, 8443}


def test_services_and_policies_name_ports_that_the_pods_have(rendering):
    names = {
        port["name"]
        for template in pod_templates(rendering).values()
        for container in template["spec"]["containers"]
        for port in container.get("ports", [])
    }
    for item in of_kind(rendering, "Service"):
        for port in item["spec"]["ports"]:
            assert port["name"] and port["targetPort"] in names, title(item)
    for item in of_kind(rendering, "NetworkPolicy"):
        used = {
            port["port"]
            for key in ("ingress", "egress")
            for rule in item["spec"].get(key, [])
            for port in rule.get("ports", [])
        }
        assert {port for port in used if isinstance(port, str)} <= names | {"http"}, title(item)


def test_the_metrics_stay_inside(rendering):
    for item in of_kind(rendering, "Ingress"):
        for rule in item["spec"]["rules"]:
            [service] = backends(item)
            assert {"inference": "/predict", "metrics": "/actuals"}[service] in {
                path["path"] for path in rule["http"]["paths"]
            }, title(item)
            assert all(path["backend"]["service"]["port"] == {"name": "http"} for path in rule["http"]["paths"])
            for secret in ("/metrics", "/events"):
                assert not lets_through(rule, secret), title(item)


def lets_through(rule, path):
    return any(
        path == entry["path"] or entry["pathType"] == "Prefix" and path.startswith(entry["path"].rstrip("/") + "/")
        for entry in rule["http"]["paths"]
    )


def test_the_dashboard_comes_whole_through_its_ingress():
    [rule] = one(render("base+ingress-metrics"), "Ingress", "metrics")["spec"]["rules"]
    folder = REPO / "services/metrics/src/dashboard"
    files = {f"/{path.relative_to(folder).as_posix()}" for path in folder.rglob("*") if path.suffix in (".css", ".js")}
    assert {"/dashboard.css", "/dashboard.js"} <= files
    for path in files | {"/", "/api/state", "/api/stream", "/actuals"}:
        assert lets_through(rule, path), path
