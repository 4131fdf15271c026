"""Every query of every rule and dashboard returns data, from a real Prometheus that scrapes real servers under traffic.

Only Kubernetes' own exporters have no real source here: `kubernetes.prom` stands in for them.
"""

import json
import math
import time
import urllib.parse

import pytest
from fleet import Fleet, ask, missing_programs
from promql import filled, panels, rules, selectors, variables

# How long traffic may take until a query has its data; scrapes and rules come each second.
PATIENCE_SECONDS = 120

# What people choose at the top of a dashboard.
CHOSEN = {"namespace": "canopy", "model": "diamonds", "version": "1", "window": "1h", "feature": "carat"}
VALUES = CHOSEN | {"__rate_interval": "1m"}


@pytest.fixture(scope="session")
def fleet(tmp_path_factory):
    assert not missing_programs(), "deploy/scripts/check-queries.sh builds and names what is needed"
    with Fleet(tmp_path_factory.mktemp("fleet")) as fleet:
        yield fleet


@pytest.fixture(scope="session")
def prometheus(fleet):
    def get(path, **parameters):
        query = urllib.parse.urlencode(parameters, doseq=True)
        status, body = ask(f"{fleet.url('prometheus')}/api/v1/{path}?{query}")
        answer = json.loads(body)
        assert status == 200 and answer["status"] == "success", answer.get("error")
        return answer["data"]

    return get


@pytest.fixture(scope="session")
def deadline(fleet):
    return time.monotonic() + PATIENCE_SECONDS


@pytest.fixture
def returns_data(prometheus, deadline):
    """Asks until there is data, or until the time is over that all queries have together."""

    def eventually(expr):
        while not has_data(prometheus("query", query=expr)):
            assert time.monotonic() < deadline, f"no data for {expr}"
            time.sleep(0.5)

    return eventually


def has_data(data):
    return any(not math.isnan(float(sample["value"][1])) for sample in data["result"])


def test_the_selectors_of_an_expression_are_found():
    expr = 'sum by (pod) (rate(a_total{x="}",y=~"(b|c)"}[5m])) / on (pod) group_left () b > 14.4 * 1e3 or c:d{} unless e'
    assert selectors(expr) == ['a_total{x="}",y=~"(b|c)"}', "b", "c:d{}", "e"]


@pytest.mark.parametrize(("where", "expr"), [*panels()])
def test_a_panel_shows_something(returns_data, where, expr):
    returns_data(filled(expr, VALUES))


@pytest.mark.parametrize(("where", "selector", "label"), [*variables()])
def test_a_variable_offers_what_the_others_tests_choose(prometheus, deadline, where, selector, label):
    name = where.split("$")[1]
    while CHOSEN[name] not in prometheus(f"label/{label}/values", **{"match[]": filled(selector, VALUES)}):
        assert time.monotonic() < deadline, where
        time.sleep(0.5)


@pytest.mark.parametrize("name", [rule["record"] for _, rule in rules() if "record" in rule])
def test_what_is_recorded_has_samples(returns_data, name):
    returns_data(name)


# Whether an alert fires is what its unit tests say; here each series that it asks for exists, with those labels.
@pytest.mark.parametrize(
    ("name", "selector"),
    sorted({(rule["alert"], selector) for _, rule in rules() if "alert" in rule for selector in selectors(rule["expr"])}),
)
def test_an_alert_asks_for_series_that_exist(returns_data, name, selector):
    returns_data(selector)


def test_prometheus_evaluates_every_rule_without_an_error(prometheus, deadline):
    wanted = {rule.get("alert") or rule["record"] for _, rule in rules()}
    while True:
        found = [rule for group in prometheus("rules")["groups"] for rule in group["rules"]]
        if all(rule["health"] != "unknown" for rule in found):
            break
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert {rule["name"] for rule in found} == wanted
    assert {rule["name"]: rule["lastError"] for rule in found if rule["health"] != "ok"} == {}


def test_an_alert_fires_with_the_words_that_it_has(prometheus, deadline):
    # The stand-in has a Job that failed a quarter of an hour ago.
    while not (found := [a for a in prometheus("alerts")["alerts"] if a["labels"]["alertname"] == "CanopyTrainingFailed"]):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert "Job trainer-29402760 in namespace canopy failed" in found[0]["annotations"]["description"]
