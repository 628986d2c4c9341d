// Copies an answer as the markdown that the model wrote, fetched at the moment it is asked for, or a text that is given.

const SHOWN_MS = 2000;

async function markdown({ copy: address, copyText }) {
  if (copyText) return copyText;
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${response.status}`);
  return response.text();
}

async function copy(data) {
  if (!navigator.clipboard) return copyBySelection(await markdown(data));
  // The clipboard must be asked for within the click, so it gets a promise of the text.
  const text = markdown(data).then((source) => new Blob([source], { type: "text/plain" }));
  return navigator.clipboard.write([new ClipboardItem({ "text/plain": text })]);
}

// A page that came over plain http from another machine has no clipboard object.
function copyBySelection(text) {
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("the browser did not copy");
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy], [data-copy-text]");
  if (!button) return;
  const word = button.querySelector("span");
  try {
    await copy(button.dataset);
    word.textContent = "Copied";
  } catch {
    word.textContent = "Not copied";
  }
  setTimeout(() => { word.textContent = "Copy"; }, SHOWN_MS);
});
