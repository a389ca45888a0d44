"""Every method of openai-python's `client.batches`, with replies held against its types, over files that this suite made."""

import asyncio
import json
import time

import openai
import pytest
from serving import MODEL

PATIENCE = 60


def lines(count, body=lambda number: {"model": MODEL, "input": f"text {number}", "encoding_format": "float"}):
    return b"".join(
        json.dumps(
            {"custom_id": f"request-{number}", "method": "POST", "url": "/v1/embeddings", "body": body(number)}
        ).encode()
        + b"\n"
        for number in range(count)
    )


@pytest.fixture
def client(server_with):
    server = server_with()
    with openai.OpenAI(
        base_url=server.v1, api_key="unused", max_retries=0, _strict_response_validation=True
    ) as client:
        yield client


def make(client, content, **more):
    file = client.files.create(file=("input.jsonl", content), purpose="batch")
    return client.batches.create(
        input_file_id=file.id, endpoint="/v1/embeddings", completion_window="24h", **more
    )


def ended(client, batch):
    deadline = time.monotonic() + PATIENCE
    while batch.status in ("validating", "in_progress", "finalizing", "cancelling"):
        assert time.monotonic() < deadline, batch
        time.sleep(0.05)
        batch = client.batches.retrieve(batch.id)
    return batch


def read(client, file):
    return [json.loads(line) for line in client.files.content(file).text.splitlines()]


def test_a_batch_is_made_watched_and_read(client):
    made = make(client, lines(40), metadata={"for": "a test"})
    assert (made.object, made.endpoint, made.completion_window) == ("batch", "/v1/embeddings", "24h")
    assert made.metadata == {"for": "a test"}
    assert made.expires_at == made.created_at + 24 * 3600
    batch = ended(client, made)
    assert batch.status == "completed"
    assert (batch.request_counts.total, batch.request_counts.completed, batch.request_counts.failed) == (40, 40, 0)
    assert batch.error_file_id is None and batch.errors is None
    results = read(client, batch.output_file_id)
    assert [result["custom_id"] for result in results] == [f"request-{number}" for number in range(40)]
    one = client.embeddings.create(model=MODEL, input="text 7", encoding_format="float")
    assert results[7]["response"]["status_code"] == 200
    assert results[7]["response"]["body"]["data"][0]["embedding"] == one.data[0].embedding
    assert results[7]["error"] is None
    assert client.files.retrieve(batch.output_file_id).purpose == "batch_output"
    assert client.batches.list().data == [batch]


def test_lines_that_fail_are_in_the_file_of_errors(client):
    content = lines(3, lambda number: {"model": MODEL if number else "unknown", "input": "a"})
    batch = ended(client, make(client, content))
    assert (batch.status, batch.request_counts.completed, batch.request_counts.failed) == ("completed", 2, 1)
    (failed,) = read(client, batch.error_file_id)
    assert (failed["custom_id"], failed["response"]["status_code"]) == ("request-0", 404)
    assert failed["response"]["body"]["error"]["code"] == "model_not_found"


def test_an_input_that_is_no_good_is_told_line_by_line(client):
    batch = ended(client, make(client, lines(1) + b"no json\n" + lines(1)))
    assert batch.status == "failed"
    told = [(error.line, error.code, error.param) for error in batch.errors.data]
    assert told == [(2, "invalid_json_line", None), (3, "duplicate_custom_id", "custom_id")]
    assert batch.output_file_id is None
    with pytest.raises(openai.BadRequestError) as refused:
        client.batches.cancel(batch.id)
    assert refused.value.code == "batch_not_cancellable"


def test_a_batch_is_cancelled(client):
    made = make(client, lines(5000))
    told = client.batches.cancel(made.id)
    assert told.status in ("cancelling", "cancelled")
    batch = ended(client, told)
    assert batch.status == "cancelled" and batch.cancelled_at >= batch.cancelling_at
    answered = read(client, batch.output_file_id) if batch.output_file_id else []
    assert len(answered) == batch.request_counts.completed < 5000


def test_pages_are_walked(client):
    made = [make(client, lines(1)).id for _ in range(5)]
    assert [batch.id for batch in client.batches.list(limit=2)] == made[::-1]
    assert [batch.id for batch in client.batches.list(after=made[2])] == made[1::-1]


def test_what_makes_no_sense_is_refused(client):
    with pytest.raises(openai.NotFoundError) as missing:
        client.batches.retrieve("batch_0")
    assert missing.value.code == "batch_not_found"
    with pytest.raises(openai.NotFoundError) as missing:
        client.batches.create(input_file_id="file-0", endpoint="/v1/embeddings", completion_window="24h")
    assert (missing.value.code, missing.value.param) == ("file_not_found", "input_file_id")
    with pytest.raises(openai.BadRequestError) as refused:
        make(client, lines(1), output_expires_after={"anchor": "created_at", "seconds": 1})
    assert refused.value.param == "output_expires_after.seconds"


async def all_of(pages):
    return [batch.id async for batch in pages]


def test_the_asynchronous_client_does_the_same(client):
    async def work():
        async with openai.AsyncOpenAI(
            base_url=client.base_url, api_key="unused", max_retries=0, _strict_response_validation=True
        ) as other:
            file = await other.files.create(file=("a.jsonl", lines(2)), purpose="batch")
            made = await other.batches.create(
                input_file_id=file.id, endpoint="/v1/embeddings", completion_window="24h"
            )
            ended(client, made)
            assert (await other.batches.retrieve(made.id)).status == "completed"
            assert await all_of(other.batches.list()) == [made.id]
            with pytest.raises(openai.BadRequestError):
                await other.batches.cancel(made.id)

    asyncio.run(work())
