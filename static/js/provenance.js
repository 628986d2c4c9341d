// Who says a sentence of the fused answer: pointing at it, a tap, or the arrow keys name them, and following a name leads
// to the passage (jump.js). Nothing of the text is changed for it: places are painted as highlights.

import { find } from "./jump.js";

const GRACE_MS = 300;

const bar = Object.assign(document.createElement("div"), { id: "carried-by", className: "carried-by", hidden: true });
bar.setAttribute("role", "status");
document.body.append(bar);

let known = { list: null, places: [] };
let current = -1;
let leaving = 0;

const body = () => document.getElementById("fused-body");

// Gives the sentences that can be pointed at. What was found stays right until a fragment replaces the text or the list.
function places() {
  const list = document.getElementById("provenance-sentences");
  const text = body();
  if (!list || !text) return [];
  const isFresh = known.list === list && known.places.every(({ range }) => text.contains(range.startContainer));
  if (isFresh) return known.places;
  const items = [...list.children];
  const ranges = find(text, items.map((item) => item.querySelector(".provenance-text").textContent));
  const found = items.map((item, n) => ({ item, range: ranges[n] }));
  known = { list, places: found.filter(({ item, range }) => range && item.childElementCount > 1) };
  return known.places;
}

function paint(name, range) {
  if (!CSS.highlights) return;
  if (range) CSS.highlights.set(name, new Highlight(range));
  else CSS.highlights.delete(name);
}

function show(number) {
  clearTimeout(leaving);
  const place = places()[number];
  if (!place) return hide();
  if (number === current && !bar.hidden) return undefined;
  current = number;
  paint("carried", place.range);
  const words = document.createElement("span");
  words.className = "visually-hidden";
  words.textContent = place.range.toString();
  bar.replaceChildren(words, ...[...place.item.children].slice(1).map((child) => child.cloneNode(true)));
  bar.hidden = false;
  put(place.range);
  return undefined;
}

// Under the sentence's last line, or above its first where there is no room, within the page.
function put(range) {
  const lines = [...range.getClientRects()];
  if (!lines.length) return;
  const isLow = lines.at(-1).bottom + bar.offsetHeight + 2 > innerHeight && lines[0].top > bar.offsetHeight;
  const room = document.documentElement.clientWidth - bar.offsetWidth - 8;
  const top = isLow ? lines[0].top - bar.offsetHeight - 2 : lines.at(-1).bottom + 2;
  bar.style.left = `${Math.max(8, Math.min(lines.at(-1).left, room)) + scrollX}px`;
  bar.style.top = `${top + scrollY}px`;
}

function hide() {
  current = -1;
  bar.hidden = true;
  paint("carried", null);
}

function hideSoon() {
  clearTimeout(leaving);
  leaving = setTimeout(hide, GRACE_MS);
}

function numberAt(x, y) {
  const at = document.caretPositionFromPoint?.(x, y) ?? document.caretRangeFromPoint?.(x, y);
  const node = at?.offsetNode ?? at?.startContainer;
  const offset = at?.offset ?? at?.startOffset;
  return node ? places().findIndex(({ range }) => range.isPointInRange(node, offset)) : -1;
}

function point(event) {
  const inText = event.target.closest?.("#fused-body");
  const number = inText ? numberAt(event.clientX, event.clientY) : -1;
  if (number >= 0) show(number);
  else if (!bar.hidden && !bar.contains(event.target) && document.activeElement !== body()) hideSoon();
  else if (bar.contains(event.target)) clearTimeout(leaving);
}

document.addEventListener("pointermove", (event) => {
  if (event.pointerType === "mouse" && getSelection().isCollapsed) requestAnimationFrame(() => point(event));
});

document.addEventListener("click", (event) => {
  if (bar.contains(event.target)) hide();
  else if (!event.target.closest?.("a, button") && getSelection().isCollapsed) point(event);
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
  if (event.key === "Escape" && !bar.hidden) {
    if (bar.contains(document.activeElement)) body()?.focus({ preventScroll: true });
    hide();
  } else if (event.target === body() && ["ArrowLeft", "ArrowRight"].includes(event.key)) {
    event.preventDefault();
    step(event.key === "ArrowRight" ? 1 : -1);
  } else if (event.target === body() && event.key === "Enter" && !bar.hidden) {
    bar.querySelector("a")?.focus();
  }
});

function step(by) {
  const count = places().length;
  const next = current < 0 ? (by > 0 ? 0 : count - 1) : Math.min(count - 1, Math.max(0, current + by));
  show(next);
  places()[next]?.range.startContainer.parentElement.scrollIntoView({ block: "nearest" });
}

// The text can be walked through once it is known where it comes from; fragments may have replaced it meanwhile.
function prepare() {
  const text = body();
  if (!text) return;
  const isKnown = Boolean(document.getElementById("provenance-sentences"));
  if (isKnown === text.hasAttribute("tabindex")) return;
  text.toggleAttribute("tabindex", isKnown);
  if (isKnown) {
    text.tabIndex = 0;
    text.setAttribute("role", "group");
    text.setAttribute("aria-labelledby", document.getElementById("fused-title") ? "fused-title" : "version-title");
    text.setAttribute("aria-describedby", "provenance-hint");
  }
  const shown = current;
  current = -1;
  show(shown);
}

document.addEventListener("htmx:wsAfterMessage", prepare);
prepare();
