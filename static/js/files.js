// Files are dropped or pasted anywhere on the page, and go the way of the file field, which htmx sends. A picture that
// is larger than the site takes is drawn smaller first: models are shown no more of it.

const input = document.getElementById("file-input");
const box = document.querySelector("[data-drop]");
const told = document.getElementById("file-status");
const bar = document.getElementById("upload");
const MOST_PICTURE = 3_000_000;
const LONGEST_SIDE = 2048;
const SHOW_AFTER_MS = 400;
let showing = 0;
const refused = new Set();
let depth = 0;
let queue = Promise.resolve();

const hasFiles = (transfer) => [...(transfer?.types ?? [])].includes("Files");
const counted = (count) => `${count} ${count === 1 ? "file" : "files"}`;

async function fitted(file) {
  if (!file.type.startsWith("image/") || file.type === "image/gif" || file.size <= MOST_PICTURE) return file;
  let picture;
  try {
    picture = await createImageBitmap(file);
  } catch {
    return file; // the site says what is wrong with it
  }
  const scale = Math.min(1, LONGEST_SIDE / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(picture.width * scale);
  canvas.height = Math.round(picture.height * scale);
  const context = canvas.getContext("2d");
  context.fillStyle = "white"; // a JPEG has nothing that could be seen through
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  for (const quality of [0.9, 0.7, 0.5]) {
    const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", quality));
    if (blob?.size <= MOST_PICTURE) return new File([blob], `${file.name.replace(/\.\w+$/, "")}.jpg`, { type: blob.type });
  }
  return file;
}

// One request after the other, each with as much as the site takes at once.
async function send(files) {
  if (!files.length) return;
  told.textContent = `Adding ${counted(files.length)}`;
  const ready = await Promise.all([...files].map(fitted));
  queue = ready.reduce((before, file) => before.then(() => sendOne(file)), queue.then(() => refused.clear()));
}

// What was refused is said of all files, also when the list has come anew with the next one.
function sayRefused() {
  const list = document.getElementById("files");
  const said = list.querySelector(".field-error");
  for (const line of said?.children ?? []) refused.add(line.textContent);
  if (!refused.size || said?.children.length === refused.size) return;
  said?.remove();
  const error = document.createElement("div");
  error.className = "field-error";
  error.setAttribute("role", "alert");
  error.append(...[...refused].map((text) => Object.assign(document.createElement("p"), { textContent: text })));
  list.prepend(error);
}

function sendOne(file) {
  const transfer = new DataTransfer();
  transfer.items.add(file);
  input.files = transfer.files;
  return new Promise((done) => {
    input.addEventListener("htmx:afterRequest", done, { once: true });
    htmx.trigger(input, "files-ready");
  });
}

function hold(isOver) {
  box.classList.toggle("is-over", isOver);
  if (isOver) told.textContent = "Drop the files to add them to the prompt";
}

if (input) {
  input.addEventListener("change", () => send(input.files));
  document.addEventListener("paste", (event) => {
    if (!event.clipboardData?.files.length) return;
    event.preventDefault();
    send(event.clipboardData.files);
  });
  document.addEventListener("dragenter", (event) => {
    if (hasFiles(event.dataTransfer) && depth++ === 0) hold(true);
  });
  document.addEventListener("dragleave", (event) => {
    if (hasFiles(event.dataTransfer) && --depth === 0) hold(false);
  });
  document.addEventListener("dragover", (event) => {
    if (hasFiles(event.dataTransfer)) event.preventDefault();
  });
  document.addEventListener("drop", (event) => {
    if (!hasFiles(event.dataTransfer)) return;
    event.preventDefault();
    depth = 0;
    hold(false);
    send(event.dataTransfer.files);
  });
  input.addEventListener("htmx:beforeSend", () => {
    bar.value = 0;
    showing = setTimeout(() => (bar.hidden = false), SHOW_AFTER_MS);
  });
  input.addEventListener("htmx:xhr:progress", (event) => {
    if (event.detail.lengthComputable) bar.value = event.detail.loaded / event.detail.total;
  });
  input.addEventListener("htmx:afterRequest", (event) => {
    clearTimeout(showing);
    bar.hidden = true;
    input.value = "";
    const there = document.querySelectorAll("#files .file").length;
    told.textContent = `${counted(there)} with the prompt`;
    if (!event.detail.successful) refused.add(failure(event.detail.xhr));
    sayRefused();
  });
  // Whoever removes a file stays where they were.
  document.addEventListener("htmx:afterSwap", (event) => {
    if (!event.detail.requestConfig?.path.endsWith("/remove/")) return;
    const there = document.querySelectorAll("#files .file").length;
    told.textContent = `${counted(there)} with the prompt`;
    (document.querySelector("#files .file-remove") ?? document.getElementById("prompt")).focus();
  });
}

function failure(xhr) {
  const isTooLarge = xhr.status === 413;
  return isTooLarge ? "A file is larger than the site takes." : "A file could not be sent. Try again.";
}
