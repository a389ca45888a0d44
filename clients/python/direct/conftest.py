"""openai-python clients that check every reply against their types.

Strict clients cannot read base64: they ask for it when no format is given, and then hold the text against a list of
floats before they decode it. So strict clients ask for floats here, and `loose` leaves the format out, as programs do.
"""

import openai
import pytest


@pytest.fixture(scope="session")
def client(open_server):
    with openai.OpenAI(
        base_url=open_server.v1, api_key="unused", max_retries=0, _strict_response_validation=True
    ) as client:
        yield client


@pytest.fixture(scope="session")
def loose(open_server):
    with openai.OpenAI(base_url=open_server.v1, api_key="unused", max_retries=0) as client:
        yield client


@pytest.fixture
def asynchronous(open_server):
    """A client for one event loop."""
    return openai.AsyncOpenAI(
        base_url=open_server.v1, api_key="unused", max_retries=0, _strict_response_validation=True
    )
