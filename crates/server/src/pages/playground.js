// The playground: a picture and labels in, bars out. Texts from outside enter the page as text nodes only.
import "./page.js";
import { SAMPLE_LABELS, drawSample, readPicture } from "./picture.js";
import { ServerError, askModels, askServer } from "./server.js";
import { snippet } from "./snippets.js";

const KEY = "polysight-key";
/** More rows than this are counted, not drawn. */
const MOST_BARS = 100;

const QUESTIONS = { relative: "Which of these is it?", probability: "Does this describe it?" };
const NOTES = {
  relative: "The labels share 100% among them: one wins even if none fits.",
  probability: "Right captions usually reach only 20 to 30%, the tinted band: that is SigLIP’s way.",
};

const at = (id) => document.getElementById(id);
const state = { picture: null, mode: "relative", language: "curl", predictions: null, running: null, taking: null };

// ---- the picture

/** A question that comes while a picture is being read waits for it. */
function take(file) {
  if (file) state.taking = read(file);
}

async function read(file) {
  try {
    const picture = await readPicture(file);
    if (state.picture) URL.revokeObjectURL(state.picture.preview);
    state.picture = picture;
  } catch (error) {
    complain("That did not work.", error.message);
    return;
  }
  state.predictions = null;
  const preview = at("preview");
  preview.alt = `Your picture, ${state.picture.name}`;
  preview.src = state.picture.preview;
  preview.hidden = false;
  at("invitation").hidden = true;
  at("file-name").textContent = `${state.picture.name} · click to change`;
  showReady();
  showSnippet();
}

// A TIFF is read by the server and shown by few browsers.
at("preview").addEventListener("error", () => {
  at("preview").hidden = true;
  at("invitation").hidden = false;
  at("invitation").firstElementChild.textContent = "This browser cannot show it";
});
at("preview").addEventListener("load", () => {
  at("invitation").firstElementChild.textContent = "Drop a picture here";
});

at("file").addEventListener("change", (event) => {
  take(event.target.files[0]);
  event.target.value = "";
});

const carriesFile = (transfer) => transfer !== null && [...transfer.types].includes("Files");
addEventListener("dragover", (event) => {
  if (!carriesFile(event.dataTransfer)) return;
  event.preventDefault();
  at("zone").classList.add("over");
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) at("zone").classList.remove("over");
});
addEventListener("drop", (event) => {
  at("zone").classList.remove("over");
  if (!carriesFile(event.dataTransfer)) return;
  event.preventDefault();
  take(event.dataTransfer.files[0]);
});
addEventListener("paste", (event) => {
  const file = event.clipboardData?.files[0];
  if (!file) return;
  event.preventDefault();
  take(file);
});

at("sample").addEventListener("click", () => {
  if (labels().length === 0) at("labels").value = SAMPLE_LABELS.join("\n");
  showCount();
  take(drawSample());
});

// ---- the labels

/** One a line if there are several lines, else between commas of any script; each once. */
function labels() {
  const text = at("labels").value.trim();
  const parts = text.includes("\n") ? text.split("\n") : text.split(/[,，、،]/);
  const names = parts.map((part) => part.trim().replace(/[,，、،]+$/, "")).filter((name) => name !== "");
  return [...new Set(names)];
}

function showCount() {
  const count = labels().length;
  at("label-count").textContent = count === 0 ? "" : counted(count, "label");
  showReady();
  showSnippet();
}

const counted = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

at("labels").addEventListener("input", showCount);
at("labels").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) at("form").requestSubmit();
});

// ---- the question

function press(group, pressed) {
  for (const button of group) button.setAttribute("aria-pressed", String(button === pressed));
}

for (const mode of Object.keys(QUESTIONS)) {
  at(`mode-${mode}`).addEventListener("click", (event) => {
    state.mode = mode;
    press(event.target.parentElement.children, event.target);
    at("question").textContent = QUESTIONS[mode];
    showSnippet();
    if (state.predictions) showResult();
  });
}

at("languages").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  state.language = button.dataset.language;
  press(at("languages").children, button);
  showSnippet();
});

function showSnippet() {
  const names = labels();
  at("snippet").textContent = snippet(state.language, {
    origin: location.origin,
    model: at("model").value || "mini",
    labels: names.length > 0 ? names : ["a cat", "a dog"],
    file: state.picture?.name ?? "photo.jpg",
    type: state.picture?.type ?? "image/jpeg",
    mode: state.mode,
    keyed: sessionStorage.getItem(KEY) !== null || !at("key-field").hidden,
  });
}

// ---- the key

function showKey() {
  at("key-field").hidden = false;
  at("key-forget").hidden = sessionStorage.getItem(KEY) === null;
  showSnippet();
}

async function useKey() {
  const key = at("key").value.trim();
  if (key === "") {
    at("key").focus();
    return;
  }
  sessionStorage.setItem(KEY, key);
  at("key").value = "";
  showKey();
  if (state.picture && labels().length > 0) {
    await ask();
    return;
  }
  showReady();
  await fillModels().catch(showFailure);
}

