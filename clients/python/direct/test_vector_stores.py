"""Every method of openai-python's `client.vector_stores`, with replies held against its types, over files that this suite made."""

import asyncio
import pathlib

import openai
import pictures
import pytest

QUICK = {"poll_interval_ms": 20}


@pytest.fixture
def client(server_with):
    with openai.OpenAI(
        base_url=server_with().v1, api_key="unused", max_retries=0, _strict_response_validation=True
    ) as client:
        yield client


@pytest.fixture
def files(client):
    """Pictures that were uploaded, by their names."""
    upload = lambda name: client.files.create(file=pathlib.Path(pictures.path(name)), purpose="assistants").id
    return {name: upload(name) for name in pictures.NAMES[:3]}


@pytest.fixture
def filled(client, files):
    """A store with the pictures."""
    store = client.vector_stores.create(name="pictures")
    batch = client.vector_stores.file_batches.create_and_poll(store.id, file_ids=list(files.values()), **QUICK)
    assert (batch.status, batch.file_counts.completed) == ("completed", len(files))
    return store


def test_the_ten_lines_of_the_documentation(client):
    store = client.vector_stores.create(name="holiday")
    for name in pictures.NAMES[:3]:
        with open(pictures.path(name), "rb") as picture:
            client.vector_stores.files.upload_and_poll(vector_store_id=store.id, file=picture, **QUICK)
    found = client.vector_stores.search(store.id, query="a red square", max_num_results=2)
    assert len(found.data) == 2
    for hit in found:
        assert hit.filename in pictures.NAMES[:3] and 0 <= hit.score <= 1


def test_a_store_is_made_found_changed_listed_and_deleted(client):
    after = {"anchor": "last_active_at", "days": 2}
    made = client.vector_stores.create(name="one", metadata={"year": "2026"}, expires_after=after)
    assert (made.object, made.name, made.status, made.metadata) == ("vector_store", "one", "completed", {"year": "2026"})
    assert made.expires_at == made.last_active_at + 2 * 24 * 3600
    assert made.expires_after.days == 2
    assert client.vector_stores.retrieve(made.id) == made
    changed = client.vector_stores.update(made.id, name="uno", metadata=None, expires_after=None)
    assert (changed.name, changed.expires_at) == ("uno", None)
    others = [client.vector_stores.create(name=str(number)).id for number in range(4)]
    assert [store.id for store in client.vector_stores.list(limit=2, order="asc")] == [made.id, *others]
    assert [store.id for store in client.vector_stores.list(limit=2)] == [*others[::-1], made.id]
    assert [store.id for store in client.vector_stores.list(before=others[2], limit=1).data] == [others[3]]
    gone = client.vector_stores.delete(made.id)
    assert (gone.id, gone.deleted, gone.object) == (made.id, True, "vector_store.deleted")
    with pytest.raises(openai.NotFoundError) as missing:
        client.vector_stores.retrieve(made.id)
    assert missing.value.code == "vector_store_not_found"


def test_files_are_added_changed_read_listed_and_taken_out(client, files):
    store = client.vector_stores.create(file_ids=[files[pictures.NAMES[0]]])
    of = client.vector_stores.files
    second = of.create(store.id, file_id=files[pictures.NAMES[1]], attributes={"n": 2, "sold": True, "by": "Ann"})
    assert (second.object, second.vector_store_id) == ("vector_store.file", store.id)
    assert of.poll(second.id, vector_store_id=store.id, **QUICK).status == "completed"
    third = of.create_and_poll(files[pictures.NAMES[2]], vector_store_id=store.id, chunking_strategy={"type": "auto"}, **QUICK)
    assert (third.status, third.last_error, third.chunking_strategy.type) == ("completed", None, "other")
    found = of.retrieve(second.id, vector_store_id=store.id)
    assert found.attributes == {"n": 2, "sold": True, "by": "Ann"}
    assert of.update(second.id, vector_store_id=store.id, attributes={"n": 3}).attributes == {"n": 3}
    assert of.update(second.id, vector_store_id=store.id, attributes=None).attributes == {}
    note = of.upload_and_poll(vector_store_id=store.id, file=("note.txt", b"a red square"), **QUICK)
    assert [part.text for part in of.content(note.id, vector_store_id=store.id)] == ["a red square"]
    of.poll(files[pictures.NAMES[0]], vector_store_id=store.id, **QUICK)
    everything = [*files.values(), note.id]
    assert [file.id for file in of.list(store.id, limit=2, order="asc")] == everything
    assert [file.id for file in of.list(store.id, limit=2, filter="completed")] == everything[::-1]
    assert of.list(store.id, filter="failed").data == []
    gone = of.delete(second.id, vector_store_id=store.id)
    assert (gone.id, gone.deleted, gone.object) == (second.id, True, "vector_store.file.deleted")
    with pytest.raises(openai.NotFoundError) as missing:
        of.retrieve(second.id, vector_store_id=store.id)
    assert missing.value.code == "vector_store_file_not_found"
    assert client.files.retrieve(second.id).id == second.id, "the file stays"
    bad = of.upload_and_poll(vector_store_id=store.id, file=("a.bin", b"\x00\x01"), **QUICK)
    assert (bad.status, bad.last_error.code) == ("failed", "unsupported_file")
    uploaded = of.upload(vector_store_id=store.id, file=("b.txt", b"b"))
    assert of.poll(uploaded.id, vector_store_id=store.id, **QUICK).status == "completed"


