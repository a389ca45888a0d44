"""openai-python: embeddings, by a strict client as floats and by a loose one as base64, which is its default."""

import asyncio
import base64

import numpy
import openai
import pictures
import pytest
from serving import DIMENSIONS, MODEL, command_line_json

TEXTS = ["a photo of a cat", "This is a photo of 2 dogs!", "猫の写真", ""]


def command_line_rows(*arguments: str) -> numpy.ndarray:
    data = command_line_json("embed", *arguments)["data"]
    return numpy.array([row["embedding"] for row in data], dtype=numpy.float32)


def of_texts(texts: list[str]) -> numpy.ndarray:
    return command_line_rows(*[argument for text in texts for argument in ("--text", text)])


def rows(reply: openai.types.CreateEmbeddingResponse) -> numpy.ndarray:
    assert [item.index for item in reply.data] == list(range(len(reply.data)))
    return numpy.array([item.embedding for item in reply.data], dtype=numpy.float32)


@pytest.fixture(params=["strict", "loose"])
def embed(request, client, loose):
    """`embeddings.create` of a client with its way of getting numbers."""

    def create(**arguments):
        if request.param == "loose":
            return loose.embeddings.create(model=MODEL, **arguments)
        return client.embeddings.create(model=MODEL, encoding_format="float", **arguments)

    return create


def test_a_text_and_a_list_of_texts_are_embedded_as_on_the_command_line(embed):
    expected = of_texts(TEXTS)
    one = embed(input=TEXTS[0])
    assert one.object == "list" and one.model == MODEL
    assert one.data[0].object == "embedding" and len(one.data[0].embedding) == DIMENSIONS
    assert one.usage.prompt_tokens == one.usage.total_tokens > 0
    assert numpy.array_equal(rows(one), expected[:1])
    many = embed(input=TEXTS)
    assert numpy.array_equal(rows(many), expected)


def test_floats_and_base64_are_the_same_numbers(loose):
    arguments = {"model": MODEL, "input": TEXTS}
    default = loose.embeddings.create(**arguments)
    floats = loose.embeddings.create(**arguments, encoding_format="float")
    assert numpy.array_equal(rows(default), rows(floats))
    raw = loose.embeddings.create(**arguments, encoding_format="base64")
    decoded = [numpy.frombuffer(base64.b64decode(item.embedding), dtype="<f4") for item in raw.data]
    assert numpy.array_equal(decoded, rows(floats))


def test_the_default_of_the_client_is_base64_on_the_wire(loose):
    response = loose.embeddings.with_raw_response.create(model=MODEL, input="a cat")
    assert b'"embedding":"' in response.content
    assert rows(response.parse()).shape == (1, DIMENSIONS)


def test_token_ids_are_the_text_that_they_stand_for(loose):
    # cl100k_base: "a photo of a cat".
    ids = [64, 6685, 315, 264, 8415]
    expected = of_texts(["a photo of a cat"])
    for given, count in ((ids, 1), ([ids, ids], 2)):
        response = loose.embeddings.with_raw_response.create(model=MODEL, input=given)
        assert "cl100k_base" in response.headers["warning"]
        found = rows(response.parse())
        assert len(found) == count
        assert all(numpy.array_equal(row, expected[0]) for row in found)


@pytest.mark.parametrize("dimensions", [1, 7, DIMENSIONS])
def test_fewer_dimensions_are_the_first_ones_at_length_1(embed, dimensions):
    full = rows(embed(input=TEXTS[:2]))
    cut = rows(embed(input=TEXTS[:2], dimensions=dimensions))
    expected = full[:, :dimensions] / numpy.linalg.norm(full[:, :dimensions], axis=1, keepdims=True)
    assert cut.shape == (2, dimensions)
    # Two orders of adding up at most 64 squares in f32.
    assert numpy.allclose(cut, expected, rtol=0, atol=1e-6)


def test_more_dimensions_than_there_are_is_a_bad_request(client):
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model=MODEL, input="a", dimensions=DIMENSIONS + 1)
    assert caught.value.param == "dimensions"


IMAGE_DIALECTS = {
    "data URI": lambda name: pictures.uri(name),
    "Jina": lambda name: {"image": pictures.base64_of(name)},
    "OpenRouter": lambda name: {"content": [pictures.part(name)]},
    "Voyage": lambda name: {"content": [{"type": "image_base64", "image_base64": pictures.uri(name)}]},
}


@pytest.mark.parametrize("dialect", IMAGE_DIALECTS)
def test_pictures_of_every_dialect_are_embedded_as_on_the_command_line(embed, dialect):
    expected = command_line_rows(*map(pictures.path, pictures.NAMES))
    given = [IMAGE_DIALECTS[dialect](name) for name in pictures.NAMES]
    reply = embed(input=given)
    assert numpy.array_equal(rows(reply), expected)
    assert reply.usage.images == len(pictures.NAMES)


def test_pictures_may_come_in_fields_of_their_own(embed):
    expected = command_line_rows(*map(pictures.path, pictures.NAMES[:2]))
    uris = list(map(pictures.uri, pictures.NAMES[:2]))
    images = embed(input=openai.omit, extra_body={"images": uris})
    assert numpy.array_equal(rows(images), expected)
    modality = embed(
        input=[pictures.base64_of(name) for name in pictures.NAMES[:2]],
        extra_body={"modality": "image"},
    )
    assert numpy.array_equal(rows(modality), expected)
    messages = embed(
        input=openai.omit,
        extra_body={"messages": [{"role": "user", "content": [pictures.part(pictures.NAMES[0])]}]},
    )
    assert numpy.array_equal(rows(messages), expected[:1])


def test_texts_and_pictures_keep_their_order(embed):
    name = pictures.PICTURE
    reply = embed(input=["a cat", {"image": pictures.uri(name)}, {"text": "a dog"}])
    expected = command_line_rows("--text", "a cat", "--text", "a dog", pictures.path(name))
    assert numpy.array_equal(rows(reply), expected[[0, 2, 1]])


def test_the_asynchronous_client_gets_the_same_from_many_calls_at_once(asynchronous):
    async def all_of_them():
        async with asynchronous as client:
            calls = [client.embeddings.create(model=MODEL, input=text, encoding_format="float") for text in TEXTS * 8]
            return await asyncio.gather(*calls)

    replies = asyncio.run(all_of_them())
    found = numpy.concatenate([rows(reply) for reply in replies])
    assert numpy.array_equal(found, numpy.tile(of_texts(TEXTS), (8, 1)))


def test_headers_say_which_request_it_was_how_long_it_took_and_what_is_left(loose):
    response = loose.embeddings.with_raw_response.create(model=MODEL, input="a", user="someone", extra_body={"x": 1})
    assert response.parse()._request_id == response.headers["x-request-id"] != ""
    assert float(response.headers["openai-processing-ms"]) >= 0
    for unit in ("requests", "images"):
        assert int(response.headers[f"x-ratelimit-remaining-{unit}"]) >= 0
    assert response.headers["x-ignored-params"] == "x"
