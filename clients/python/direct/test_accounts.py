"""openai-python against a server with accounts: what a paying customer meets."""

import openai
import pictures
import pytest
from serving import MODEL, operator


@pytest.fixture
def customer(server_with, tmp_path):
    """A client of an account that can pay for two pictures, and the folder of the accounts."""
    operator(tmp_path, "account", "create", "Ann")
    operator(tmp_path, "credit", "add", "Ann", "0.000188")
    key = operator(tmp_path, "key", "create", "Ann")["key"]
    server = server_with("--accounts", "--data-folder", str(tmp_path))
    with openai.OpenAI(base_url=server.v1, api_key=key, _strict_response_validation=True) as client:
        yield client, tmp_path


def embed(client, name, **options):
    """A raw reply to one picture."""
    picture = [{"image": pictures.uri(name)}]
    create = client.embeddings.with_raw_response.create
    return create(model=MODEL, input=picture, encoding_format="float", **options)


def test_a_call_is_paid_until_the_credit_is_gone_and_then_not_tried_again(customer):
    client, folder = customer
    first, second, third = pictures.NAMES[:3]
    reply = embed(client, first)
    assert (reply.headers["x-cost-usd"], reply.headers["x-balance-usd"]) == ("0.000094", "0.000094")
    assert embed(client, first).headers["x-cost-usd"] == "0.00", "its vector is known"
    assert embed(client, second).headers["x-balance-usd"] == "0.00"
    with pytest.raises(openai.APIStatusError) as refused:
        embed(client, third)
    assert refused.value.status_code == 402
    assert refused.value.code == "insufficient_credit"
    assert refused.value.response.headers["x-should-retry"] == "false"
    [usage] = operator(folder, "usage")["data"]
    assert (usage["requests"], usage["images"], usage["cached_images"]) == (3, 2, 1), "402 was asked once"


def test_a_call_that_is_asked_again_is_answered_again_and_paid_once(customer):
    client, _ = customer
    named = {"extra_headers": {"Idempotency-Key": "order 17"}}
    first = embed(client, pictures.NAMES[0], **named)
    again = embed(client, pictures.NAMES[0], **named)
    assert (first.headers["x-cost-usd"], again.headers["x-cost-usd"]) == ("0.000094", "0.00")
    assert first.parse() == again.parse()
    with pytest.raises(openai.UnprocessableEntityError):
        embed(client, pictures.NAMES[1], **named)


def test_a_wrong_key_is_an_authentication_error(customer):
    client, _ = customer
    with pytest.raises(openai.AuthenticationError):
        embed(client.with_options(api_key="ps-wrong"), pictures.NAMES[0])
