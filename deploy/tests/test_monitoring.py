"""Prometheus finds the servers, Grafana finds Prometheus, and its dashboards are complete."""

import json
import re

import pytest
import yaml
from manifests import (
    MONITORING,
    NAME,
    documents,
    load,
    of_kind,
    one,
    pod_templates,
    quantity,
    relative,
    render,
    selects,
)

CONFIG = MONITORING / "prometheus/prometheus.yml"
RULES = sorted((MONITORING / "prometheus/rules").glob("*.y*ml"))
DASHBOARDS = sorted((MONITORING / "grafana/dashboards").glob("*.json"))


def panels(dashboard):
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", [])


def dashboard_expressions():
    return [
        (path, target["expr"])
        for path in DASHBOARDS
        for panel in panels(json.loads(path.read_text()))
        for target in panel.get("targets", [])
    ]


def scraped(template):
    """The container ports that the scrape configuration `canopy` keeps, as its relabelling says."""
    [job] = [job for job in load(CONFIG)["scrape_configs"] if job["job_name"] == "canopy"]
    key, value = job["kubernetes_sd_configs"][0]["selectors"][0]["label"].split("=")
    if template["metadata"]["labels"].get(key) != value:
        return []
    [keep] = [rule for rule in job["relabel_configs"] if rule.get("action") == "keep"]
    assert keep["source_labels"] == ["__meta_kubernetes_pod_container_port_name"]
    ports = [port for container in template["spec"]["containers"] for port in container.get("ports", [])]
    return [port["name"] for port in ports if re.fullmatch(keep["regex"], port["name"])]


