// The call that the playground makes, as programs. Each is complete: pasted into a file beside the picture, it runs.

/** Programs by language for `{origin, model, labels, file, type, mode, keyed}`. */
export function snippet(language, call) {
  return { curl, python, openai, javascript }[language](call).trim() + "\n";
}

const quoted = (value) => JSON.stringify(value);
const list = (labels) => `[${labels.map(quoted).join(", ")}]`;

function curl({ origin, model, labels, file, type, mode, keyed }) {
  // Inside an unquoted here-document the shell reads these three, and nothing else.
  const shell = (text) => text.replace(/[\\$`]/g, "\\$&");
  const path = `'${file.replaceAll("'", "'\\''")}'`;
  const key = keyed ? `\n  -H "authorization: Bearer $POLYSIGHT_API_KEY" \\` : "";
  return `
curl ${origin}/v1/classify \\${key}
  -H "content-type: application/json" \\
  -d @- <<END
{
  "model": ${shell(quoted(model))},
  "input": [{"image": "data:${type};base64,$(base64 < ${path} | tr -d '\\n')"}],
  "labels": ${shell(list(labels))},
  "multi_label": ${mode === "probability"}
}
END`;
}

function python({ origin, model, labels, file, type, mode, keyed }) {
  const own = mode === "probability";
  const environment = keyed ? "\nimport os" : "";
  const headers = keyed ? `\n    headers={"authorization": f"Bearer {os.environ['POLYSIGHT_API_KEY']}"},` : "";
  return `
import base64${environment}
import requests

with open(${quoted(file)}, "rb") as picture:
    image = base64.b64encode(picture.read()).decode()

reply = requests.post(
    "${origin}/v1/classify",${headers}
    json={
        "model": ${quoted(model)},
        "input": [{"image": f"data:${type};base64,{image}"}],
        "labels": ${list(labels)},
        "multi_label": ${own ? "True" : "False"},
    },
)
reply.raise_for_status()
for guess in reply.json()["data"][0]["predictions"]:
    print(f"{guess['${mode}']:.3f}  {guess['label']}")`;
}

function openai({ origin, model, labels, file, type, mode, keyed }) {
  const own = mode === "probability";
  const environment = keyed ? "\nimport os" : "";
  const key = keyed ? `os.environ["POLYSIGHT_API_KEY"]` : `"none"`;
  const name = own ? "labels" : "label";
  const choice = own
    ? `{"type": "array", "items": {"type": "string", "enum": labels}}`
    : `{"type": "string", "enum": labels}`;
  return `
import base64${environment}
from openai import OpenAI

client = OpenAI(base_url="${origin}/v1", api_key=${key})
labels = ${list(labels)}
with open(${quoted(file)}, "rb") as picture:
    image = base64.b64encode(picture.read()).decode()

reply = client.chat.completions.create(
    model=${quoted(model)},
    messages=[{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": f"data:${type};base64,{image}"}},
    ]}],
    response_format={"type": "json_schema", "json_schema": {
        "name": "answer",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"${name}": ${choice}},
            "required": ["${name}"],
            "additionalProperties": False,
        },
    }},
)
print(reply.choices[0].message.content)`;
}

function javascript({ origin, model, labels, file, type, mode, keyed }) {
  const key = keyed ? `\n    "authorization": \`Bearer \${process.env.POLYSIGHT_API_KEY}\`,` : "";
  return `
import { readFile } from "node:fs/promises";

const image = await readFile(${quoted(file)}, "base64");
const reply = await fetch("${origin}/v1/classify", {
  method: "POST",
  headers: {${key}
    "content-type": "application/json",
  },
  body: JSON.stringify({
    model: ${quoted(model)},
    input: [{ image: \`data:${type};base64,\${image}\` }],
    labels: ${list(labels)},
    multi_label: ${mode === "probability"},
  }),
});
if (!reply.ok) throw new Error(await reply.text());
const { data } = await reply.json();
for (const { label, ${mode} } of data[0].predictions) {
  console.log(${mode}.toFixed(3), label);
}`;
}
