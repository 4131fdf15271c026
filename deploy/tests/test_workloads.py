"""The Job, the CronJob, the Deployment and what scales and guards it."""

import pytest
from manifests import canopy_version, job_specs, of_kind, one, quantity, render, seconds, selects


def inference(objects):
    return one(objects, "Deployment", "inference")["spec"]


def metrics(objects):
    return one(objects, "Deployment", "metrics")["spec"]


def autoscaler(objects):
    return one(objects, "HorizontalPodAutoscaler", "inference")["spec"]


def test_the_job_ends_retries_and_cleans_up(canopy):
    spec = one(canopy, "Job", "trainer")["spec"]
    assert spec["template"]["spec"]["restartPolicy"] == "Never"
    assert spec["backoffLimit"] == 3
    assert spec["activeDeadlineSeconds"] == 600
    assert spec["ttlSecondsAfterFinished"] >= 3600, "its log is gone before anybody reads it"


def test_the_job_asks_for_half_a_core_and_half_a_gigabyte(canopy):
    [container] = one(canopy, "Job", "trainer")["spec"]["template"]["spec"]["containers"]
    assert container["args"][:1] == ["fit"]
    assert container["resources"]["requests"] == {"cpu": "500m", "memory": "512Mi"}


def test_the_job_does_not_retry_what_cannot_get_better_and_does_not_count_evictions(canopy):
    evicted, final = one(canopy, "Job", "trainer")["spec"]["podFailurePolicy"]["rules"]
    assert evicted["action"] == "Ignore"
    assert evicted["onPodConditions"] == [{"type": "DisruptionTarget", "status": "True"}]
    assert final["action"] == "FailJob"
    assert final["onExitCodes"] == {"containerName": "trainer", "operator": "In", "values": [2, 3]}


def test_the_cronjob_runs_the_very_same_job(canopy):
    job, cron_job = (job_specs(canopy)[name] for name in ("Job/trainer", "CronJob/trainer"))
    # Of a weekly Job the last three are kept, by the history limits; a time to live would take their logs away.
    assert "ttlSecondsAfterFinished" not in cron_job
    assert cron_job == {key: value for key, value in job.items() if key != "ttlSecondsAfterFinished"}
    labels = one(canopy, "Job", "trainer")["metadata"]["labels"]
    assert one(canopy, "CronJob", "trainer")["spec"]["jobTemplate"]["metadata"]["labels"] == labels


def test_the_cronjob_runs_on_sundays_at_two_one_at_a_time(canopy):
    cron_job = one(canopy, "CronJob", "trainer")
    spec = cron_job["spec"]
    assert spec["schedule"] == "0 2 * * 0"
    assert spec["timeZone"] == "Etc/UTC"
    assert spec["concurrencyPolicy"] == "Forbid"
    assert spec["successfulJobsHistoryLimit"] == spec["failedJobsHistoryLimit"] == 3
    # The e2e run makes its Jobs by hand.
    assert bool(spec.get("suspend")) == (cron_job["metadata"].get("namespace") == "canopy-e2e")


@pytest.mark.parametrize(("name", "port"), [("inference", 8000), ("metrics", 8001)])
def test_probes_ask_the_routes_that_mean_it(canopy, name, port):
    [container] = one(canopy, "Deployment", name)["spec"]["template"]["spec"]["containers"]
    assert container["readinessProbe"]["httpGet"] == {"path": "/ready", "port": "http"}
    assert container["livenessProbe"]["httpGet"] == {"path": "/health", "port": "http"}
    assert container["startupProbe"]["httpGet"] == {"path": "/health", "port": "http"}
    assert container["ports"] == [{"name": "http", "containerPort": port}]


def test_two_metrics_services_never_write_into_one_database(canopy):
    spec = metrics(canopy)
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    # SQLite's write-ahead log does not work over a network file system, which is what gives ReadWriteMany.
    assert one(canopy, "PersistentVolumeClaim", "metrics")["spec"]["accessModes"] == ["ReadWriteOnce"]
    # A budget for one pod would only keep its node from being drained.
    for budget in of_kind(canopy, "PodDisruptionBudget"):
        assert not selects(budget["spec"]["selector"], spec["template"]["metadata"]["labels"])


