// Keeps the newest words in sight for who follows them: of an answer that scrolls by itself, and of the fused answer on
// the page. It yields to the reader: whoever scrolls back, or selects something there, is left alone until they have come
// back to the end. At the end of a stream nothing is moved.

const EDGE = 24;
const WRITTEN = ".answer-head[data-status='writing'] ~ .answer-body[tabindex]";
// What the reader has scrolled away from: the document stands for the fused answer.
const left = new WeakSet();
let isAsked = false;

const fused = () => document.querySelector(".fused-head[data-status='writing'] ~ .fused-body");
const below = (part) => part.getBoundingClientRect().bottom - innerHeight;
const isSelected = (part) => !getSelection().isCollapsed && part.contains(getSelection().anchorNode);

function note(what, isAtEnd) {
  if (isAtEnd) left.delete(what);
  else left.add(what);
}

addEventListener("scroll", ({ target }) => {
  if (target === document) {
    const part = document.getElementById("fused-body");
    if (part) note(document, below(part) <= EDGE);
  } else if (target.matches?.(".answer-body")) {
    note(target, target.scrollHeight - target.scrollTop - target.clientHeight <= EDGE);
  }
}, { capture: true, passive: true });

function follow() {
  isAsked = false;
  for (const body of document.querySelectorAll(WRITTEN)) {
    if (!left.has(body) && !isSelected(body)) body.scrollTop = body.scrollHeight;
  }
  const part = fused();
  if (!part || left.has(document) || isSelected(part)) return;
  const hidden = below(part) + EDGE;
  if (hidden > 0) scrollBy({ top: hidden, behavior: "instant" });
}

document.addEventListener("htmx:wsAfterMessage", () => {
  if (isAsked) return;
  isAsked = true;
  requestAnimationFrame(follow);
});

// Whoever comes to a page whose text is longer than the window begins at its beginning.
const begun = fused();
if (begun) note(document, below(begun) <= 0);
