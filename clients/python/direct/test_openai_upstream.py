"""openai-python's own tests of the resources that we serve, from the source of the version that is installed.

They name OpenAI's models, which are aliases here, and as the project's conftest has it they run with a loose, a strict
and, asynchronously, an aiohttp client, which is strict too.
"""

import importlib.metadata
import os
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree

import pytest
from serving import MODEL, Server

# `DELETE /v1/models/{id}` is for models that somebody fine-tuned at OpenAI.
SUITES = {"test_embeddings.py": "", "test_moderations.py": "", "test_models.py": "not delete"}


@pytest.fixture(scope="module")
def source() -> pathlib.Path:
    folder = os.environ.get("POLYSIGHT_OPENAI_SOURCE")
    assert folder, "POLYSIGHT_OPENAI_SOURCE names no folder; clients/run downloads the source of openai-python"
    return pathlib.Path(folder, f"openai-{importlib.metadata.version('openai')}")


@pytest.fixture(scope="module")
def server(source):
    """A server with an alias for each model that the tests name."""
    names = set()
    for suite in SUITES:
        text = (source / "tests/api_resources" / suite).read_text()
        names.update(re.findall(r'(?:model=|retrieve\(\s*)"([^"]+)"', text))
    assert "text-embedding-3-small" in names
    arguments = [argument for name in sorted(names) for argument in ("--alias", f"{name}={MODEL}")]
    with Server(*arguments) as server:
        yield server


def outcomes(source: pathlib.Path, server: Server, suite: str, tmp_path: pathlib.Path) -> dict[str, str]:
    """What was wrong with each test; nothing with those that passed."""
    report = tmp_path / "report.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "addopts=", f"--junitxml={report}"]
    selection = ["-k", SUITES[suite], f"tests/api_resources/{suite}"]
    environment = {**os.environ, "TEST_API_BASE_URL": server.v1}
    run = subprocess.run(
        command + selection, cwd=source, env=environment, capture_output=True, text=True, check=False
    )
    assert report.exists(), run.stdout + run.stderr
    cases = xml.etree.ElementTree.parse(report).iter("testcase")
    return {
        f"{case.get('classname')}::{case.get('name')}": "".join(problem.get("message", "") for problem in case)
        for case in cases
    }


@pytest.mark.parametrize("suite", ["test_moderations.py", "test_models.py"])
def test_the_tests_of_moderations_and_models_pass(source, server, suite, tmp_path):
    found = outcomes(source, server, suite, tmp_path)
    assert len(found) >= 20 and set(found.values()) == {""}, found


def test_the_tests_of_embeddings_pass_where_the_client_can_read_what_it_asks_for(source, server, tmp_path):
    found = outcomes(source, server, "test_embeddings.py", tmp_path)
    assert len(found) >= 20
    # A strict client that was given no format asks for base64 and then refuses every text that is not a list.
    unreadable = {name for name in found if "[loose]" not in name and "all_params" not in name}
    assert 0 < len(unreadable) < len(found) / 2
    for name, problem in found.items():
        expected = "APIResponseValidationError" if name in unreadable else ""
        assert (expected in problem) if expected else problem == "", (name, problem)
