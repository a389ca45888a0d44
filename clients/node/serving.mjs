// The program under test: `polysight serve` on a free port, and `polysight` on the command line.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const goldens = join(process.env.POLYSIGHT_ROOT, "crates/model/tests/goldens/tiny-end-to-end");
const program = process.env.POLYSIGHT_BIN;

export const MODEL = "tiny-end-to-end";
export const LABELS = ["cat", "dog", "bicycle"];
export const PICTURE = join(goldens, "pictures/rgb_61x37.png");
export const PICTURE_BYTES = readFileSync(PICTURE);
export const PICTURE_URI = `data:image/png;base64,${PICTURE_BYTES.toString("base64")}`;

// No variable of the caller and no polysight.toml of the working directory may have a say.
const surroundings = { cwd: tmpdir(), env: { HOME: tmpdir(), POLYSIGHT_CONFIG: "" } };

/** Starts a server, which speaks once its model is loaded. `stop` ends it. */
export async function serve(...options) {
  const command = ["serve", "--config", "", "--json", "--addr", "127.0.0.1:0", "--model", goldens, ...options];
  const child = spawn(program, command, { ...surroundings, stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  child.stderr.on("data", (text) => (log += text));
  const first = once(createInterface(child.stdout), "line");
  const ended = once(child, "exit").then(() => Promise.reject(new Error(`polysight serve ended:\n${log}`)));
  // It is expected to end later.
  ended.catch(() => {});
  const [line] = await Promise.race([first, ended]);
  const [url] = JSON.parse(line).urls;
  const stop = async () => {
    child.kill();
    await ended.catch(() => {});
  };
  return { url, v1: `${url}/v1`, stop };
}

/** What a command with the same model says with `--json`. */
export function commandLine(command, ...options) {
  const output = execFileSync(program, [command, "--config", "", "--model", goldens, "--json", ...options], surroundings);
  return JSON.parse(output);
}

/** The rows of `polysight embed`. */
export function expectedRows(...options) {
  return commandLine("embed", ...options).data.map((row) => row.embedding);
}

/** The labels of the picture with their scores, best first. */
export function expectedPredictions() {
  return commandLine("classify", "--labels", LABELS.join(","), PICTURE).data[0].predictions;
}

/** Numbers of f32, which JSON and base64 may write with different numbers of digits. */
export function asFloats(rows) {
  return rows.map((row) => Float32Array.from(row));
}

export const CHAT = [
  {
    role: "user",
    content: [
      { type: "text", text: "What is in the picture?" },
      { type: "image_url", image_url: { url: PICTURE_URI } },
    ],
  },
];
