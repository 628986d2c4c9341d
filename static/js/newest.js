// Keeps the newest words in sight for who follows them: of an answer that scrolls by itself, and of the fused answer on
// the page. It yields to the reader: whoever scrolls back, or selects something there, is left alone until they have come
// back to the end. The room for a fused answer is made once, when it begins, so that it pushes nothing down while it
// grows. At the end of a stream nothing is moved.

const EDGE = 24;
const WRITTEN = ".answer-head[data-status='writing'] ~ .answer-body[tabindex]";
// What the reader has scrolled away from: the document stands for the fused answer.
const left = new WeakSet();
// How large each of these was when it was last looked at. A scroll is told of later than it happens: words that came
// meanwhile are no step back of the reader's.
const seen = new WeakMap();
// A letter's width for its size; the height of a line of text with its part of gaps, headings and half empty lines; and
// what even a short answer may need, in lines.
const LETTER = 0.5;
const LINE = 2.9;
const LEAST = 3;
let isAsked = false;
// A style at the card itself would go into an attribute when htmx replaces the card, which the policy of the site forbids.
const room = new CSSStyleSheet();
document.adoptedStyleSheets.push(room);

const fused = () => document.querySelector(".fused-head[data-status='writing'] ~ .fused-body");
const below = (part) => part.getBoundingClientRect().bottom - innerHeight;
const isSelected = (part) => !getSelection().isCollapsed && part.contains(getSelection().anchorNode);

function note(what, distance, size) {
  const grown = Math.max(0, size - (seen.get(what) ?? size));
  if (distance - grown <= EDGE) left.delete(what);
  else left.add(what);
  seen.set(what, size);
}

addEventListener("scroll", ({ target }) => {
  if (target === document) {
    const part = document.getElementById("fused-body");
    if (part) note(document, below(part), part.offsetHeight);
  } else if (target.matches?.(".answer-body")) {
    note(target, target.scrollHeight - target.scrollTop - target.clientHeight, target.scrollHeight);
  }
}, { capture: true, passive: true });

function follow() {
  isAsked = false;
  for (const body of document.querySelectorAll(WRITTEN)) {
    if (!left.has(body) && !isSelected(body)) body.scrollTop = body.scrollHeight;
    seen.set(body, body.scrollHeight);
  }
  const part = fused();
  if (!part) return;
  seen.set(document, part.offsetHeight);
  if (left.has(document) || isSelected(part)) return;
  const hidden = below(part) + EDGE;
  if (hidden > 0) scrollBy({ top: hidden, behavior: "instant" });
}

// About as much as the longest answer would take there, and not more than can be seen: what is farther down is not seen moving.
function makeRoom() {
  const part = fused();
  if (!part || room.cssRules.length) return;
  const size = parseFloat(getComputedStyle(part).fontSize);
  const letters = Math.max(0, ...[...document.querySelectorAll(".answer-body")].map((body) => body.textContent.length));
  const lines = LEAST + Math.ceil((letters * size * LETTER) / part.clientWidth);
  const wanted = part.parentElement.offsetHeight + lines * size * LINE;
  room.replaceSync(`#${part.parentElement.id} { min-block-size: ${Math.round(Math.min(wanted, innerHeight))}px }`);
}

document.addEventListener("htmx:wsAfterMessage", () => {
  makeRoom();
  if (isAsked) return;
  isAsked = true;
  requestAnimationFrame(follow);
});

// Whoever comes to a page whose text is longer than the window begins at its beginning.
const begun = fused();
if (begun && below(begun) > 0) left.add(document);
