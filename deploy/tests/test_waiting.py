"""What the scripts say while they wait, of what pods say: a line for each container, as `pods` in lib-wait.sh writes it."""

import subprocess

from manifests import DEPLOY

# Pods are written down here, where `pods` would ask a cluster for them.
SCRIPT = 'source "$1"; pods() { printf "%s\\n" "$LINES_OF_PODS"; }; wait_start=0 SECONDS=5; find_obstacles selector; printf %s "$obstacles"'


def obstacles(*lines):
    command = ["bash", "-euo", "pipefail", "-c", SCRIPT, "bash", DEPLOY / "scripts/lib-wait.sh"]
    environment = {"PATH": "/usr/bin:/bin", "LINES_OF_PODS": "\n".join(lines), "KUBECTL": "false"}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, ""), ran
    return ran.stdout.splitlines()


def test_a_pod_that_has_a_node_and_no_container_yet_is_waited_for():
    assert obstacles("inference-1|Pending||||||||||") == []


def test_a_container_of_the_first_seconds_is_only_young():
    assert obstacles("metrics-1|Running|||metrics|false|0|canopy-metrics:0.1.0||||") == []


def test_an_image_that_is_not_there_is_named_with_what_to_do():
    line = "metrics-1|Pending|||metrics|false|0|canopy-metrics:0.1.0|ErrImageNeverPull|||"
    (obstacle,) = obstacles(line)
    assert obstacle == (
        "hard|pod metrics-1: image canopy-metrics:0.1.0 is not on the node: make images (kind: kind load docker-image canopy-metrics:0.1.0)"
    )


def test_a_pod_without_a_node_says_why():
    line = 'inference-1|Pending||Unschedulable||||||||"0/1 nodes are available: 1 Insufficient cpu."'
    (obstacle,) = obstacles(line)
    assert obstacle == "soft|pod inference-1 finds no node: 0/1 nodes are available: 1 Insufficient cpu."


def test_what_ran_out_of_memory_says_which_limit():
    line = "trainer-1|Running|||trainer|false|2|canopy-trainer:0.1.0|CrashLoopBackOff|OOMKilled|137|"
    (obstacle,) = obstacles(line)
    assert obstacle == "hard|pod trainer-1 ran out of memory (OOMKilled, 2 restarts): raise resources.limits.memory of container trainer"
