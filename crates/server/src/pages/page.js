// What both pages share: copy buttons, and examples that name the server they were read from.

/** The address that examples are written with; the pages show their own origin in its place. */
const PLACEHOLDER = "https://polysight.example";

for (const code of document.querySelectorAll("pre code, code.origin")) {
  if (code.textContent.includes(PLACEHOLDER)) {
    code.textContent = code.textContent.replaceAll(PLACEHOLDER, location.origin);
  }
}

for (const pre of document.querySelectorAll("pre.copied")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  const sheet = document.createElement("div");
  sheet.className = "sheet";
  pre.replaceWith(sheet);
  sheet.append(button, pre);
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button.copy");
  if (!button) return;
  const source = button.dataset.copies
    ? document.getElementById(button.dataset.copies)
    : button.parentElement.querySelector("code");
  const copied = await copy(source);
  button.textContent = copied ? "Copied" : "Press Ctrl+C";
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
});

async function copy(source) {
  try {
    await navigator.clipboard.writeText(source.textContent);
    return true;
  } catch {
    // Plain http has no clipboard outside localhost: select the text, and let the older command try.
    getSelection().selectAllChildren(source);
    return document.execCommand("copy");
  }
}
