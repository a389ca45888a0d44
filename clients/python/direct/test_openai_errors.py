"""openai-python: each error is raised as the class that programs catch."""

import asyncio
import base64

import openai
import pictures
import pytest
from conftest import KEYS
from serving import MODEL


def client_of(server, key: str = "unused", retries: int = 0) -> openai.OpenAI:
    return openai.OpenAI(base_url=server.v1, api_key=key, max_retries=retries, _strict_response_validation=True)


def assert_enveloped(error: openai.APIStatusError) -> None:
    """All four keys always; the client takes the object out of its envelope."""
    assert set(error.body) == {"message", "type", "param", "code"}
    assert error.body["message"] and error.body["type"]
    assert error.request_id == error.response.headers["x-request-id"]


def embed(given):
    return lambda client: client.embeddings.create(model=MODEL, input=given)


def image(data: bytes) -> list:
    return [{"image": base64.b64encode(data).decode()}]


PNG = pictures.data(pictures.PICTURE)
CASES = {
    "unknown model": (
        lambda client: client.embeddings.create(model="gpt-2", input="a"),
        openai.NotFoundError, 404, "model",
    ),
    "empty list": (embed([]), openai.BadRequestError, 400, "input"),
    "input of a wrong kind": (embed(True), openai.BadRequestError, 400, "input"),
    "too many inputs": (embed(["a"] * 2049), openai.BadRequestError, 400, "input"),
    "a dimension of 0": (
        lambda client: client.embeddings.create(model=MODEL, input="a", dimensions=0),
        openai.BadRequestError, 400, "dimensions",
    ),
    "an encoding that is none": (
        lambda client: client.embeddings.create(model=MODEL, input="a", encoding_format="hex"),
        openai.BadRequestError, 400, "encoding_format",
    ),
    "no base64": (embed([{"image": "!!"}]), openai.BadRequestError, 400, "input[0].image"),
    "no picture": (embed(image(b"hello, world")), openai.APIStatusError, 415, "input[0].image"),
    "a broken picture": (embed(image(PNG[:60])), openai.UnprocessableEntityError, 422, "input[0].image"),
    "a path that is none": (
        lambda client: client.responses.create(model=MODEL, input="a"),
        openai.NotFoundError, 404, None,
    ),
    "a private address": (
        embed([{"image": "http://127.0.0.1/a.png"}]),
        openai.BadRequestError, 400, "input[0].image",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_class_the_status_and_the_field_are_those_of_the_mistake(client, case):
    call, kind, status, param = CASES[case]
    with pytest.raises(kind) as caught:
        call(client)
    assert (caught.value.status_code, caught.value.param) == (status, param)
    assert_enveloped(caught.value)


def test_the_asynchronous_client_raises_the_same(asynchronous):
    async def call():
        async with asynchronous as client:
            await client.embeddings.create(model="gpt-2", input="a")

    with pytest.raises(openai.NotFoundError) as caught:
        asyncio.run(call())
    assert_enveloped(caught.value)


def test_a_wrong_key_is_an_authentication_error_and_each_right_one_works(keyed_server):
    with client_of(keyed_server, "wrong") as client, pytest.raises(openai.AuthenticationError) as caught:
        client.models.list()
    assert (caught.value.status_code, caught.value.code) == (401, "invalid_api_key")
    assert_enveloped(caught.value)
    for key in KEYS:
        with client_of(keyed_server, key) as client:
            assert client.embeddings.create(model=MODEL, input="a", encoding_format="float").model == MODEL
            assert next(iter(client.models.list())).id == MODEL


def test_a_used_up_minute_is_a_rate_limit_error_that_says_when_to_come_back(server_with):
    server = server_with("--requests-per-minute", "2")
    with client_of(server) as client:
        for _ in range(2):
            client.embeddings.create(model=MODEL, input="a", encoding_format="float")
        with pytest.raises(openai.RateLimitError) as caught:
            client.embeddings.create(model=MODEL, input="a", encoding_format="float")
    assert caught.value.status_code == 429
    assert 1 <= int(caught.value.response.headers["retry-after"]) <= 60
    assert_enveloped(caught.value)


def test_the_client_waits_as_long_as_it_is_told_and_succeeds(server_with):
    # One request a second: the second one is told to come back after one.
    server = server_with("--requests-per-minute", "60")
    with client_of(server, retries=2) as client:
        for _ in range(61):
            client.models.list()
        assert client.embeddings.create(model=MODEL, input="a", encoding_format="float").model == MODEL


def test_a_body_that_is_too_large_is_413(server_with):
    with client_of(server_with("--max-body", "1KiB")) as client, pytest.raises(openai.APIStatusError) as caught:
        client.embeddings.create(model=MODEL, input="a" * 2000)
    assert caught.value.status_code == 413
    assert_enveloped(caught.value)


def test_a_model_that_is_loaded_at_its_first_use_is_waited_for(server_with):
    with client_of(server_with("--lazy"), retries=2) as client:
        assert client.embeddings.create(model=MODEL, input="a", encoding_format="float").model == MODEL
