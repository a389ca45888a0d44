"""openai-python: moderations. The typed reply has OpenAI's 13 categories, whatever was judged."""

import asyncio

import openai
import pictures
import pytest
from serving import MODEL


def judged(result) -> set[str]:
    types = result.category_applied_input_types.model_dump(by_alias=True)
    return {category for category, types in types.items() if types}


def test_texts_are_answered_and_the_reply_says_that_they_are_not_judged(client):
    for given, count in (("I like trains", 1), (["one", "two"], 2)):
        response = client.moderations.with_raw_response.create(model=MODEL, input=given)
        reply = response.parse()
        assert reply.id.startswith("modr-") and len(reply.results) == count
        assert not any(result.flagged or judged(result) for result in reply.results)
        assert "texts are not moderated" in response.headers["warning"]


def test_an_image_part_is_judged(client):
    reply = client.moderations.create(model=MODEL, input=[pictures.part(pictures.PICTURE)])
    [result] = reply.results
    assert judged(result) >= {"violence", "violence/graphic", "sexual", "self-harm"}
    assert 0 < result.category_scores.violence < 1
    assert result.category_applied_input_types.violence == ["image"]
    categories = result.categories.model_dump(by_alias=True)
    assert len(categories) >= 13 and result.flagged == any(categories.values())


def test_a_text_beside_a_picture_is_one_input(client):
    parts = [{"type": "text", "text": "hello"}, pictures.part(pictures.PICTURE)]
    response = client.moderations.with_raw_response.create(model=MODEL, input=parts)
    assert len(response.parse().results) == 1
    assert "texts are not moderated" in response.headers["warning"]


def test_the_model_may_be_left_out(client):
    assert client.moderations.create(input="hello").model == MODEL


def test_the_asynchronous_client_gets_the_same_scores(client, asynchronous):
    given = {"model": MODEL, "input": [pictures.part(pictures.PICTURE)]}

    async def scores():
        async with asynchronous as client:
            return (await client.moderations.create(**given)).results

    assert asyncio.run(scores()) == client.moderations.create(**given).results


def test_a_list_of_image_parts_is_one_input_with_the_worst_score_of_each(client):
    def scores(names):
        reply = client.moderations.create(model=MODEL, input=list(map(pictures.part, names)))
        [result] = reply.results
        return result.category_scores.model_dump(by_alias=True)

    singles = [scores([name]) for name in pictures.NAMES[:3]]
    together = scores(pictures.NAMES[:3])
    assert together == {category: max(single[category] for single in singles) for category in together}


def test_a_picture_that_is_none_is_refused(client):
    with pytest.raises(openai.APIStatusError) as caught:
        client.moderations.create(
            model=MODEL,
            input=[{"type": "image_url", "image_url": {"url": "data:image/png;base64,aGVsbG8="}}],
        )
    assert caught.value.status_code == 415
