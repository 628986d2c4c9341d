// A passage that is selected in an answer can be kept or left out: a bar with both stands behind the answer's text, so
// that Tab leads to it. Where no mouse is, Shift and an arrow select the answer's parts one by one. The passage is sent as its author wrote it, found by its letters, since marks of markdown are
// not shown. Offsets count code points.

const MOST = 2000;
const LETTER = /[\p{L}\p{N}]/u;
// What is written but not shown: where links lead, and the language of a fenced block.
const UNSHOWN = /\]\([^()\s]*(?:\s+"[^"\n]*")?\)|^[ \t]*(?:```|~~~)[^\n]*/gmu;
const PARTS = "p, li, pre, td, h3, h4, h5, h6";
const MARKS = "*_`~[";

const panel = document.getElementById("guide");
const bar = element("div", { className: "pick-bar", role: "toolbar", ariaLabel: "The passage that you selected" });
const said = element("span", { className: "small", role: "status" });
let selected = null;

for (const [value, textContent] of [["keep", "Keep this"], ["drop", "Leave out"]]) {
  bar.append(element("button", { className: "button button-small", type: "button", value, textContent }));
}
bar.append(said);

function element(tag, properties) {
  return Object.assign(document.createElement(tag), properties);
}

function passage() {
  const selection = getSelection();
  if (!selection.rangeCount || selection.isCollapsed) return null;
  const range = selection.getRangeAt(0);
  const inside = range.commonAncestorContainer;
  const body = (inside.closest ? inside : inside.parentElement)?.closest(".answer-body");
  const head = body?.closest(".answer")?.querySelector(".answer-head");
  if (!body || head.dataset.status !== "done" || !LETTER.test(range.toString())) return null;
  return { range: range.cloneRange(), body };
}

function look() {
  const offered = panel.querySelector("[data-open]") !== null;
  for (const body of document.querySelectorAll(`.answer-body${offered ? ":not([tabindex])" : "[data-parts]"}`)) {
    body.toggleAttribute("data-parts", offered);
    if (offered) Object.assign(body, { tabIndex: 0, role: "group", ariaLabel: "Answer. Shift and an arrow select its parts." });
    else for (const name of ["tabindex", "role", "aria-label"]) body.removeAttribute(name);
  }
  if (!offered) return hide();
  const found = passage();
  if (found) show(found);
  else if (!bar.contains(document.activeElement)) hide();
}

function step(event) {
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const body = event.target;
  if (!by || !event.shiftKey || !body.matches?.(".answer-body")) return;
  event.preventDefault();
  const parts = [...body.querySelectorAll(PARTS)].filter((part) => !part.querySelector(PARTS));
  const at = parts.findIndex((part) => getSelection().containsNode(part, true));
  const next = parts[at < 0 ? 0 : Math.min(Math.max(at + by, 0), parts.length - 1)];
  getSelection().selectAllChildren(next);
  next.scrollIntoView({ block: "nearest" });
}

function show(found) {
  if (selected?.body !== found.body || !bar.isConnected) found.body.after(bar);
  selected = found;
  said.textContent = "";
}

function hide() {
  bar.remove();
  selected = null;
}

const shownBefore = ({ range, body }) => {
  const before = document.createRange();
  before.setStart(body, 0);
  before.setEnd(range.startContainer, range.startOffset);
  return letters(before.toString()).length;
};

const letters = (text) => [...text].filter((char) => LETTER.test(char));

// Gives the letters of a text as it was written that are shown, each with its place.
function written(text) {
  const blank = text.replace(UNSHOWN, (hidden) => " ".repeat([...hidden].length));
  return [...blank].map((char, at) => ({ char, at })).filter(({ char }) => LETTER.test(char));
}

// Of several places where the same is written, gives the one that stands nearest to where it was selected.
function nearest(all, wanted, near) {
  const text = all.map(({ char }) => char);
  let best = -1;
  for (let at = 0; at + wanted.length <= text.length; at += 1) {
    if (text[at] !== wanted[0] || (best >= 0 && Math.abs(at - near) >= Math.abs(best - near))) continue;
    if (wanted.every((char, n) => text[at + n] === char)) best = at;
  }
  return best;
}

function locate(raw, found) {
  const chars = [...raw];
  const shown = found.range.toString();
  const wanted = letters(shown);
  const all = written(raw);
  const first = nearest(all, wanted, shownBefore(found));
  if (first < 0) return null;
  let start = all[first].at;
  let end = all[first + wanted.length - 1].at + 1;
  while (start > 0 && MARKS.includes(chars[start - 1])) start -= 1;
  while (end < chars.length && MARKS.includes(chars[end])) end += 1;
  const last = shown.trimEnd().at(-1);
  if (!LETTER.test(last) && chars[end] === last) end += 1;
  return { offset: start, length: end - start, text: chars.slice(start, end).join("") };
}

async function pick(list) {
  const found = selected;
  const article = found.body.closest(".answer");
  const response = await fetch(article.querySelector("[data-copy]").dataset.copy);
  const place = response.ok ? locate(await response.text(), found) : null;
  if (!place) return say("This could not be found in the answer as it was written. Select less of it.");
  if (place.length > MOST) return say(`Select at most ${MOST.toLocaleString("en")} characters.`);
  const tick = { from: "passage", answer: article.id.slice("answer-".length), ...place };
  document.dispatchEvent(new CustomEvent("fusion:pick", { detail: { tick, list } }));
  getSelection().removeAllRanges();
  article.querySelector("[data-copy]").focus({ preventScroll: true });
  return hide();
}

function say(words) {
  said.textContent = words;
}

// Pressing a button must not take the selection away before it is read.
bar.addEventListener("mousedown", (event) => event.preventDefault());
bar.addEventListener("click", ({ target }) => {
  const list = target.closest("button")?.value;
  if (list && selected) pick(list).catch(() => say("The answer could not be read. Try again."));
});
document.addEventListener("keydown", step);
document.addEventListener("selectionchange", look);
document.addEventListener("htmx:wsAfterMessage", () => {
  if (!bar.isConnected) selected = null;
  look();
});
look();
