"""What every pod may do: as little as it needs, and never without limits."""

from manifests import containers, of_kind, pod_templates, title

# Images whose user is another than ours, each with its reason.
OTHER_USERS = {
    "prometheus": 65534,  # the user that prom/prometheus is built for
    "alertmanager": 65534,  # the user that prom/alertmanager is built for
    "grafana": 472,  # the user that grafana/grafana is built for
}
OUR_USER = 65532

# Accounts whose pods get a token, each with its reason.
TOKENS = {"prometheus"}  # it asks the API server for the pods to scrape

VOLUMES = {"persistentVolumeClaim", "emptyDir", "configMap", "secret"}


def test_nothing_runs_as_root_and_everything_as_its_own_user(rendering):
    for name, template in pod_templates(rendering).items():
        context = template["spec"]["securityContext"]
        user = OTHER_USERS.get(template["spec"]["serviceAccountName"], OUR_USER)
        assert context["runAsNonRoot"] is True, name
        assert [context["runAsUser"], context["runAsGroup"], context["fsGroup"]] == [user] * 3, name
        for container in containers(template):
            assert "runAsUser" not in container["securityContext"], name
            assert container["securityContext"].get("runAsNonRoot", True), name


def test_every_container_is_held_to_the_restricted_level_and_cannot_write_to_its_image(rendering):
    for name, template in pod_templates(rendering).items():
        assert template["spec"]["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in containers(template):
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"] is True, name
            assert context["allowPrivilegeEscalation"] is False, name
            assert context["capabilities"] == {"drop": ["ALL"]}, name
            assert not context.get("privileged"), name


def test_no_pod_sees_its_node(rendering):
    for name, template in pod_templates(rendering).items():
        spec = template["spec"]
        assert not any(spec.get(field) for field in ("hostNetwork", "hostPID", "hostIPC")), name
        assert not any(
            "hostPort" in port for container in containers(template) for port in container.get("ports", [])
        ), name
        for volume in spec.get("volumes", []):
            assert set(volume) - {"name"} <= VOLUMES, f"{name}: {volume}"


def test_a_temporary_volume_has_a_size(rendering):
    for name, template in pod_templates(rendering).items():
        for volume in template["spec"].get("volumes", []):
            assert "sizeLimit" in volume.get("emptyDir", {"sizeLimit": "0"}), f"{name}: {volume['name']}"


def test_only_a_pod_that_needs_it_gets_a_token(rendering):
    for name, template in pod_templates(rendering).items():
        expected = template["spec"]["serviceAccountName"] in TOKENS
        assert template["spec"]["automountServiceAccountToken"] is expected, name
    for account in of_kind(rendering, "ServiceAccount"):
        assert account["automountServiceAccountToken"] is False, title(account)


def test_no_pod_runs_under_the_default_account(rendering):
    for name, template in pod_templates(rendering).items():
        assert template["spec"]["serviceAccountName"] != "default", name


def test_services_are_not_injected_as_variables(rendering):
    for name, template in pod_templates(rendering).items():
        assert template["spec"]["enableServiceLinks"] is False, name


def test_every_container_requests_cpu_and_memory_and_is_limited_in_memory(rendering):
    for name, template in pod_templates(rendering).items():
        for container in containers(template):
            resources = container["resources"]
            assert {"cpu", "memory"} <= set(resources["requests"]), name
            assert "memory" in resources["limits"], name


def test_every_port_has_a_name_and_probes_use_it(rendering):
    for name, template in pod_templates(rendering).items():
        for container in containers(template):
            names = {port["name"] for port in container.get("ports", [])}
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                assert container.get(probe, {"httpGet": {"port": next(iter(names), None)}})["httpGet"][
                    "port"
                ] in names | {None}, f"{name}: {probe}"


def test_every_server_is_probed_at_start_for_readiness_and_for_life(rendering):
    for item in of_kind(rendering, "Deployment"):
        for container in item["spec"]["template"]["spec"]["containers"]:
            assert container["readinessProbe"]["periodSeconds"] == 5, title(item)
            assert container["livenessProbe"]["periodSeconds"] == 10, title(item)
            startup = container["startupProbe"]
            assert startup["periodSeconds"] * startup["failureThreshold"] >= 30, title(item)
            assert container["ports"], title(item)


def test_only_the_trainer_can_write_to_the_registry(canopy):
    writers = set()
    for name, template in pod_templates(canopy).items():
        claims = {
            volume["name"]
            for volume in template["spec"].get("volumes", [])
            if volume.get("persistentVolumeClaim", {}).get("claimName") == "models"
        }
        for container in containers(template):
            if any(
                mount["name"] in claims and not mount.get("readOnly") for mount in container.get("volumeMounts", [])
            ):
                writers.add(name)
    assert writers == {"Job/trainer", "CronJob/trainer"}
