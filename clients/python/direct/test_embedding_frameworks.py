"""LangChain and LlamaIndex with their default settings."""

import os
import pathlib

import llama_index.core
import numpy
import pytest
from langchain_openai import OpenAIEmbeddings
from llama_index.embeddings.openai_like import OpenAILikeEmbedding
from serving import DIMENSIONS, MODEL, command_line_json

TEXTS = ["a photo of a cat", "This is a photo of 2 dogs!", "une photo d'un vélo rouge", "猫の写真"]


@pytest.fixture(autouse=True, scope="module")
def vocabulary():
    """LangChain cuts texts into tokens with a vocabulary that tiktoken downloads; LlamaIndex carries a copy."""
    folder = pathlib.Path(llama_index.core.__file__).parent / "_static" / "tiktoken_cache"
    os.environ["TIKTOKEN_CACHE_DIR"] = str(folder)


def expected() -> numpy.ndarray:
    arguments = [argument for text in TEXTS for argument in ("--text", text)]
    data = command_line_json("embed", *arguments)["data"]
    return numpy.array([row["embedding"] for row in data], dtype=numpy.float32)


@pytest.mark.parametrize("model", [MODEL, "text-embedding-3-small"])
def test_langchain_sends_token_ids_and_gets_the_vectors_of_the_texts(aliased_server, model):
    embeddings = OpenAIEmbeddings(model=model, base_url=aliased_server.v1, api_key="unused")
    found = numpy.array(embeddings.embed_documents(TEXTS), dtype=numpy.float32)
    # LangChain averages the parts of each text, here one, and brings the average to length 1 again.
    assert numpy.allclose(found, expected(), rtol=0, atol=1e-6)
    assert numpy.allclose(embeddings.embed_query(TEXTS[0]), found[0], rtol=0, atol=1e-6)


def test_langchain_sends_texts_when_it_is_told_to(aliased_server):
    embeddings = OpenAIEmbeddings(
        model=MODEL, base_url=aliased_server.v1, api_key="unused", check_embedding_ctx_length=False, dimensions=8
    )
    assert numpy.array(embeddings.embed_documents(TEXTS)).shape == (len(TEXTS), 8)


def test_llamaindex_gets_the_vectors_of_the_texts(aliased_server):
    embeddings = OpenAILikeEmbedding(model_name=MODEL, api_base=aliased_server.v1, api_key="unused")
    found = embeddings.get_text_embedding_batch(TEXTS)
    assert numpy.array_equal(numpy.array(found, dtype=numpy.float32), expected())
    assert len(embeddings.get_query_embedding("a cat")) == DIMENSIONS
