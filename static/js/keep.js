// Fragments replace what they bring news of, and a reconnect replaces the whole run. What the reader had set stays:
// open folds, the chosen tab, and the place of the keyboard focus.

const FOLDS = "#run details[id][open]";
const TABS = "#run [role='tab'][aria-selected='true']";

// Most messages bring nothing but text, which is added to what is there.
const REPLACES = /hx-swap-oob="(?:true|innerHTML)"/;

let kept = null;

document.addEventListener("htmx:wsBeforeMessage", ({ detail }) => {
  kept = REPLACES.test(detail.message) && {
    folds: [...document.querySelectorAll(FOLDS)],
    tabs: [...document.querySelectorAll(TABS)],
    focus: document.activeElement,
  };
});

document.addEventListener("htmx:wsAfterMessage", () => {
  if (!kept) return;
  const gone = (element) => !element.isConnected;
  for (const fold of kept.folds.filter(gone)) document.getElementById(fold.id)?.toggleAttribute("open", true);
  for (const tab of kept.tabs.filter(gone)) document.getElementById(tab.id)?.click();
  if (gone(kept.focus)) refocus(kept.focus);
});

function refocus(old) {
  const same = document.getElementById(old.id);
  // A stop button that is gone because its work is over leaves the focus on the part that it belonged to.
  const whole = { "stop-run": "run-header", "fuse-again": "fused", "undo-choice": "fused" };
  const part = document.getElementById(whole[old.id] ?? old.id.replace(/-(stop|copy|retry|use)$/, ""));
  if (same) same.focus({ preventScroll: true });
  else if (part) focusPart(part);
}

function focusPart(part) {
  part.tabIndex = -1;
  part.focus({ preventScroll: true });
}
