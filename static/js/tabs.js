// On narrow screens one answer is shown at a time (the style sheet does that): the one whose tab is selected, by a press
// or by the arrow keys. Each tab carries its answer's state. Where all answers stand side by side, they are no panels.

const TABS = "[role='tab']";

const panelOf = (tab) => document.getElementById(tab.getAttribute("aria-controls"));

function select(tab) {
  for (const each of tab.parentElement.querySelectorAll(TABS)) {
    each.setAttribute("aria-selected", String(each === tab));
    each.tabIndex = each === tab ? 0 : -1;
    panelOf(each)?.toggleAttribute("data-shown", each === tab);
  }
}

document.addEventListener("click", ({ target }) => {
  const tab = target.closest?.(TABS);
  if (tab) select(tab);
});

document.addEventListener("keydown", (event) => {
  if (!event.target.matches?.(TABS)) return;
  const tabs = [...event.target.parentElement.querySelectorAll(TABS)];
  const at = tabs.indexOf(event.target);
  const next = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: -1 }[event.key];
  if (next === undefined) return;
  event.preventDefault();
  const tab = tabs.at(next % tabs.length);
  select(tab);
  tab.focus();
});

function mirror() {
  for (const tab of document.querySelectorAll(TABS)) {
    const head = document.getElementById(`answer-${tab.id.slice("tab-".length)}-head`);
    if (head && head.dataset.status !== tab.dataset.status) tab.dataset.status = head.dataset.status;
  }
}

function name() {
  for (const tab of document.querySelectorAll(TABS)) {
    const panel = panelOf(tab);
    if (tab.parentElement.checkVisibility()) {
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", tab.id);
    } else for (const attribute of ["role", "aria-labelledby"]) panel.removeAttribute(attribute);
  }
}

// Only what replaced heads or tabs changes anything here; most messages bring nothing but text.
document.addEventListener("htmx:wsAfterMessage", ({ detail }) => {
  if (detail.message.includes("data-status")) mirror();
  if (detail.message.includes("tablist")) name();
});
addEventListener("resize", name);
name();
