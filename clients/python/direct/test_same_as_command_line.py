"""What the server answers is what the command line prints, to the last digit: numbers are compared as text."""

import io

import httpx
import numpy
import pictures
import pytest
from serving import MODEL, command_line, command_line_json, exact_json

TEXTS = ["a photo of a cat", "This is a photo of 2 dogs!", "猫の写真", ""]
LABELS = ["cat", "dog", "red bicycle", "the sea"]


def post(server, path: str, body: dict) -> dict:
    response = httpx.post(f"{server.url}{path}", json=body, timeout=60)
    assert response.status_code == 200, response.text
    return exact_json(response.content)


def inputs() -> list:
    return [*TEXTS, *[{"image": pictures.uri(name)} for name in pictures.NAMES]]


def embed_arguments() -> list[str]:
    texts = [argument for text in TEXTS for argument in ("--text", text)]
    return [*texts, *map(pictures.path, pictures.NAMES)]


def test_embeddings_are_the_same_json(open_server):
    ours = command_line_json("embed", *embed_arguments())
    theirs = post(open_server, "/v1/embeddings", {"model": MODEL, "input": inputs()})
    assert [row["embedding"] for row in theirs["data"]] == [row["embedding"] for row in ours["data"]]
    assert theirs["model"] == ours["model"]
    assert theirs["usage"]["prompt_tokens"] == ours["usage"]["prompt_tokens"]


def test_embeddings_are_the_bytes_of_the_numpy_file(open_server):
    rows = numpy.load(io.BytesIO(command_line("embed", *embed_arguments())))
    theirs = post(open_server, "/v1/embeddings", {"model": MODEL, "input": inputs()})
    theirs = numpy.array([row["embedding"] for row in theirs["data"]], dtype=numpy.float32)
    assert rows.dtype == numpy.float32 and theirs.tobytes() == rows.tobytes()


@pytest.mark.parametrize(
    ("arguments", "fields"),
    [
        ([], {}),
        (["--multi-label", "--threshold", "0.001"], {"multi_label": True, "threshold": 0.001}),
        (["--template", "de"], {"templates": ["de"]}),
        (["--template", "none", "--top-k", "2"], {"templates": ["none"], "top_k": 2}),
        (["--template", "a drawing of a {}"], {"templates": ["a drawing of a {}"]}),
    ],
    ids=["defaults", "multi-label", "a language", "top 2", "a sentence"],
)
def test_classifications_are_the_same_json(open_server, arguments, fields):
    files = list(map(pictures.path, pictures.NAMES))
    ours = command_line_json("classify", "--labels", ",".join(LABELS), *arguments, *files)
    body = {"model": MODEL, "input": inputs()[len(TEXTS) :], "labels": LABELS, **fields}
    theirs = post(open_server, "/v1/classify", body)
    # The command line says where it found a picture, and caches nothing.
    for item in ours["data"]:
        del item["path"]
    for reply in (ours, theirs):
        for name in ("cached_images", "cached_labels", "prompt_tokens", "total_tokens"):
            del reply["usage"][name]
    assert theirs == ours
