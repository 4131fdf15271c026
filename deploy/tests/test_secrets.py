"""No secret is in the repository, and none in what is applied."""

import re

import pytest
from manifests import DEPLOY, documents, git_files, of_kind, pod_templates, relative, render

EXAMPLES = sorted(DEPLOY.rglob("*secret.example.yaml"))

# What real credentials look like.
CREDENTIALS = {
    "a private key": re.compile(rb"-----BEGIN (RSA |EC |OPENSSH |ENCRYPTED )?PRIVATE KEY-----\s+[A-Za-z0-9+/]{40}"),
    "an AWS key": re.compile(rb"\b(AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a token of GitHub": re.compile(rb"\b(gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{40})"),
    "a token of Slack": re.compile(rb"\bxox[abprs]-[A-Za-z0-9-]{20}"),
}

# The key of AWS's own documentation.
KNOWN = {b"AKIAIOSFODNN7EXAMPLE"}


def test_nothing_that_is_applied_is_a_secret(rendering):
    assert not of_kind(rendering, "Secret")


@pytest.mark.parametrize("path", EXAMPLES, ids=relative)
def test_an_example_has_placeholders_for_values(path):
    for item in documents(path):
        assert item["kind"] == "Secret" and "data" not in item
        for key, value in item["stringData"].items():
            assert "REPLACE_WITH" in value, f"{key} looks like a value"


def test_every_secret_that_a_pod_needs_has_an_example():
    examples = {item["metadata"]["name"] for path in EXAMPLES for item in documents(path)}
    for name, template in pod_templates(render("base+monitoring")).items():
        needed = {
            volume["secret"]["secretName"] for volume in template["spec"].get("volumes", []) if "secret" in volume
        }
        for container in template["spec"]["containers"]:
            refs = [entry["secretRef"] for entry in container.get("envFrom", []) if "secretRef" in entry]
            needed |= {ref["name"] for ref in refs if not ref.get("optional")}
        assert needed <= examples, name


def test_no_credential_is_in_the_repository():
    found = []
    for path in git_files():
        content = path.read_bytes()
        found += [
            f"{relative(path)}: {what}"
            for what, pattern in CREDENTIALS.items()
            for match in pattern.finditer(content)
            if match.group() not in KNOWN
        ]
    assert not found


def test_no_manifest_has_a_digest_that_could_be_a_keys():
    # A line of the API keys file is a name and 64 hexadecimal digits.
    for path in DEPLOY.rglob("*.yaml"):
        assert not re.search(r"\b[0-9a-f]{64}\b", re.sub(r"@sha256:[0-9a-f]{64}", "", path.read_text())), relative(path)
