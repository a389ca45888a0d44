// @huggingface/inference: the task zero-shot-image-classification.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { InferenceClient } from "@huggingface/inference";

import { LABELS, MODEL, PICTURE, PICTURE_BYTES, commandLine, serve } from "./serving.mjs";

let server;

before(async () => {
  server = await serve();
});

after(() => server?.stop());

test("the client gets the probabilities of the command line", async () => {
  const client = new InferenceClient().endpoint(`${server.url}/models/${MODEL}`);
  const answer = await client.zeroShotImageClassification({
    inputs: { image: new Blob([PICTURE_BYTES]) },
    parameters: { candidate_labels: LABELS },
  });
  const reply = commandLine("classify", "--multi-label", "--labels", LABELS.join(","), PICTURE);
  const expected = reply.data[0].predictions.map(({ label, probability }) => ({ label, score: probability }));
  assert.deepEqual(answer, expected);
});