at("key-use").addEventListener("click", useKey);
at("key").addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  useKey();
});
at("key-forget").addEventListener("click", () => {
  sessionStorage.removeItem(KEY);
  showKey();
  at("key").focus();
});

// ---- asking

async function fillModels() {
  const models = await askModels(sessionStorage.getItem(KEY));
  if (models.length === 0) throw new Error("The server has no model to ask.");
  at("model").replaceChildren(...models.map((id) => new Option(id)));
  at("model-field").hidden = models.length < 2;
  showSnippet();
}

at("model").addEventListener("change", showSnippet);

at("form").addEventListener("submit", (event) => {
  event.preventDefault();
  ask();
});

async function ask() {
  await state.taking;
  const names = labels();
  if (!state.picture) {
    complain("A picture is missing.", "Choose one, drop one, paste one, or take the sample.");
    at("file").focus();
    return;
  }
  if (names.length === 0) {
    complain("Labels are missing.", "Write at least one: “a cat”, for example.");
    at("labels").focus();
    return;
  }
  state.running?.abort();
  const running = new AbortController();
  state.running = running;
  showPanel("waiting");
  at("eye").setAttribute("class", "eye awake looking");
  at("status").textContent = "Looking…";
  at("answer").setAttribute("aria-busy", "true");
  try {
    if (at("model").options.length === 0) await fillModels();
    const reply = await askServer({
      model: at("model").value,
      input: [{ image: state.picture.url }],
      labels: names,
      multi_label: state.mode === "probability",
    }, sessionStorage.getItem(KEY), running.signal);
    if (running.signal.aborted) return;
    state.predictions = reply.predictions;
    at("meta").textContent = reply.meta;
    showResult();
    bringIntoView();
  } catch (error) {
    if (running.signal.aborted) return;
    bringIntoView();
    showFailure(error);
  } finally {
    if (state.running === running) at("answer").setAttribute("aria-busy", "false");
  }
}

// ---- the answer

function showPanel(name) {
  for (const panel of ["waiting", "trouble", "result"]) at(panel).hidden = panel !== name;
  if (name !== "result") state.predictions = null;
}

function showReady() {
  // A shown answer belongs to what was asked: it stays while labels are being edited.
  if (state.predictions && document.activeElement === at("labels")) return;
  showPanel("waiting");
  const ready = state.picture !== null;
  at("eye").setAttribute("class", ready ? "eye awake" : "eye");
  if (!ready) at("status").textContent = "Nothing to look at yet.";
  else at("status").textContent = labels().length > 0 ? "Ready when you are." : "Now some words for it.";
}

function showFailure(error) {
  if (error instanceof ServerError && error.status === 401) {
    showKey();
    const refused = sessionStorage.getItem(KEY) !== null;
    showTrouble(refused ? "The server does not know this key." : "This server asks for a key.",
      "Type it under the labels, and the question is asked again.");
    at("key").focus();
    return;
  }
  showTrouble(error.title ?? "That did not work.", error.message);
}

function complain(title, detail) {
  showTrouble(title, detail);
  bringIntoView();
}

function showTrouble(title, detail) {
  showPanel("trouble");
  at("trouble-title").textContent = title;
  at("trouble-detail").textContent = detail;
}

function bringIntoView() {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  at("answer").scrollIntoView({ block: "nearest", behavior: calm ? "auto" : "smooth" });
}

/** `0.7134` as 71.3%; what rounds to nothing or to everything says so. */
function percent(value) {
  if (value > 0 && value < 0.0005) return "<0.1%";
  if (value < 1 && value >= 0.9995) return ">99.9%";
  return `${(100 * value).toFixed(1)}%`;
}

function showResult() {
  showPanel("result");
  const sorted = [...state.predictions].sort((one, other) => other[state.mode] - one[state.mode]);
  const best = sorted[0];
  at("verdict").replaceChildren(element("bdi", best.label), " ", element("span", percent(best[state.mode])));
  at("bars").className = `bars ${state.mode}`;
  at("bars").replaceChildren(...sorted.slice(0, MOST_BARS).map(bar));
  const rest = sorted.length - MOST_BARS;
  at("note").textContent = NOTES[state.mode] + (rest > 0 ? ` ${counted(rest, "label")} more, all lower.` : "");
}

function bar(prediction) {
  const row = document.createElement("li");
  const value = element("span", percent(prediction[state.mode]));
  value.className = "value";
  const track = element("span", "");
  track.className = "track";
  track.setAttribute("aria-hidden", "true");
  const fill = element("span", "");
  fill.className = "fill";
  // Set through the object model: the page's policy forbids style attributes.
  fill.style.setProperty("--share", prediction[state.mode]);
  track.append(fill);
  row.append(element("bdi", prediction.label), value, track);
  return row;
}

function element(name, text) {
  const node = document.createElement(name);
  node.textContent = text;
  return node;
}

if (sessionStorage.getItem(KEY) !== null) showKey();
showCount();
// Nobody has asked anything yet: a missing key shows its field, without taking the focus.
fillModels().catch((error) => { if (error.status === 401) showKey(); else showFailure(error); });
