// Links that name an answer and a quote lead to that place in it, and mark it. It is found by its letters, since marks of
// markdown are not shown; the answer's words stay as they are.

const LETTER = /[\p{L}\p{N}]/u;
// A short needle that is only found far behind the last one is another place.
const SHORT = 12;
const NEAR = 400;

// The letters of everything in an element, and where each stands.
function lettersOf(root) {
  const letters = [];
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    let offset = 0;
    for (const character of node.data) {
      if (LETTER.test(character)) letters.push([character, node, offset]);
      offset += character.length;
    }
  }
  return letters;
}

const lettersIn = (text) => [...text].filter((character) => LETTER.test(character));

function rangeOf(letters, first, after) {
  const range = document.createRange();
  const [last, node, offset] = letters[after - 1];
  range.setStart(letters[first][1], letters[first][2]);
  const [stop] = /^[.!?…。！？]*/.exec(node.data.slice(offset + last.length));
  range.setEnd(node, offset + last.length + stop.length);
  return range;
}

// Finds texts one after the other, as they follow each other in the element; gives a range for each, or null.
export function find(root, texts) {
  const letters = lettersOf(root);
  const units = letters.map(([character]) => character);
  const whole = units.join("");
  const starts = [];
  units.reduce((at, unit, n) => ((starts[at] = n), at + unit.length), 0);
  let from = 0;
  return texts.map((text) => {
    const needle = lettersIn(text);
    const at = needle.length ? whole.indexOf(needle.join(""), from) : -1;
    if (at < 0 || (needle.length < SHORT && at - from > NEAR && texts.length > 1)) return null;
    from = at + needle.join("").length;
    return rangeOf(letters, starts[at], starts[at] + needle.length);
  });
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-quote]");
  // On a page without that answer, the link itself leads to the page that has it.
  const card = link && document.getElementById(`answer-${link.dataset.answer}`);
  if (!card) return;
  event.preventDefault();
  document.getElementById(`tab-${link.dataset.answer}`)?.click();
  unmark();
  const [range] = find(card.querySelector(".answer-body"), [link.dataset.quote]);
  const [first] = range ? mark(range) : [];
  const target = first ?? card;
  target.tabIndex = -1;
  target.focus({ preventScroll: true });
  target.scrollIntoView({ block: first ? "center" : "start" });
});

function unmark() {
  for (const old of document.querySelectorAll("mark.passage")) {
    const parent = old.parentNode;
    old.replaceWith(...old.childNodes);
    parent.normalize();
  }
}

function mark(range) {
  const nodes = [];
  const walker = document.createTreeWalker(range.commonAncestorContainer, NodeFilter.SHOW_TEXT);
  let node = walker.currentNode.nodeType === Node.TEXT_NODE ? walker.currentNode : walker.nextNode();
  for (; node; node = walker.nextNode()) if (range.intersectsNode(node) && node.data.trim()) nodes.push(node);
  const { startContainer, startOffset, endContainer, endOffset } = range;
  return nodes.map((text) => {
    const part = document.createRange();
    part.setStart(text, text === startContainer ? startOffset : 0);
    part.setEnd(text, text === endContainer ? endOffset : text.length);
    const wrapper = Object.assign(document.createElement("mark"), { className: "passage" });
    part.surroundContents(wrapper);
    return wrapper;
  });
}
