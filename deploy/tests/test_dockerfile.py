"""The images: nothing in them but a binary, run by nobody."""

import json
import re

import pytest
from manifests import REPO, containers, pod_templates, render

DOCKERFILE = REPO / "docker/Dockerfile"
LABELS = ["title", "description", "version", "revision", "created", "source", "licenses"]


def instructions():
    """Pairs of instruction and argument, with continued lines joined and comments left out."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    return [tuple(line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


def arguments():
    """ARG → default, of those before the first FROM."""
    found = {}
    for word, rest in instructions():
        if word == "FROM":
            return found
        if word == "ARG":
            name, _, default = rest.partition("=")
            found[name] = default
    return found


def stages():
    """Name → (what it is made from, its own instructions)."""
    found, own = {}, []
    for word, rest in instructions():
        if word == "FROM":
            image, name = re.fullmatch(r"(?:--platform=\S+ )?(\S+) AS (\S+)", rest, re.I).groups()
            for argument, default in arguments().items():
                image = image.replace("${%s}" % argument, default)
            own = []
            found[name] = (image, own)
        else:
            own.append((word, rest))
    return found


def chain(name):
    """The instructions of a stage and of all it is made from, and the image at the bottom."""
    image, own = stages()[name]
    if image not in stages():
        return image, own
    bottom, below = chain(image)
    return bottom, below + own


FINAL = [name for name, (_, own) in stages().items() if any(word == "ENTRYPOINT" for word, _ in own)]


def test_every_image_of_the_manifests_has_a_stage():
    images = {
        container["image"].partition(":")[0]
        for template in pod_templates(render("base")).values()
        for container in containers(template)
    }
    assert images <= {f"canopy-{name}" for name in FINAL}


@pytest.mark.parametrize("name", FINAL)
def test_an_image_is_made_from_nothing(name):
    bottom, _ = chain(name)
    assert bottom == "scratch" or re.match(r"gcr\.io/distroless/static(-debian\d+)?[:@]", bottom)


@pytest.mark.parametrize("name", FINAL)
def test_nothing_runs_in_a_final_stage(name):
    assert not [rest for word, rest in chain(name)[1] if word == "RUN"]


@pytest.mark.parametrize("name", FINAL)
def test_an_image_runs_as_the_manifests_user(name):
    users = [rest for word, rest in chain(name)[1] if word == "USER"]
    assert users and users[-1] in ("65532", "65532:65532")


@pytest.mark.parametrize("name", FINAL)
def test_the_binary_is_started_without_a_shell(name):
    [entrypoint] = [rest for word, rest in chain(name)[1] if word == "ENTRYPOINT"]
    [binary] = json.loads(entrypoint)
    assert binary.endswith(f"/canopy-{name}")
    for word, rest in chain(name)[1]:
        if word == "CMD":
            assert isinstance(json.loads(rest), list)


@pytest.mark.parametrize("name", FINAL)
def test_an_image_says_what_it_is(name):
    text = " ".join(rest for word, rest in chain(name)[1] if word == "LABEL")
    absent = [label for label in LABELS if f"org.opencontainers.image.{label}=" not in text]
    assert not absent
    assert f'org.opencontainers.image.title="canopy-{name}"' in text


@pytest.mark.parametrize("name", ["inference", "metrics"])
def test_a_server_exposes_the_port_of_its_container(name):
    template = pod_templates(render("base"))[f"Deployment/{name}"]
    [port] = template["spec"]["containers"][0]["ports"]
    assert ("EXPOSE", str(port["containerPort"])) in chain(name)[1]


def test_the_builder_is_the_toolchain_of_the_workspace():
    channel = re.search(r'^channel = "(.+)"', (REPO / "rust-toolchain.toml").read_text(), re.M).group(1)
    builders = {image.removeprefix("docker.io/library/") for image, _ in stages().values() if "rust:" in image}
    assert builders
    for image in builders:
        assert re.match(re.escape(f"rust:{channel}-"), image), image


def test_every_image_from_elsewhere_is_pinned():
    for image, _ in stages().values():
        if image != "scratch" and image not in stages():
            assert re.search(r":\d+\.\d+|@sha256:", image), image


def test_nothing_is_fetched_but_by_cargo():
    for _, own in stages().values():
        assert not [rest for word, rest in own if word == "ADD" or re.search(r"\b(curl|wget)\b", rest)]
