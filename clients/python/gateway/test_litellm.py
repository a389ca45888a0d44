"""LiteLLM as a library, and as a gateway that openai-python calls."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.request

import pictures
import pytest
from formats import label_format
from serving import MODEL, command_line_json

# Neither prices from the web nor statistics to it.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm  # noqa: E402
import openai  # noqa: E402

litellm.telemetry = False

TEXTS = ["a photo of a cat", "猫の写真"]
LABELS = ["cat", "dog", "bicycle"]
GATEWAY_KEY = "sk-gateway"
# LiteLLM's proxy imports for a while.
GATEWAY_SECONDS = 120

FORMAT = label_format({"type": "string", "enum": LABELS})


def rows(given: list) -> list[list[float]]:
    return [[float(number) for number in row["embedding"]] for row in given]


def expected_rows(*arguments: str) -> list[list[float]]:
    return rows(command_line_json("embed", *arguments)["data"])


def expected_texts() -> list[list[float]]:
    return expected_rows(*[argument for text in TEXTS for argument in ("--text", text)])


def expected_label() -> dict:
    reply = command_line_json("classify", "--labels", ",".join(LABELS), pictures.path(pictures.PICTURE))
    return {"label": reply["data"][0]["prediction"]}


def same(found: list[list[float]], expected: list[list[float]]) -> bool:
    """The same f32, which decoding base64 writes with more digits."""
    return all(row == pytest.approx(other, rel=1e-6, abs=1e-9) for row, other in zip(found, expected, strict=True))


@pytest.fixture(scope="module")
def library(open_server):
    return {"api_base": open_server.v1, "api_key": "unused"}


def test_the_library_embeds_texts(library):
    reply = litellm.embedding(model=f"openai/{MODEL}", input=TEXTS, **library)
    assert same(rows(reply.data), expected_texts())


def test_the_library_embeds_pictures_as_data_uris(library):
    reply = litellm.embedding(model=f"openai/{MODEL}", input=[pictures.uri(pictures.PICTURE)], **library)
    assert same(rows(reply.data), expected_rows(pictures.path(pictures.PICTURE)))


def test_the_library_classifies_through_chat(library):
    arguments = {"model": f"openai/{MODEL}", "messages": pictures.messages(pictures.PICTURE), "response_format": FORMAT}
    reply = litellm.completion(**arguments, **library)
    assert json.loads(reply.choices[0].message.content) == expected_label()
    stream = litellm.completion(**arguments, **library, stream=True)
    content = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
    assert json.loads(content) == expected_label()


@pytest.mark.parametrize(("provider", "path"), [("cohere", "/v1/rerank"), ("jina_ai", "/v1/rerank")])
def test_the_library_ranks_in_the_dialects_of_cohere_and_jina(open_server, provider, path):
    reply = litellm.rerank(
        model=f"{provider}/{MODEL}",
        query="a cat",
        documents=["the sea", "a photo of a cat"],
        top_n=2,
        api_base=f"{open_server.url}{path}",
        api_key="unused",
    )
    scores = [result["relevance_score"] for result in reply.results]
    assert len(scores) == 2 and scores == sorted(scores, reverse=True)


def test_the_library_raises_the_errors_of_openai(library):
    with pytest.raises(litellm.NotFoundError):
        litellm.embedding(model="openai/gpt-2", input=["a"], **library)
    with pytest.raises(litellm.BadRequestError):
        litellm.completion(model=f"openai/{MODEL}", messages=pictures.messages(pictures.PICTURE), **library)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(url: str, process: subprocess.Popen, log: pathlib.Path) -> None:
    deadline = time.monotonic() + GATEWAY_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the gateway ended:\n{log.read_text()}"
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            time.sleep(0.25)
    raise AssertionError(f"the gateway does not answer:\n{log.read_text()}")


@pytest.fixture(scope="module")
def gateway(keyed_server, tmp_path_factory):
    """LiteLLM's proxy with a model for embeddings and one for chat, both of them ours."""
    folder = tmp_path_factory.mktemp("gateway")
    route = {"model": f"openai/{MODEL}", "api_base": keyed_server.v1, "api_key": "first-secret"}
    configuration = {
        "model_list": [
            {"model_name": "embedder", "litellm_params": route, "model_info": {"mode": "embedding"}},
            {"model_name": "classifier", "litellm_params": route},
        ],
        "litellm_settings": {"telemetry": False, "num_retries": 0},
        "general_settings": {"master_key": GATEWAY_KEY},
    }
    # JSON is YAML.
    file = folder / "config.yaml"
    file.write_text(json.dumps(configuration))
    port = free_port()
    log = folder / "log"
    command = pathlib.Path(sys.executable).parent / "litellm"
    environment = {
        "HOME": str(folder),
        "PATH": f"{command.parent}:/usr/bin:/bin",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "NO_DOCS": "True",
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [command, "--config", file, "--host", "127.0.0.1", "--port", str(port), "--telemetry", "False"],
            cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/health/liveliness", process, log)
        with openai.OpenAI(
            base_url=f"http://127.0.0.1:{port}/v1", api_key=GATEWAY_KEY, max_retries=0, timeout=60
        ) as client:
            yield client
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def test_texts_and_pictures_are_embedded_through_the_gateway(gateway):
    reply = gateway.embeddings.create(model="embedder", input=TEXTS)
    assert same(rows([item.model_dump() for item in reply.data]), expected_texts())
    reply = gateway.embeddings.create(model="embedder", input=[pictures.uri(pictures.PICTURE)], encoding_format="float")
    assert same([reply.data[0].embedding], expected_rows(pictures.path(pictures.PICTURE)))


def test_a_picture_is_classified_through_the_gateway(gateway):
    arguments = {
        "model": "classifier",
        "messages": pictures.messages(pictures.PICTURE),
        "response_format": FORMAT,
    }
    reply = gateway.chat.completions.create(**arguments)
    assert json.loads(reply.choices[0].message.content) == expected_label()
    stream = gateway.chat.completions.create(**arguments, stream=True)
    content = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    assert json.loads(content) == expected_label()


def test_our_errors_arrive_behind_the_gateway(gateway):
    with pytest.raises(openai.BadRequestError) as caught:
        gateway.chat.completions.create(model="classifier", messages=pictures.messages(pictures.PICTURE))
    assert "response_format" in str(caught.value)
