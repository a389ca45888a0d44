// What the playground asks of the server, and what the server's refusals mean in plain words.

const TITLES = {
  400: "The server did not understand this.",
  402: "This key has no credit left.",
  403: "This key may not do that.",
  404: "The server does not have this model.",
  413: "That is too large for the server.",
  415: "The server does not take this for a picture.",
  422: "This picture cannot be decoded.",
  429: "Too many questions at once.",
  503: "The model is still waking up.",
};

/** A refusal: its status, a title for people, and the server's own words as the message. */
export class ServerError extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
    this.title = TITLES[status] ?? "The server could not answer.";
  }
}

/** The ids of the served models. */
export async function askModels(key) {
  const { body } = await call("/v1/models", {}, key);
  return body.data.map((model) => model.id);
}

/** `{predictions, meta}` of one picture; `meta` is a line about the call for people. */
export async function askServer(request, key, signal) {
  const { reply, body } = await call("/v1/classify", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(request),
    signal,
  }, key);
  const [answer] = body.data;
  if (!answer.predictions) throw new ServerError(reply.status, answer.error?.message ?? "The reply has no predictions.");
  const milliseconds = reply.headers.get("openai-processing-ms");
  const cost = reply.headers.get("x-cost-usd");
  const facts = [
    body.model,
    milliseconds && `${milliseconds} ms`,
    cost && `$${cost}`,
    reply.headers.get("x-request-id"),
  ];
  return { predictions: answer.predictions, meta: facts.filter(Boolean).join(" · ") };
}

async function call(path, options, key) {
  const headers = { ...options.headers };
  if (key) headers.authorization = `Bearer ${key}`;
  let reply;
  try {
    reply = await fetch(path, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    if (error instanceof TypeError && key && /[^\x20-\x7e]/.test(key)) {
      throw new ServerError(401, "a key has plain letters and digits only");
    }
    throw new Error("The server does not answer. Is it still running?");
  }
  const body = await reply.json().catch(() => null);
  if (reply.ok && Array.isArray(body?.data)) return { reply, body };
  throw new ServerError(reply.status, explain(reply, body));
}

function explain(reply, body) {
  const said = body?.error?.message ?? `It answered ${reply.status} without a reason.`;
  const sentence = said.charAt(0).toUpperCase() + said.slice(1) + (/[.!?]$/.test(said) ? "" : ".");
  const seconds = Number(reply.headers.get("retry-after"));
  const wait = seconds > 0 ? ` Try again in ${seconds} ${seconds === 1 ? "second" : "seconds"}.` : "";
  const id = reply.headers.get("x-request-id");
  return sentence + wait + (id ? ` (${id})` : "");
}
