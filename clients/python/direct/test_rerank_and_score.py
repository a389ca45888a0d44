"""Cohere's client, Jina's and vLLM's requests."""

import cohere
import httpx
import pictures
import pytest
from conftest import KEYS
from serving import MODEL, command_line_json, exact_json

DOCUMENTS = ["a photo of a cat", "a red bicycle", "the sea"]


def post(server, path: str, body: dict) -> dict:
    response = httpx.post(f"{server.url}{path}", json=body, timeout=60)
    assert response.status_code == 200, response.text
    return exact_json(response.content)


def probabilities(name: str) -> list[str]:
    """Of each document for the picture."""
    reply = command_line_json(
        "classify", "--multi-label", "--template", "none", "--labels", ",".join(DOCUMENTS), pictures.path(name)
    )
    found = {prediction["label"]: prediction["probability"] for prediction in reply["data"][0]["predictions"]}
    return [found[document] for document in DOCUMENTS]


def ranking(scores: list[str]) -> list[int]:
    return sorted(range(len(scores)), key=lambda index: -float(scores[index]))


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_coheres_clients_rank_texts(open_server, version):
    kind = {"v1": cohere.Client, "v2": cohere.ClientV2}[version]
    client = kind(api_key="unused", base_url=open_server.url)
    reply = client.rerank(model=MODEL, query="a cat", documents=DOCUMENTS, top_n=2)
    assert len(reply.results) == 2 and reply.id
    assert reply.results[0].relevance_score >= reply.results[1].relevance_score
    assert {result.index for result in reply.results} <= set(range(len(DOCUMENTS)))
    assert reply.meta.billed_units.search_units == 1


def test_coheres_first_client_gives_documents_back(open_server):
    client = cohere.Client(api_key="unused", base_url=open_server.url)
    reply = client.rerank(model=MODEL, query="a cat", documents=DOCUMENTS, return_documents=True)
    assert sorted(result.document.text for result in reply.results) == sorted(DOCUMENTS)
    assert all(result.document.text == DOCUMENTS[result.index] for result in reply.results)


def test_coheres_client_takes_a_picture_as_the_query(open_server):
    client = cohere.ClientV2(api_key="unused", base_url=open_server.url)
    reply = client.rerank(model=MODEL, query=pictures.uri(pictures.PICTURE), documents=DOCUMENTS)
    scores = probabilities(pictures.PICTURE)
    assert [result.index for result in reply.results] == ranking(scores)
    assert [result.relevance_score for result in reply.results] == sorted(map(float, scores), reverse=True)


def test_coheres_client_raises_its_own_errors(open_server, keyed_server):
    with pytest.raises(cohere.NotFoundError):
        cohere.ClientV2(api_key="unused", base_url=open_server.url).rerank(
            model="none", query="a", documents=DOCUMENTS
        )
    with pytest.raises(cohere.UnauthorizedError):
        cohere.ClientV2(api_key="wrong", base_url=keyed_server.url).rerank(model=MODEL, query="a", documents=DOCUMENTS)
    good = cohere.ClientV2(api_key=KEYS[1], base_url=keyed_server.url)
    assert good.rerank(model=MODEL, query="a", documents=DOCUMENTS).results


@pytest.mark.parametrize("path", ["/v1/rerank", "/v2/rerank", "/rerank"])
def test_jinas_request_ranks_pictures_for_a_text_and_texts_for_a_picture(open_server, path):
    reply = post(open_server, path, {
        "model": MODEL,
        "query": {"image": pictures.uri(pictures.PICTURE)},
        "documents": [{"text": document} for document in DOCUMENTS],
        "return_documents": True,
    })
    scores = probabilities(pictures.PICTURE)
    assert [int(result["index"]) for result in reply["results"]] == ranking(scores)
    for result in reply["results"]:
        assert result["relevance_score"] == scores[int(result["index"])], "equal to the last digit"
        assert result["document"] == {"text": DOCUMENTS[int(result["index"])]}
    reply = post(open_server, path, {
        "model": MODEL,
        "query": DOCUMENTS[0],
        "documents": [{"image": pictures.base64_of(name)} for name in pictures.NAMES],
        "top_n": 3,
    })
    expected = [probabilities(name)[0] for name in pictures.NAMES]
    assert [result["relevance_score"] for result in reply["results"]] == sorted(expected, key=float)[::-1][:3]


def test_vllms_scores_are_one_to_many_and_pair_by_pair(open_server):
    picture = {"content": [pictures.part(pictures.PICTURE)]}
    for names in (("queries", "documents"), ("text_1", "text_2"), ("data_1", "data_2")):
        reply = post(open_server, "/v1/score", {"model": MODEL, names[0]: picture, names[1]: DOCUMENTS})
        assert [pair["score"] for pair in reply["data"]] == probabilities(pictures.PICTURE)
        assert [pair["object"] for pair in reply["data"]] == ["score"] * len(DOCUMENTS)
    reply = post(open_server, "/v1/score", {"model": MODEL, "text_1": DOCUMENTS, "text_2": DOCUMENTS})
    assert [float(pair["score"]) for pair in reply["data"]] == pytest.approx([1] * 3, abs=1e-6)
