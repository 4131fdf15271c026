"""Which renderings a test runs on, by the names of its arguments."""

import concurrent.futures
import os
import shutil
import subprocess

import manifests
import pytest


def pytest_generate_tests(metafunc):
    # `rendering`: everything that can be applied. `canopy`: those of them with the whole of Canopy.
    for argument, without in (("rendering", set()), ("canopy", manifests.ADDITIONS)):
        if argument in metafunc.fixturenames:
            metafunc.parametrize(
                argument, [name for name in manifests.renderings() if name not in without], indirect=True
            )


@pytest.fixture(scope="session", autouse=True)
def _rendered():
    """Renders everything at once: `kubectl` starts slowly, and each test would wait for it in turn."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=4) as pool:
        for future in [pool.submit(manifests.render, name) for name in manifests.renderings()]:
            future.exception()  # the test of this rendering says what is wrong


@pytest.fixture(scope="session")
def promtool():
    found = shutil.which("promtool")
    if not found:
        assert os.environ.get("CI") != "true", "promtool is missing: it is in Debian's and Ubuntu's package prometheus"
        pytest.skip("promtool is missing; CI has it")
    return lambda *arguments: subprocess.run([found, *arguments], capture_output=True, text=True)


@pytest.fixture
def rendering(request):
    return manifests.render(request.param)


@pytest.fixture
def canopy(request):
    return manifests.render(request.param)


@pytest.fixture
def base():
    return manifests.render("base")


@pytest.fixture
def minikube():
    return manifests.render("minikube")


@pytest.fixture
def production():
    return manifests.render("production")
