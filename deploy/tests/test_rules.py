"""Prometheus' rules: alerts fire when they should and stay silent when not, and lead to a section of the RUNBOOK."""

import concurrent.futures
import re

import pytest
import yaml
from chart import at, render
from manifests import MONITORING, REPO, load, relative

FOLDER = MONITORING / "prometheus/rules"
FILES = sorted(FOLDER.glob("*.yml"))
TESTS = sorted((FOLDER / "tests").glob("*.yml"))
GROUPS = [group for path in FILES for group in load(path)["groups"]]
RULES = [rule for group in GROUPS for rule in group["rules"]]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
BASE = "{{ $externalLabels.canopy_docs }}"


@pytest.fixture(scope="session")
def outcomes(promtool):
    """What `promtool test rules` says of each file of tests; two at once, as some take seconds."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        return dict(zip(TESTS, pool.map(lambda path: promtool("test", "rules", path), TESTS), strict=True))


def checks():
    """Every check of every test: the alert's name, and what is expected to fire."""
    return [
        (check["alertname"], check["exp_alerts"])
        for path in TESTS
        for test in load(path)["tests"]
        for check in test["alert_rule_test"]
    ]


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_prometheus_takes_the_rules(promtool, path):
    done = promtool("check", "rules", path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", TESTS, ids=relative)
def test_alerts_fire_and_are_silent_as_their_tests_say(outcomes, path):
    done = outcomes[path]
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_seen_to_fire_and_to_be_silent():
    fires = {name for name, expected in checks() if expected}
    silent = {name for name, expected in checks() if not expected}
    assert (fires, silent) == (set(ALERTS), set(ALERTS))


def test_a_rule_that_says_something_else_fails_its_tests(promtool, tmp_path):
    (tmp_path / "tests").mkdir()
    rules = (FOLDER / "servers.yml").read_text()
    assert "outcome=\"refused\"" in rules
    (tmp_path / "servers.yml").write_text(rules.replace("outcome=\"refused\"", "outcome=\"loaded\""))
    (tmp_path / "tests/servers.yml").write_text((FOLDER / "tests/servers.yml").read_text())
    done = promtool("test", "rules", tmp_path / "tests/servers.yml")
    assert done.returncode != 0 and "CanopyVersionRefused" in done.stdout + done.stderr


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_what_it_is_about_and_how_urgent_it_is(name):
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert rule["labels"]["topic"] in {path.stem for path in FILES}
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    # Which one of several it is: without it a person has to ask Prometheus.
    assert "$labels." in rule["annotations"]["description"]


def anchors(text):
    """The anchors of a document's titles, as repositories on the web make them."""
    titles = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_leads_to_a_section_of_the_runbook(name):
    url = ALERTS[name]["annotations"]["runbook_url"]
    file, anchor = url.removeprefix(BASE).split("#")
    assert url.startswith(BASE) and anchor in anchors((REPO / file).read_text()), url


def test_the_runbooks_table_of_alerts_has_every_alert_and_its_section():
    rows = re.findall(r"^\| `(Canopy\w+)` \| (\w+) \| .*\(#([\w-]+)\)", (REPO / "RUNBOOK.md").read_text(), re.M)
    told = {name: (severity, anchor) for name, severity, anchor in rows}
    assert told == {
        name: (rule["labels"]["severity"], rule["annotations"]["runbook_url"].split("#")[1])
        for name, rule in ALERTS.items()
    }


def test_no_alert_and_no_record_is_there_twice():
    names = [rule.get("alert") or rule["record"] for rule in RULES]
    assert len(names) == len(set(names))


def test_the_operator_gets_the_same_rules():
    assert load(MONITORING / "operator/prometheusrule.yaml")["spec"]["groups"] == GROUPS


def test_the_chart_gets_the_same_rules():
    assert chart_groups() == GROUPS


def test_the_chart_leaves_out_what_it_is_told_to_and_says_where_the_runbook_is():
    left_out = chart_groups(disabled=["CanopyReplicasMissing"])
    assert alerts(GROUPS) - alerts(left_out) == {"CanopyReplicasMissing"}
    text = yaml.safe_dump(chart_groups(docs="https://git.example.com/canopy/"))
    assert BASE not in text and "https://git.example.com/canopy/RUNBOOK.md#no-server-is-ready" in text


def alerts(groups):
    return {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}


def chart_groups(**settings):
    objects = render(at("monitoring.prometheusRule", {"enabled": True, **settings}))
    [found] = [item for item in objects if item["kind"] == "PrometheusRule"]
    return found["spec"]["groups"]
