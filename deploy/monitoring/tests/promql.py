"""The queries of rules and dashboards, and the series that they name."""

import json
import re

from manifests import MONITORING, load, relative

RULES = sorted((MONITORING / "prometheus/rules").glob("*.yml"))
DASHBOARDS = sorted((MONITORING / "grafana/dashboards").glob("*.json"))

STRING = r'"(?:[^"\\]|\\.)*"'
MATCHERS = rf"\{{(?:[^}}\"]|{STRING})*\}}"
GROUPING = r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)"
WORDS = {"and", "or", "unless", "bool", "offset", "inf", "nan"}


def selectors(expr):
    """Every series that an expression names, with the labels that it asks for."""
    found = re.finditer(
        rf"\[[^\]]*\]|{STRING}|(?<![\w:])[\d.]+\w*"  # ranges, texts and numbers have letters, too
        rf"|(?P<name>[a-zA-Z_:][\w:]*)\s*(?P<call>\()?(?P<matchers>{MATCHERS})?",
        re.sub(GROUPING, " ", expr),
    )
    return [
        f"{match['name']}{match['matchers'] or ''}"
        for match in found
        if match["name"] and not match["call"] and match["name"].lower() not in WORDS
    ]


def rules():
    """Every rule, with its file."""
    return [(relative(path), rule) for path in RULES for group in load(path)["groups"] for rule in group["rules"]]


def panels():
    """Every query of every panel: where it stands, and the query."""
    for path in DASHBOARDS:
        dashboard = json.loads(path.read_text())
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                yield f"{path.name}: {panel['title']} {target['refId']}", target["expr"]


def variables():
    """Every template variable: where it stands, the selector and the label whose values it offers."""
    for path in DASHBOARDS:
        for variable in json.loads(path.read_text())["templating"]["list"]:
            query = variable["query"]["query"]
            selector, label = re.fullmatch(r"label_values\((.+), (\w+)\)", query).groups()
            yield f"{path.name}: ${variable['name']}", selector, label


def filled(expr, values):
    """An expression as Grafana sends it: `$name` replaced by its value."""
    return re.sub(r"\$(\w+)", lambda match: values[match[1]], expr)
