// Pictures in the browser: what a file is by its first bytes, and a sample that is drawn instead of shipped.

/** The server's limit for one picture. */
const MOST_BYTES = 20 * 1024 * 1024;

const SIGNATURES = [
  ["image/png", 0, "\x89PNG\r\n\x1a\n"],
  ["image/jpeg", 0, "\xff\xd8\xff"],
  ["image/gif", 0, "GIF8"],
  ["image/bmp", 0, "BM"],
  ["image/tiff", 0, "II*\0"],
  ["image/tiff", 0, "MM\0*"],
  ["image/webp", 8, "WEBP"],
];

/** Reads a picked file into `{name, url, preview}`: a data URI for the server, a blob address for the page. */
export async function readPicture(file) {
  if (file.size > MOST_BYTES) {
    const size = (file.size / 1024 / 1024).toFixed(1);
    throw new Error(`${file.name} has ${size} MiB; a picture may have 20 MiB at most.`);
  }
  const type = await contentType(file);
  const typed = new Blob([file], { type });
  return { name: file.name || "picture", type, url: await dataUri(typed), preview: URL.createObjectURL(typed) };
}

async function contentType(file) {
  const bytes = new Uint8Array(await file.slice(0, 16).arrayBuffer());
  const head = String.fromCharCode(...bytes);
  for (const [type, offset, signature] of SIGNATURES) {
    if (head.startsWith(signature, offset)) return type;
  }
  const advice = head.startsWith("ftyp", 4)
    ? "Phones call this HEIC or AVIF; save it as JPEG first."
    : "PNG, JPEG, WebP, GIF, BMP and TIFF can be read.";
  throw new Error(`${file.name || "This"} is not a picture that the server reads. ${advice}`);
}

function dataUri(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(new Error("The browser could not read this file."));
    reader.readAsDataURL(blob);
  });
}

export const SAMPLE_LABELS = ["a sailing boat at sunset", "ein Fahrrad im Schnee", "une tasse de café", "猫", "قلعة"];

/** A sailing boat in the evening, as a file. */
export function drawSample() {
  const canvas = document.createElement("canvas");
  canvas.width = 480;
  canvas.height = 360;
  const paint = canvas.getContext("2d");
  const sky = paint.createLinearGradient(0, 0, 0, 236);
  sky.addColorStop(0, "#31456f");
  sky.addColorStop(0.55, "#c9788a");
  sky.addColorStop(1, "#f8c27c");
  rectangle(paint, sky, 0, 0, 480, 236);
  disc(paint, "rgba(255, 231, 176, 0.35)", 322, 214, 62);
  disc(paint, "#ffe9b8", 322, 214, 40);
  const sea = paint.createLinearGradient(0, 236, 0, 360);
  sea.addColorStop(0, "#8f6a86");
  sea.addColorStop(1, "#20304f");
  rectangle(paint, sea, 0, 236, 480, 124);
  for (let row = 0; row < 9; row += 1) {
    const width = 92 - row * 7 + (row % 2) * 22;
    rectangle(paint, "rgba(255, 224, 165, 0.5)", 322 - width / 2 + (row % 3) * 6 - 6, 243 + row * 12, width, 3);
  }
  polygon(paint, "#fdf6ea", [168, 70, 168, 244, 262, 244]);
  polygon(paint, "#e9d8c3", [158, 96, 158, 244, 96, 244]);
  rectangle(paint, "#4a2d24", 160, 58, 5, 200);
  polygon(paint, "#a23b2e", [82, 254, 276, 254, 246, 288, 112, 288]);
  rectangle(paint, "rgba(20, 28, 48, 0.4)", 104, 290, 152, 4);
  // `toBlob` waits for an idle moment, up to a second; this does not.
  const [, encoded] = canvas.toDataURL("image/jpeg", 0.9).split(",");
  return new File([Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0))], "sample.jpg");
}

function rectangle(paint, colour, left, top, width, height) {
  paint.fillStyle = colour;
  paint.fillRect(left, top, width, height);
}

function disc(paint, colour, x, y, radius) {
  paint.fillStyle = colour;
  paint.beginPath();
  paint.arc(x, y, radius, 0, 2 * Math.PI);
  paint.fill();
}

function polygon(paint, colour, points) {
  paint.fillStyle = colour;
  paint.beginPath();
  for (let at = 0; at < points.length; at += 2) paint.lineTo(points[at], points[at + 1]);
  paint.fill();
}
