// A passage that is selected in an answer can be kept or left out: a bar with both stands behind the answer's text, so
// that Tab leads to it. Where no mouse is, Shift and an arrow select the answer's parts one by one. The passage is sent as its
// author wrote it, found by its letters, since marks of markdown are not shown. Offsets count code points.

const MOST = 2000;
const LETTER = /[\p{L}\p{N}]/u;
// What is written but not shown: where links lead, and the language of a fenced block.
const UNSHOWN = /\]\([^()\s]*(?:\s+"[^"\n]*")?\)|^[ \t]*(?:```|~~~)[^\n]*/gmu;
const MATHS = /\$\$[^$]+\$\$|\$(?!\s)[^$\n]+(?<!\s)\$(?!\d)|\\\([^]+?\\\)|\\\[[^]+?\\\]/gu;
const LINK = /!?\[[^[\]\n]*\]\([^()\s]*(?:\s+"[^"\n]*")?\)/gu;
// Letters that are the same in both texts again behind maths, which is shown otherwise than it is written.
const SURE = 5;
const MOST_SKIPPED = 500;
const PARTS = "p, li, pre, td, h3, h4, h5, h6";
const MARKS = "*_`~";

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

const letters = (text) => [...text].filter((char) => LETTER.test(char));
// One unit for each letter, so that places in strings are places among letters.
const units = (chars) => chars.map((char) => (char.length > 1 ? "\ufffd" : char)).join("");
const blanked = (text) => text.replace(/[^\n]/gu, " ");

// Gives the letters of a text as it was written that are shown, each with its place.
function written(text) {
  const bare = text.replace(UNSHOWN, blanked).replace(MATHS, (maths) => maths.replace(/\\[a-z]+/giu, blanked));
  return [...bare].map((char, at) => ({ char, at })).filter(({ char }) => LETTER.test(char));
}

// Gives for each letter that is shown its place among those that were written; -1 where it was written otherwise.
function aligned(shown, raw) {
  const places = Array(shown.length).fill(-1);
  for (let s = 0, r = 0; s < shown.length && r < raw.length; ) {
    if (shown[s] === raw[r]) places[s++] = r++;
    else {
      const gap = gapAt(shown, raw, s, r);
      if (!gap) break;
      s += gap.shown;
      r += gap.raw;
    }
  }
  return places;
}

function gapAt(shown, raw, s, r) {
  const near = raw.slice(r, r + 10 * MOST_SKIPPED);
  let best = null;
  for (let n = 0; n <= MOST_SKIPPED && s + n < shown.length && !(best && n >= best.shown + best.raw); n += 1) {
    const at = near.indexOf(shown.slice(s + n, s + n + SURE));
    if (at >= 0 && !(best && n + at >= best.shown + best.raw)) best = { shown: n, raw: at };
  }
  return best;
}

// Where the selection begins and ends among the letters that are shown.
function lettersSelected({ range, body }) {
  const before = document.createRange();
  before.setStart(body, 0);
  before.setEnd(range.startContainer, range.startOffset);
  const first = letters(before.toString()).length;
  return [first, first + letters(range.toString()).length];
}

function locate(raw, found) {
  const chars = [...raw];
  const all = written(raw);
  const places = aligned(units(letters(found.body.textContent)), units(all.map(({ char }) => char)));
  const [first, after] = lettersSelected(found);
  const known = places.findLast((place, n) => n <= first && place >= 0) ?? -1;
  const next = places.find((place, n) => n >= after - 1 && place >= 0) ?? all.length;
  let start = places[first] < 0 ? (all[known]?.at ?? -1) + 1 : all[known].at;
  let end = places[after - 1] < 0 ? (all[next]?.at ?? chars.length) : all[next].at + 1;
  [start, end] = widened(raw, start, end);
  while (start > 0 && MARKS.includes(chars[start - 1])) start -= 1;
  while (end < chars.length && MARKS.includes(chars[end])) end += 1;
  const last = found.range.toString().trimEnd().at(-1);
  if (!LETTER.test(last) && chars[end] === last) end += 1;
  while (start < end && !chars[start].trim()) start += 1;
  while (end > start && !chars[end - 1].trim()) end -= 1;
  return start < end ? { offset: start, length: end - start, text: chars.slice(start, end).join("") } : null;
}

// Takes the whole of a formula, and of a link of which not just some words are selected.
function widened(raw, start, end) {
  for (const kind of [LINK, MATHS]) {
    for (const { 0: text, index } of raw.matchAll(kind)) {
      const from = [...raw.slice(0, index)].length;
      const to = from + [...text].length;
      const isWithin = kind === LINK && start > from && end < to;
      if (start < to && end > from && !isWithin) [start, end] = [Math.min(start, from), Math.max(end, to)];
    }
  }
  return [start, end];
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
