"""Label sets with plain HTTP, which is all that they need, and in openai-python's chat and moderations."""

import json

import httpx
import pictures
import pytest
from serving import MODEL


@pytest.fixture(scope="session")
def http(open_server):
    with httpx.Client(base_url=open_server.v1, timeout=60) as client:
        yield client


@pytest.fixture
def made(http):
    """A set of two groups."""
    groups = [
        {"name": "animal", "labels": ["cat", {"name": "dog", "prompts": {"en": ["a dog"], "de": ["ein Hund"]}}]},
        {"name": "colours", "mode": "multi", "labels": [{"name": "red", "threshold": 0}, {"name": "blue", "threshold": 1}]},
    ]
    reply = http.post("/label_sets", json={"name": "Animals", "groups": groups, "aliases": ["production"]})
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_a_set_is_made_named_listed_and_deleted(http, made):
    path = f"/label_sets/{made['id']}"
    for reference in (path, f"{path}@1", f"{path}@production"):
        found = http.get(reference).json()
        assert (found["object"], found["version"], found["groups"]) == ("label_set", 1, made["groups"])
    second = http.post("/label_sets", json={"id": made["id"], "labels": ["cat"]}).json()
    assert (second["version"], second["name"]) == (2, "Animals")
    assert http.get(f"{path}@production").json()["version"] == 1
    moved = http.post(path, json={"aliases": {"production": 2}}).json()
    assert moved["aliases"] == {"production": 2}
    assert [version["version"] for version in http.get(f"{path}/versions").json()["data"]] == [2, 1]
    assert http.get("/label_sets", params={"limit": 1}).json()["data"][0]["id"] == made["id"]
    assert http.delete(path).json() == {"id": made["id"], "object": "label_set.deleted", "deleted": True}
    gone = http.get(path)
    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "label_set_not_found")


def test_it_stands_in_place_of_labels(http, made):
    body = {"model": MODEL, "input": [{"image": pictures.uri(pictures.PICTURE)}], "label_set": f"{made['id']}@1"}
    reply = http.post("/classify", json=body).json()
    assert (reply["label_set"], reply["score_mode"]) == (body["label_set"], "by_group")
    predictions = {found["label"]: found for found in reply["data"][0]["predictions"]}
    assert predictions["red"]["selected"] and not predictions["blue"]["selected"]
    assert predictions["cat"]["relative"] + predictions["dog"]["relative"] == pytest.approx(1)
    refused = http.post("/classify", json=body | {"labels": ["cat"]})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "labels")


def test_an_example_turns_its_label(http):
    labels = ["cat", {"name": "mascot", "examples": [pictures.uri(pictures.PICTURE)]}]
    made = http.post("/label_sets", json={"name": "shown", "labels": labels}).json()
    [kept] = made["groups"][0]["labels"][1]["examples"]
    assert kept.startswith("sha256:")
    body = {"input": [{"image": pictures.uri(pictures.PICTURE)}], "label_set": made["id"]}
    predictions = http.post("/classify", json=body).json()["data"][0]["predictions"]
    [mascot] = [found for found in predictions if found["label"] == "mascot"]
    assert mascot["probability"] > 0.499


def test_the_doctor_names_what_is_wrong(http):
    labels = [{"name": "cat", "prompts": ["a cat"]}, {"name": "kitten", "prompts": ["a cat"]}]
    made = http.post("/label_sets", json={"name": "doubles", "labels": labels}).json()
    report = http.get(f"/label_sets/{made['id']}/doctor", params={"model": MODEL}).json()
    assert report["problems"][0]["kind"] == "near_duplicates"
    assert report["problems"][0]["labels"] == ["cat", "kitten"]


def test_openai_python_names_it_in_metadata(client, made):
    reply = client.chat.completions.create(
        model=MODEL, messages=pictures.messages(pictures.PICTURE), metadata={"label_set": made["id"]}
    )
    answer = json.loads(reply.choices[0].message.content)
    assert answer["animal"] in ("cat", "dog") and answer["colours"] == ["red"]


def test_openai_python_moderates_with_it(client, made):
    reply = client.moderations.create(
        model=MODEL, input=[pictures.part(pictures.PICTURE)], extra_body={"label_set": made["id"]}
    )
    [result] = reply.results
    assert result.flagged and result.categories.model_extra["red"] is True