def test_files_are_added_in_batches(client, files):
    store = client.vector_stores.create()
    of = client.vector_stores.file_batches
    first, second, third = files.values()
    made = of.create(store.id, files=[{"file_id": first, "attributes": {"n": 1}}, {"file_id": second}])
    assert (made.object, made.vector_store_id, made.file_counts.total) == ("vector_store.files_batch", store.id, 2)
    done = of.poll(made.id, vector_store_id=store.id, **QUICK)
    assert (done.status, done.file_counts.completed) == ("completed", 2)
    assert of.retrieve(made.id, vector_store_id=store.id) == done
    assert [file.id for file in of.list_files(made.id, vector_store_id=store.id, limit=1, order="asc")] == [first, second]
    assert of.list_files(made.id, vector_store_id=store.id, filter="cancelled").data == []
    assert of.cancel(made.id, vector_store_id=store.id).file_counts.in_progress == 0
    last = of.upload_and_poll(store.id, files=[("a.txt", b"a"), ("b.txt", b"b")], file_ids=[third], **QUICK)
    assert last.file_counts.completed == 3
    assert client.vector_stores.retrieve(store.id).file_counts.completed == 5
    with pytest.raises(openai.NotFoundError) as missing:
        of.retrieve("vsfb_0", vector_store_id=store.id)
    assert missing.value.code == "file_batch_not_found"


def test_what_fits_is_found(client, files, filled):
    search = lambda query, **more: client.vector_stores.search(filled.id, query=query, **more).data
    assert len(search("a red square", ranking_options={"ranker": "auto", "score_threshold": 0})) == 3
    assert len(search(["red", "blue"], max_num_results=1, rewrite_query=True)) == 1
    for name, file in files.items():
        for query in (file, pictures.uri(name)):
            [best] = search(query, max_num_results=1)
            assert (best.file_id, best.filename, best.score) == (file, name, pytest.approx(1, abs=1e-3))
    first = files[pictures.NAMES[0]]
    client.vector_stores.files.update(first, vector_store_id=filled.id, attributes={"year": 2026, "place": "Rome"})
    comparison = {"type": "gte", "key": "year", "value": 2026}
    assert [found.file_id for found in search("a", filters=comparison)] == [first]
    assert search("a", filters=comparison)[0].attributes == {"year": 2026, "place": "Rome"}
    compound = {"type": "and", "filters": [comparison, {"type": "in", "key": "place", "value": ["Oslo"]}]}
    assert search("a", filters=compound) == []
    mixture = [{"image": first}, {"text": "a red square", "weight": -0.2}]
    found = client.vector_stores.search(filled.id, query="", extra_body={"query": mixture, "cutoff": 0.9})
    assert found.data[0].file_id == first
    assert found.data[0].url == f"/v1/files/{first}/content"


def test_the_asynchronous_client_does_the_same(client, files):
    async def work():
        async with openai.AsyncOpenAI(
            base_url=client.base_url, api_key="unused", max_retries=0, _strict_response_validation=True
        ) as other:
            stores = other.vector_stores
            store = await stores.create(name="async")
            assert await stores.retrieve(store.id) == store
            await stores.update(store.id, name="other")
            first, second, third = files.values()
            of, batches = stores.files, stores.file_batches
            assert (await of.create_and_poll(first, vector_store_id=store.id, **QUICK)).status == "completed"
            batch = await batches.create_and_poll(store.id, file_ids=[second, third], **QUICK)
            assert (await batches.retrieve(batch.id, vector_store_id=store.id)).status == "completed"
            assert (await batches.cancel(batch.id, vector_store_id=store.id)).id == batch.id
            assert [file.id async for file in batches.list_files(batch.id, vector_store_id=store.id)] == [third, second]
            assert [file.id async for file in of.list(store.id, order="asc")] == [first, second, third]
            await of.update(first, vector_store_id=store.id, attributes={"a": 1})
            assert (await of.retrieve(first, vector_store_id=store.id)).attributes == {"a": 1}
            assert [part.type async for part in of.content(first, vector_store_id=store.id)] == ["text"]
            found = [found async for found in stores.search(store.id, query=first, max_num_results=1)]
            assert found[0].file_id == first
            assert (await of.delete(first, vector_store_id=store.id)).deleted
            assert [found.id async for found in stores.list()] == [store.id]
            assert (await stores.delete(store.id)).deleted

    asyncio.run(work())
