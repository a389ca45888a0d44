"""huggingface_hub: the task zero-shot-image-classification."""

import asyncio
import base64

import huggingface_hub
import pictures
import pytest
from conftest import KEYS
from huggingface_hub.errors import HfHubHTTPError
from serving import MODEL, command_line_json

LABELS = ["cat", "dog", "bicycle"]


def expected(template: str = "auto") -> list[tuple[str, str]]:
    reply = command_line_json(
        "classify", "--multi-label", "--template", template, "--labels", ",".join(LABELS), pictures.path(pictures.PICTURE)
    )
    return [(prediction["label"], float(prediction["probability"])) for prediction in reply["data"][0]["predictions"]]


def pairs(answer) -> list[tuple[str, float]]:
    return [(element.label, element.score) for element in answer]


IMAGES = {
    "bytes": pictures.data(pictures.PICTURE),
    "path": pictures.path(pictures.PICTURE),
    "base64": base64.b64encode(pictures.data(pictures.PICTURE)).decode(),
}


@pytest.mark.parametrize("form", ["bytes", "path"])
def test_the_client_gets_the_probabilities_of_the_command_line(open_server, form):
    client = huggingface_hub.InferenceClient(f"{open_server.url}/models/{MODEL}")
    answer = client.zero_shot_image_classification(IMAGES[form], candidate_labels=LABELS)
    assert pairs(answer) == expected()


def test_a_template_of_its_own_is_used(open_server):
    client = huggingface_hub.InferenceClient(f"{open_server.url}/models/{MODEL}")
    answer = client.zero_shot_image_classification(
        IMAGES["bytes"], candidate_labels=LABELS, hypothesis_template="a drawing of a {}"
    )
    assert pairs(answer) == expected("a drawing of a {}")


def test_the_asynchronous_client_gets_the_same(open_server):
    async def call():
        async with huggingface_hub.AsyncInferenceClient(f"{open_server.url}/models/{MODEL}") as client:
            return await client.zero_shot_image_classification(IMAGES["bytes"], candidate_labels=LABELS)

    assert pairs(asyncio.run(call())) == expected()


def test_keys_are_shown_as_tokens(keyed_server):
    url = f"{keyed_server.url}/models/{MODEL}"
    client = huggingface_hub.InferenceClient(url, token=KEYS[0])
    assert pairs(client.zero_shot_image_classification(IMAGES["bytes"], candidate_labels=LABELS)) == expected()
    with pytest.raises(HfHubHTTPError) as caught:
        huggingface_hub.InferenceClient(url, token="wrong").zero_shot_image_classification(
            IMAGES["bytes"], candidate_labels=LABELS
        )
    assert caught.value.response.status_code == 401


def test_an_unknown_model_is_an_error(open_server):
    client = huggingface_hub.InferenceClient(f"{open_server.url}/models/none")
    with pytest.raises(HfHubHTTPError) as caught:
        client.zero_shot_image_classification(IMAGES["bytes"], candidate_labels=LABELS)
    assert caught.value.response.status_code == 404
