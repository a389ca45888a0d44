"""Every method of openai-python's `client.files`, with replies held against its types, over files that this suite made."""

import asyncio
import io
import pathlib
import time

import openai
import pictures
import pytest
from serving import MODEL

LINES = b'{"custom_id": "1"}\n'


@pytest.fixture
def client(server_with):
    server = server_with()
    with openai.OpenAI(
        base_url=server.v1, api_key="unused", max_retries=0, _strict_response_validation=True
    ) as client:
        yield client


def test_a_file_is_made_found_listed_read_and_deleted(client):
    made = client.files.create(file=("lines.jsonl", LINES), purpose="batch")
    assert (made.filename, made.bytes, made.purpose, made.status) == ("lines.jsonl", len(LINES), "batch", "processed")
    assert abs(made.created_at - time.time()) < 60
    assert made.expires_at == made.created_at + 30 * 24 * 3600
    assert client.files.retrieve(made.id) == made
    assert client.files.list().data == [made]
    content = client.files.content(made.id)
    assert content.read() == LINES
    assert content.response.headers["content-disposition"].startswith("attachment")
    with pytest.warns(DeprecationWarning):
        assert client.files.retrieve_content(made.id) == LINES.decode()
    assert client.files.wait_for_processing(made.id) == made
    gone = client.files.delete(made.id)
    assert (gone.id, gone.deleted) == (made.id, True)
    with pytest.raises(openai.NotFoundError) as missing:
        client.files.retrieve(made.id)
    assert missing.value.code == "file_not_found"


@pytest.mark.parametrize("purpose", ["assistants", "fine-tune", "vision", "user_data"])
def test_every_purpose_that_the_reply_knows(client, purpose):
    assert client.files.create(file=io.BytesIO(b"bytes"), purpose=purpose).purpose == purpose


def test_evals_is_a_purpose_too(client):
    # The library sends it and does not know it in a reply.
    with openai.OpenAI(base_url=client.base_url, api_key="unused", max_retries=0) as loose:
        assert loose.files.create(file=b"bytes", purpose="evals").purpose == "evals"


def test_a_file_may_vanish_by_itself(client):
    after = {"anchor": "created_at", "seconds": 3600}
    made = client.files.create(file=b"bytes", purpose="user_data", expires_after=after)
    assert made.expires_at == made.created_at + 3600
    with pytest.raises(openai.BadRequestError) as refused:
        client.files.create(file=b"bytes", purpose="user_data", expires_after=after | {"seconds": 1})
    assert refused.value.param == "expires_after[seconds]"


def test_pages_are_walked(client):
    made = [client.files.create(file=str(number).encode(), purpose="user_data").id for number in range(5)]
    client.files.create(file=b"other", purpose="vision")
    pages = client.files.list(purpose="user_data", limit=2, order="asc")
    assert [file.id for file in pages] == made
    pages = client.files.list(purpose="user_data", limit=2)
    assert [file.id for file in pages] == made[::-1]
    after = client.files.list(purpose="user_data", order="asc", after=made[2])
    assert [file.id for file in after] == made[3:]


def test_a_picture_is_uploaded_once_and_named_by_its_id(client):
    name = pictures.NAMES[0]
    file = client.files.create(file=pathlib.Path(pictures.path(name)), purpose="vision")
    embed = lambda image: client.embeddings.create(model=MODEL, input=[{"image": image}], encoding_format="float")
    assert embed(file.id).data == embed(pictures.uri(name)).data


async def all_of(pages):
    return [file.id async for file in pages]


def test_the_asynchronous_client_does_the_same(client):
    async def work():
        async with openai.AsyncOpenAI(
            base_url=client.base_url, api_key="unused", max_retries=0, _strict_response_validation=True
        ) as other:
            made = await other.files.create(file=("a.jsonl", LINES), purpose="batch")
            assert await other.files.retrieve(made.id) == made
            assert await all_of(other.files.list()) == [made.id]
            assert (await other.files.content(made.id)).read() == LINES
            assert await other.files.wait_for_processing(made.id) == made
            assert (await other.files.delete(made.id)).deleted

    asyncio.run(work())
