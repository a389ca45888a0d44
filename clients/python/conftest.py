"""A server for each configuration that the suites ask for. Each is started at its first use and stopped at the end."""

import pytest
from serving import MODEL, Server

KEYS = ("first-secret", "second-secret")

# The names that openai-python's own tests and its users have in their programs.
ALIASES = ("text-embedding-3-small", "gpt-4o-mini", "omni-moderation-latest", "omni-moderation-2024-09-26")


@pytest.fixture(scope="session")
def open_server():
    with Server() as server:
        yield server


@pytest.fixture(scope="session")
def keyed_server():
    arguments = [argument for key in KEYS for argument in ("--api-key", key)]
    with Server(*arguments) as server:
        yield server


@pytest.fixture(scope="session")
def aliased_server():
    arguments = [argument for alias in ALIASES for argument in ("--alias", f"{alias}={MODEL}")]
    with Server(*arguments) as server:
        yield server


@pytest.fixture
def server_with():
    """Starts a server with arguments for one test."""
    servers = []

    def start(*arguments: str) -> Server:
        server = Server(*arguments)
        server.__enter__()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.__exit__()
