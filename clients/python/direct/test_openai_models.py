"""openai-python: the catalogue."""

import asyncio

import openai
import pytest
from serving import MODEL


def test_the_served_models_are_listed_and_found_by_id(client):
    listed = list(client.models.list())
    assert [model.id for model in listed] == [MODEL]
    assert client.models.retrieve(MODEL) == listed[0]
    assert listed[0].object == "model" and listed[0].created > 0


def test_a_name_with_a_slash_is_a_name(server_with):
    server = server_with("--alias", f"someone/some-model={MODEL}")
    client = openai.OpenAI(base_url=server.v1, api_key="unused", _strict_response_validation=True)
    with client:
        assert client.models.retrieve("someone/some-model").id == MODEL
        assert client.embeddings.create(
            model="someone/some-model", input="a", encoding_format="float"
        ).model == MODEL


def test_an_unknown_model_is_not_found(client):
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("gpt-2")
    assert caught.value.code == "model_not_found"


def test_the_asynchronous_client_lists_them_too(asynchronous):
    async def ids():
        async with asynchronous as client:
            return [model.id async for model in client.models.list()]

    assert asyncio.run(ids()) == [MODEL]