def test_prometheus_takes_its_configuration(promtool, tmp_path):
    done = promtool("check", "config", CONFIG)
    if "kubernetes_sd_configs not found" in done.stderr:
        # Debian builds Prometheus 2 without discovery in Kubernetes: then the rest is checked without it.
        config = load(CONFIG)
        for job in config["scrape_configs"]:
            job.pop("kubernetes_sd_configs", None)
        (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
        done = promtool("check", "config", tmp_path / "prometheus.yml")
    assert done.returncode == 0, done.stderr


def test_the_discovery_has_the_fields_that_prometheus_knows():
    # https://prometheus.io/docs/prometheus/latest/configuration/configuration/#kubernetes_sd_config
    found = [discovery for job in load(CONFIG)["scrape_configs"] for discovery in job.get("kubernetes_sd_configs", [])]
    assert found == [
        {
            "role": "pod",
            "namespaces": {"own_namespace": True},
            "selectors": [{"role": "pod", "label": "app.kubernetes.io/name=canopy"}],
        }
    ]


def test_prometheus_can_read_every_expression_of_the_dashboards(promtool, tmp_path):
    expressions = [
        expr.replace("$__rate_interval", "1m") for _, expr in dashboard_expressions()
    ]
    rules = [{"record": f"panel:{number}", "expr": expr} for number, expr in enumerate(expressions)]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "dashboards", "rules": rules}]}))
    done = promtool("check", "rules", tmp_path / "rules.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_file_and_dashboard_is_applied():
    objects = render("monitoring")
    for name, files in (("prometheus-rules", RULES), ("grafana-dashboards", DASHBOARDS)):
        [found] = [item for item in of_kind(objects, "ConfigMap") if item["metadata"]["name"].startswith(f"{name}-")]
        assert set(found.get("data") or {}) == {path.name for path in files}


def test_every_server_is_scraped_once_and_the_trainer_never():
    for name, template in pod_templates(render("base+monitoring")).items():
        server = name.startswith("Deployment/") and template["metadata"]["labels"][NAME] == "canopy"
        assert scraped(template) == (["http"] if server else []), name


def test_prometheus_looks_at_its_own_namespace_only_and_may_do_no_more():
    [job] = [job for job in load(CONFIG)["scrape_configs"] if job["job_name"] == "canopy"]
    [discovery] = job["kubernetes_sd_configs"]
    assert discovery["namespaces"] == {"own_namespace": True}
    objects = render("monitoring")
    assert not of_kind(objects, "ClusterRole", "ClusterRoleBinding")
    [rule] = one(objects, "Role", "prometheus")["rules"]
    assert rule == {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}
    [subject] = one(objects, "RoleBinding", "prometheus")["subjects"]
    assert subject == {"kind": "ServiceAccount", "name": "prometheus", "namespace": "canopy"}


def test_no_label_of_a_target_hides_a_label_of_the_series():
    labels = {
        rule.get("target_label") for job in load(CONFIG)["scrape_configs"] for rule in job.get("relabel_configs", [])
    }
    # Prometheus would rename the series' own label to exported_…, and no dashboard would find it.
    assert not labels & {
        "version",
        "model",
        "estimator",
        "route",
        "method",
        "status",
        "code",
        "outcome",
        "feature",
        "kind",
    }


def test_what_prometheus_keeps_fits_onto_its_volume():
    objects = render("monitoring")
    [container] = one(objects, "Deployment", "prometheus")["spec"]["template"]["spec"]["containers"]
    flags = dict(argument.removeprefix("--").split("=", 1) for argument in container["args"])
    assert flags["config.file"] == "/etc/prometheus/prometheus.yml"
    assert flags["storage.tsdb.retention.time"].endswith("d")
    storage = one(objects, "PersistentVolumeClaim", "prometheus")["spec"]["resources"]["requests"]["storage"]
    assert quantity(flags["storage.tsdb.retention.size"]) <= 0.85 * quantity(storage)
    assert {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")} == {
        flags["storage.tsdb.path"]
    }


def test_two_processes_never_write_into_prometheus_volume():
    spec = one(render("monitoring"), "Deployment", "prometheus")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


def test_rules_are_read_from_where_they_are_mounted():
    [container] = one(render("monitoring"), "Deployment", "prometheus")["spec"]["template"]["spec"]["containers"]
    [mount] = [mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == "rules"]
    assert load(CONFIG)["rule_files"] == [f"{mount}/*.yml"]


def test_grafana_lets_nobody_in_without_the_password_of_its_secret():
    objects = render("monitoring")
    settings = one(objects, "ConfigMap", "grafana")["data"]
    assert settings["GF_AUTH_ANONYMOUS_ENABLED"] == settings["GF_USERS_ALLOW_SIGN_UP"] == "false"
    assert not {"GF_SECURITY_ADMIN_PASSWORD", "GF_SECURITY_SECRET_KEY"} & set(settings)
    spec = one(objects, "Deployment", "grafana")["spec"]["template"]["spec"]
    [secret] = [volume["secret"]["secretName"] for volume in spec["volumes"] if "secret" in volume]
    [mount] = [mount["mountPath"] for mount in spec["containers"][0]["volumeMounts"] if mount["name"] == "admin"]
    [example] = documents(MONITORING / "grafana/secret.example.yaml")
    assert example["metadata"]["name"] == secret
    files = {settings["GF_SECURITY_ADMIN_USER__FILE"], settings["GF_SECURITY_ADMIN_PASSWORD__FILE"]}
    assert files == {f"{mount}/{key}" for key in example["stringData"]}


def test_grafana_sends_nothing_out():
    settings = one(render("monitoring"), "ConfigMap", "grafana")["data"]
    for key in ("REPORTING_ENABLED", "CHECK_FOR_UPDATES", "CHECK_FOR_PLUGIN_UPDATES"):
        assert settings[f"GF_ANALYTICS_{key}"] == "false"


def test_grafana_finds_prometheus_and_its_dashboards_find_grafanas_data_source():
    objects = render("monitoring")
    [source] = load(MONITORING / "grafana/provisioning/datasources.yaml")["datasources"]
    service = one(objects, "Service", "prometheus")
    assert source["url"] == f"http://{service['metadata']['name']}:{service['spec']['ports'][0]['port']}"
    for path in DASHBOARDS:
        dashboard = json.loads(path.read_text())
        uses = {panel["datasource"]["uid"] for panel in panels(dashboard) if panel["type"] != "row"}
        uses |= {target["datasource"]["uid"] for panel in panels(dashboard) for target in panel.get("targets", [])}
        assert uses == {source["uid"]}, relative(path)


def test_grafana_reads_dashboards_from_where_they_are_mounted():
    [provider] = load(MONITORING / "grafana/provisioning/dashboards.yaml")["providers"]
    [container] = one(render("monitoring"), "Deployment", "grafana")["spec"]["template"]["spec"]["containers"]
    assert provider["options"]["path"] in {
        mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == "dashboards"
    }
    home = one(render("monitoring"), "ConfigMap", "grafana")["data"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home in {f"{provider['options']['path']}/{path.name}" for path in DASHBOARDS}


@pytest.mark.parametrize("path", DASHBOARDS, ids=relative)
def test_a_dashboard_is_complete(path):
    dashboard = json.loads(path.read_text())
    assert dashboard["uid"] and dashboard["title"]
    ids = [panel["id"] for panel in panels(dashboard)]
    assert len(ids) == len(set(ids))
    for panel in panels(dashboard):
        assert panel["title"], panel["id"]
        assert panel["type"] == "row" or (panel["description"] and panel["targets"]), panel["title"]


@pytest.mark.parametrize("path", DASHBOARDS, ids=relative)
def test_no_panel_lies_over_another(path):
    taken = set()
    for panel in panels(json.loads(path.read_text())):
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken and place["x"] + place["w"] <= 24, panel["title"]
        taken |= cells


@pytest.mark.parametrize("path", DASHBOARDS, ids=relative)
def test_every_variable_that_a_panel_asks_for_is_offered(path):
    dashboard = json.loads(path.read_text())
    offered = {variable["name"] for variable in dashboard["templating"]["list"]} | {"__rate_interval"}
    asked = set(re.findall(r"\$(\w+)", json.dumps(dashboard["panels"]) + json.dumps(dashboard["templating"])))
    assert asked - {"__all"} <= offered


def test_no_two_dashboards_have_one_uid():
    uids = [json.loads(path.read_text())["uid"] for path in DASHBOARDS]
    assert len(uids) == len(set(uids))


def test_the_operator_scrapes_each_server_once():
    objects = render("base+monitoring/operator")
    for items in (of_kind(objects, "PodMonitor"), documents(MONITORING / "operator/servicemonitor.yaml")):
        found = [
            name
            for item in items
            for name, template in pod_templates(objects).items()
            if name.startswith("Deployment/") and selects(item["spec"]["selector"], template["metadata"]["labels"])
        ]
        assert sorted(found) == sorted(name for name in pod_templates(objects) if name.startswith("Deployment/"))
        for item in items:
            [endpoint] = item["spec"].get("podMetricsEndpoints") or item["spec"]["endpoints"]
            assert (endpoint["port"], endpoint["path"]) == ("http", "/metrics")


def test_the_operator_scrapes_no_server_through_two_services():
    services = of_kind(render("base+monitoring/operator"), "Service")
    for item in documents(MONITORING / "operator/servicemonitor.yaml"):
        found = [other for other in services if selects(item["spec"]["selector"], other["metadata"]["labels"])]
        assert found == [one(services, "Service", item["metadata"]["name"])]
