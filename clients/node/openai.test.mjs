// openai-node.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

import { CHAT, LABELS, MODEL, PICTURE, PICTURE_URI, asFloats, expectedPredictions, expectedRows, serve } from "./serving.mjs";

const Answer = z.object({ label: z.enum(LABELS) });
const question = () => ({ model: MODEL, messages: CHAT, response_format: zodResponseFormat(Answer, "answer") });

let server, keyed, client;

before(async () => {
  [server, keyed] = await Promise.all([serve(), serve("--api-key", "a-secret")]);
  client = new OpenAI({ baseURL: server.v1, apiKey: "unused", maxRetries: 0 });
});

after(() => Promise.all([server?.stop(), keyed?.stop()]));

test("texts are embedded as on the command line, as base64 and as floats", async () => {
  const input = ["a photo of a cat", "猫の写真"];
  const expected = asFloats(expectedRows("--text", input[0], "--text", input[1]));
  for (const format of [{}, { encoding_format: "float" }]) {
    const reply = await client.embeddings.create({ model: MODEL, input, ...format });
    assert.equal(reply.model, MODEL);
    assert.deepEqual(asFloats(reply.data.map((item) => item.embedding)), expected);
  }
  const short = await client.embeddings.create({ model: MODEL, input: input[0], dimensions: 3 });
  assert.equal(short.data[0].embedding.length, 3);
});

test("pictures are embedded as on the command line", async () => {
  const expected = asFloats(expectedRows(PICTURE))[0];
  for (const input of [PICTURE_URI, [{ image: PICTURE_URI }], [{ content: [CHAT[0].content[1]] }]]) {
    const reply = await client.embeddings.create({ model: MODEL, input });
    assert.deepEqual(asFloats([reply.data[0].embedding])[0], expected);
  }
});

test("models are listed and found", async () => {
  const ids = [];
  for await (const model of client.models.list()) ids.push(model.id);
  assert.deepEqual(ids, [MODEL]);
  assert.equal((await client.models.retrieve(MODEL)).object, "model");
});

test("a picture is moderated in OpenAI's categories", async () => {
  const reply = await client.moderations.create({ model: MODEL, input: [CHAT[0].content[1]] });
  assert.equal(reply.results.length, 1);
  assert.ok(Object.keys(reply.results[0].categories).length >= 13);
  assert.deepEqual(reply.results[0].category_applied_input_types.violence, ["image"]);
});

test("an enum of zod is parsed to the label that the command line gives", async () => {
  const reply = await client.chat.completions.parse(question());
  assert.deepEqual(reply.choices[0].message.parsed, { label: expectedPredictions()[0].label });
  assert.equal(reply.usage.completion_tokens, 0);
});

test("logprobs name every label, the best first", async () => {
  const reply = await client.chat.completions.create({ ...question(), logprobs: true, top_logprobs: 3 });
  const [entry] = reply.choices[0].logprobs.content;
  const expected = expectedPredictions();
  assert.deepEqual(entry.top_logprobs.map((top) => top.token), expected.map((prediction) => prediction.label));
  // `relative` is rounded to f32.
  assert.ok(Math.abs(Math.exp(entry.logprob) - expected[0].relative) < 1e-6);
});

test("a stream has the answer and, when asked for, the usage", async () => {
  const stream = await client.chat.completions.create({ ...question(), stream: true, stream_options: { include_usage: true } });
  let content = "";
  let usage;
  for await (const chunk of stream) {
    content += chunk.choices[0]?.delta.content ?? "";
    usage = chunk.usage ?? usage;
  }
  assert.deepEqual(JSON.parse(content), { label: expectedPredictions()[0].label });
  assert.equal(usage.images, 1);
});

test("the streaming helper parses the answer", async () => {
  const completion = await client.chat.completions.stream(question()).finalChatCompletion();
  assert.deepEqual(completion.choices[0].message.parsed, { label: expectedPredictions()[0].label });
});

test("errors are of the classes that programs catch", async () => {
  const embed = (input, model = MODEL) => client.embeddings.create({ model, input });
  await assert.rejects(embed("a", "gpt-2"), (error) => error instanceof OpenAI.NotFoundError && error.param === "model");
  await assert.rejects(embed([]), (error) => error instanceof OpenAI.BadRequestError && error.param === "input");
  await assert.rejects(embed([{ image: "aGVsbG8=" }]), (error) => error instanceof OpenAI.APIError && error.status === 415);
  await assert.rejects(
    client.chat.completions.create({ model: MODEL, messages: CHAT }),
    (error) => error instanceof OpenAI.BadRequestError && error.param === "response_format",
  );
  const wrong = new OpenAI({ baseURL: keyed.v1, apiKey: "wrong", maxRetries: 0 });
  await assert.rejects(wrong.models.list(), OpenAI.AuthenticationError);
  const right = new OpenAI({ baseURL: keyed.v1, apiKey: "a-secret", maxRetries: 0 });
  assert.equal((await right.models.retrieve(MODEL)).id, MODEL);
});
