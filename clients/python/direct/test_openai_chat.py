"""openai-python: chat completions as a classifier."""

import asyncio
import enum
import json
import math
from typing import Literal

import openai
import pictures
import pydantic
import pytest
from formats import label_format
from serving import MODEL, command_line_json

LABELS = ["cat", "dog", "bicycle"]


class Answer(pydantic.BaseModel):
    label: Literal["cat", "dog", "bicycle"]


class Animal(enum.Enum):
    CAT = "cat"
    DOG = "dog"
    BICYCLE = "bicycle"


class EnumAnswer(pydantic.BaseModel):
    label: Animal


class Several(pydantic.BaseModel):
    labels: list[Literal["cat", "dog", "bicycle"]]


class Detailed(pydantic.BaseModel):
    label: Animal | None
    colour: Literal["red", "green"]
    confidence: float


ENUM = label_format({"type": "string", "enum": LABELS})


def predictions(name: str = pictures.PICTURE, *arguments: str) -> list[dict]:
    """What the command line says about the picture, best first."""
    reply = command_line_json("classify", "--labels", ",".join(LABELS), *arguments, pictures.path(name))
    return reply["data"][0]["predictions"]


@pytest.mark.parametrize("name", pictures.NAMES)
def test_an_enum_is_answered_with_the_label_that_the_command_line_gives(client, name):
    reply = client.chat.completions.create(
        model=MODEL, messages=pictures.messages(name), response_format=ENUM, temperature=0, max_tokens=20
    )
    [choice] = reply.choices
    assert reply.object == "chat.completion" and reply.model == MODEL
    assert choice.finish_reason == "stop" and choice.message.role == "assistant"
    assert json.loads(choice.message.content) == {"label": predictions(name)[0]["label"]}
    assert reply.usage.completion_tokens == 0 and reply.usage.images == 1


@pytest.mark.parametrize("model", [Answer, EnumAnswer])
def test_parse_gives_back_literals_and_enums(client, model):
    reply = client.chat.completions.parse(
        model=MODEL, messages=pictures.messages(pictures.PICTURE), response_format=model
    )
    parsed = reply.choices[0].message.parsed
    assert isinstance(parsed, model)
    label = parsed.label.value if model is EnumAnswer else parsed.label
    assert label == predictions()[0]["label"]


def test_parse_fills_several_fields_an_optional_one_and_a_confidence(client):
    reply = client.chat.completions.parse(
        model=MODEL, messages=pictures.messages(pictures.PICTURE), response_format=Detailed
    )
    parsed = reply.choices[0].message.parsed
    best = predictions()[0]
    assert parsed.label.value == best["label"]
    assert parsed.colour in ("red", "green")
    assert parsed.confidence == pytest.approx(float(best["relative"]), abs=1e-7)


def test_an_array_of_an_enum_has_the_labels_above_the_threshold(client):
    cases = [(1e-9, len(LABELS)), (1, 0)]
    for threshold, count in cases:
        reply = client.chat.completions.parse(
            model=MODEL,
            messages=pictures.messages(pictures.PICTURE),
            response_format=Several,
            extra_body={"threshold": threshold},
        )
        assert len(reply.choices[0].message.parsed.labels) == count


def test_logprobs_are_logarithms_of_the_relative_scores(client):
    reply = client.chat.completions.create(
        model=MODEL,
        messages=pictures.messages(pictures.PICTURE),
        response_format=ENUM,
        logprobs=True,
        top_logprobs=3,
    )
    [entry] = reply.choices[0].logprobs.content
    expected = predictions()
    assert [top.token for top in entry.top_logprobs] == [prediction["label"] for prediction in expected]
    for top, prediction in zip(entry.top_logprobs, expected, strict=True):
        # `relative` is rounded to f32.
        assert math.exp(top.logprob) == pytest.approx(float(prediction["relative"]), rel=1e-5)
    assert (entry.token, entry.logprob) == (entry.top_logprobs[0].token, entry.top_logprobs[0].logprob)
    assert bytes(entry.bytes).decode() == entry.token


def test_a_stream_has_the_role_the_content_the_finish_and_the_usage(client):
    stream = client.chat.completions.create(
        model=MODEL,
        messages=pictures.messages(pictures.PICTURE),
        response_format=ENUM,
        stream=True,
        stream_options={"include_usage": True},
        logprobs=True,
        top_logprobs=1,
    )
    chunks = list(stream)
    assert len({chunk.id for chunk in chunks}) == 1
    assert all(chunk.object == "chat.completion.chunk" and chunk.model == MODEL for chunk in chunks)
    *answers, last = chunks
    assert last.choices == [] and last.usage.images == 1
    assert all(chunk.usage is None for chunk in answers)
    assert answers[0].choices[0].delta.role == "assistant"
    content = "".join(chunk.choices[0].delta.content or "" for chunk in answers)
    assert json.loads(content) == {"label": predictions()[0]["label"]}
    assert [chunk.choices[0].finish_reason for chunk in answers] == [None] * (len(answers) - 1) + ["stop"]
    tokens = [chunk.choices[0].logprobs.content[0].token for chunk in answers if chunk.choices[0].logprobs]
    assert tokens == [predictions()[0]["label"]]


def test_a_stream_without_include_usage_has_none(client):
    stream = client.chat.completions.create(
        model=MODEL, messages=pictures.messages(pictures.PICTURE), response_format=ENUM, stream=True
    )
    assert all(chunk.choices and chunk.usage is None for chunk in stream)


def test_the_streaming_helper_parses_the_answer(client):
    with client.chat.completions.stream(
        model=MODEL,
        messages=pictures.messages(pictures.PICTURE),
        response_format=Answer,
        stream_options={"include_usage": True},
    ) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= kinds
    assert final.choices[0].message.parsed == Answer(label=predictions()[0]["label"])
    assert final.usage.images == 1


def test_guided_choice_is_answered_with_the_bare_label(client):
    reply = client.chat.completions.create(
        model=MODEL, messages=pictures.messages(pictures.PICTURE), extra_body={"guided_choice": LABELS}
    )
    assert reply.choices[0].message.content == predictions()[0]["label"]


def test_the_asynchronous_client_parses_and_streams(asynchronous):
    arguments = {"model": MODEL, "messages": pictures.messages(pictures.PICTURE), "response_format": Answer}

    async def both():
        async with asynchronous as client:
            whole = await client.chat.completions.parse(**arguments)
            async with client.chat.completions.stream(**arguments) as stream:
                streamed = await stream.get_final_completion()
            return whole.choices[0].message.parsed, streamed.choices[0].message.parsed

    assert asyncio.run(both()) == (Answer(label=predictions()[0]["label"]),) * 2


@pytest.mark.parametrize(
    "response_format",
    [openai.omit, {"type": "text"}, {"type": "json_object"}, label_format({"type": "string"})],
    ids=["none", "text", "json_object", "no enum"],
)
def test_without_labels_the_error_is_about_response_format(client, response_format):
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(
            model=MODEL, messages=pictures.messages(pictures.PICTURE), response_format=response_format
        )
    assert caught.value.param == "response_format"


def test_without_a_picture_the_error_is_about_messages(client):
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "a cat"}], response_format=ENUM
        )
    assert caught.value.param == "messages"
