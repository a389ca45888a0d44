// The AI SDK of Vercel, with its provider for everybody's servers and with the one for OpenAI's.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import * as ai from "ai";

import { LABELS, MODEL, PICTURE_BYTES, asFloats, expectedPredictions, expectedRows, serve } from "./serving.mjs";

// It prints advice about settings otherwise.
globalThis.AI_SDK_LOG_WARNINGS = false;

let server, compatible, openai;

before(async () => {
  server = await serve();
  compatible = createOpenAICompatible({
    name: "polysight",
    baseURL: server.v1,
    apiKey: "unused",
    // Else it describes the schema in a sentence and asks for any JSON object.
    supportsStructuredOutputs: true,
  });
  openai = createOpenAI({ baseURL: server.v1, apiKey: "unused" });
});

after(() => server?.stop());

test("embed and embedMany give the vectors of the command line", async () => {
  const values = ["a photo of a cat", "猫の写真"];
  const expected = asFloats(expectedRows("--text", values[0], "--text", values[1]));
  for (const model of [compatible.embeddingModel(MODEL), openai.embedding(MODEL)]) {
    const many = await ai.embedMany({ model, values });
    assert.deepEqual(asFloats(many.embeddings), expected);
    const one = await ai.embed({ model, value: values[0] });
    assert.deepEqual(asFloats([one.embedding])[0], expected[0]);
    assert.ok(one.usage.tokens > 0);
  }
});

const messages = [
  {
    role: "user",
    content: [
      { type: "text", text: "What is in the picture?" },
      { type: "file", data: PICTURE_BYTES, mediaType: "image/png" },
    ],
  },
];

test("an enum of generateObject is the label of the command line", async () => {
  for (const model of [compatible.chatModel(MODEL), openai.chat(MODEL)]) {
    const reply = await ai.generateObject({ model, output: "enum", enum: LABELS, messages });
    assert.equal(reply.object, expectedPredictions()[0].label);
    assert.equal(reply.finishReason, "stop");
  }
});

test("a choice of generateText and of streamText is the label too", async () => {
  const output = ai.Output.choice({ options: LABELS });
  for (const model of [compatible.chatModel(MODEL), openai.chat(MODEL)]) {
    const whole = await ai.generateText({ model, output, messages });
    assert.equal(whole.output, expectedPredictions()[0].label);
    const stream = ai.streamText({ model, output, messages });
    assert.equal(await stream.output, expectedPredictions()[0].label);
  }
});

test("an error says what the server said", async () => {
  const model = compatible.embeddingModel("gpt-2");
  await assert.rejects(ai.embed({ model, value: "a", maxRetries: 0 }), (error) => {
    assert.equal(error.statusCode, 404);
    assert.match(error.message, /gpt-2/);
    return true;
  });
});
