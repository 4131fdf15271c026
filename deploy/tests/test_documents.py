"""The documents beside the manifests: links lead somewhere, commands name what exists, a sentence has its line."""

import re

import pytest
from manifests import DEPLOY, REPO, relative

DOCUMENTS = sorted([*DEPLOY.rglob("*.md"), *(REPO / "docker").glob("*.md")])
GUIDES = sorted([*REPO.glob("*.md"), *(REPO / "docs").glob("*.md"), *(REPO / "loadtest").glob("*.md")])


def prose(text):
    return re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)


def test_there_are_documents():
    assert {"deploy/monitoring/README.md", "deploy/tests/README.md"} <= {relative(path) for path in DOCUMENTS}


@pytest.mark.parametrize("path", DOCUMENTS + GUIDES, ids=relative)
def test_links_lead_somewhere(path):
    targets = re.findall(r"\]\(([^)#\s]+)", prose(path.read_text()))
    lost = [target for target in targets if "://" not in target and not (path.parent / target).exists()]
    assert not lost


@pytest.mark.parametrize("path", DOCUMENTS, ids=relative)
def test_commands_name_what_exists(path):
    text = path.read_text()
    named = set(re.findall(r"\bdeploy/[\w./-]*[\w-]", text)) | set(
        re.findall(r"(?:apply|kustomize|delete|diff) (?:-k )?([\w.-]+/[\w./-]+)", text)
    )
    lost = [
        name
        for name in named
        if not (REPO / name).exists() and name not in ("deploy/inference", "deploy/metrics", "deploy/prometheus", "deploy/grafana")
    ]
    assert not lost


@pytest.mark.parametrize("path", DOCUMENTS, ids=relative)
def test_a_line_has_one_sentence(path):
    lines = [line for line in prose(path.read_text()).splitlines() if not line.startswith(("|", "#"))]
    plain = [re.sub(r"`[^`]*`", "x", line) for line in lines]
    crowded = [line for line, text in zip(lines, plain, strict=True) if re.search(r"[a-z)][.!?] [A-Z]", text)]
    assert not crowded