def test_the_metrics_service_writes_to_its_own_volume_only(canopy):
    [container] = metrics(canopy)["template"]["spec"]["containers"]
    [mount] = [mount for mount in container["volumeMounts"] if not mount.get("readOnly")]
    assert mount == {"name": "data", "mountPath": one(canopy, "ConfigMap", "metrics")["data"]["CANOPY_DATA"]}
    [volume] = [volume for volume in metrics(canopy)["template"]["spec"]["volumes"] if volume["name"] == "data"]
    assert volume["persistentVolumeClaim"] == {"claimName": "metrics"}


def test_an_update_never_takes_a_pod_away_first(canopy):
    spec = inference(canopy)
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    assert spec["minReadySeconds"] > 0


@pytest.mark.parametrize("name", ["inference", "metrics"])
def test_a_pod_has_time_to_drain(canopy, name):
    settings = one(canopy, "ConfigMap", name)["data"]
    drain = seconds(settings["CANOPY_DRAIN_DELAY"]) + seconds(settings["CANOPY_DRAIN_TIMEOUT"])
    assert one(canopy, "Deployment", name)["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > drain


def test_a_request_may_take_as_long_while_the_server_drains(canopy):
    settings = one(canopy, "ConfigMap", "inference")["data"]
    assert seconds(settings["CANOPY_DRAIN_TIMEOUT"]) >= seconds(settings["CANOPY_REQUEST_TIMEOUT"])


def test_the_rollout_waits_longer_than_the_first_training_may_take(canopy):
    deadline = one(canopy, "Job", "trainer")["spec"]["activeDeadlineSeconds"]
    assert inference(canopy)["progressDeadlineSeconds"] > deadline


@pytest.mark.parametrize(("name", "bounds"), [("base", (2, 5)), ("minikube", (2, 5)), ("production", (3, 10))])
def test_the_autoscaler_stays_between(name, bounds):
    spec = autoscaler(render(name))
    assert (spec["minReplicas"], spec["maxReplicas"]) == bounds


def test_the_autoscaler_goes_by_cpu_and_memory_of_the_deployment(canopy):
    spec = autoscaler(canopy)
    assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "inference"}
    targets = {metric["resource"]["name"]: metric["resource"]["target"] for metric in spec["metrics"]}
    assert targets == {
        "cpu": {"type": "Utilization", "averageUtilization": 70},
        "memory": {"type": "Utilization", "averageUtilization": 75},
    }


def test_the_autoscaler_goes_up_quickly_and_down_slowly(canopy):
    behavior = autoscaler(canopy)["behavior"]
    assert behavior["scaleUp"]["policies"] and behavior["scaleDown"]["policies"]
    assert behavior["scaleUp"]["stabilizationWindowSeconds"] < behavior["scaleDown"]["stabilizationWindowSeconds"]


def test_the_deployment_starts_at_the_autoscalers_minimum(canopy):
    assert inference(canopy)["replicas"] == autoscaler(canopy)["minReplicas"]


def test_memory_at_rest_does_not_scale_the_deployment(canopy):
    # 15 MiB at rest (bench/README.md, the static binary), and the bodies that may be held at once.
    settings = one(canopy, "ConfigMap", "inference")["data"]
    [container] = inference(canopy)["template"]["spec"]["containers"]
    assert quantity("10Mi") < 0.75 * quantity(container["resources"]["requests"]["memory"])
    held = quantity(settings["CANOPY_MAX_BODY_MEMORY"]) + quantity("10Mi")
    assert held < quantity(container["resources"]["limits"]["memory"])


def test_a_node_can_be_drained_but_not_all_servers_at_once(canopy):
    spec = one(canopy, "PodDisruptionBudget", "inference")["spec"]
    assert spec["maxUnavailable"] == 1 < autoscaler(canopy)["minReplicas"]
    assert spec["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def test_canopy_has_the_version_of_the_workspace():
    assert canopy_version().count(".") == 2
