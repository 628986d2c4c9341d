// Model pickers, by ARIA's pattern of a combobox with a list: the focus stays in the input, arrows go through the list,
// Enter takes the marked model and its connection, Escape closes. What is typed counts as it stands; htmx brings the list.

const PAGE = 8;
const ASK_MS = 180;

let waiting = 0;
let kept;

const parts = (picker) => ({
  input: picker.querySelector("[role=combobox]"),
  panel: picker.querySelector(".picker-panel"),
  list: picker.querySelector("[role=listbox]"),
});
const options = (picker) => [...parts(picker).list.querySelectorAll("[role=option]")];
const marked = (picker) => document.getElementById(parts(picker).input.getAttribute("aria-activedescendant"));
const isOpen = (picker) => !parts(picker).panel.hidden;

function ask(picker, { all = false } = {}) {
  clearTimeout(waiting);
  picker.toggleAttribute("data-all", all);
  htmx.trigger(parts(picker).input, "picker:ask");
}

function open(picker, how) {
  if (isOpen(picker)) return;
  const { input, panel } = parts(picker);
  panel.hidden = false;
  input.setAttribute("aria-expanded", "true");
  ask(picker, how);
}

function close(picker) {
  const { input, panel } = parts(picker);
  panel.hidden = true;
  input.setAttribute("aria-expanded", "false");
  mark(picker, null);
}

function mark(picker, option) {
  const { input } = parts(picker);
  marked(picker)?.classList.remove("is-marked");
  if (!option) return input.removeAttribute("aria-activedescendant");
  option.classList.add("is-marked");
  option.scrollIntoView({ block: "nearest" });
  return input.setAttribute("aria-activedescendant", option.id);
}

function step(picker, by) {
  const all = options(picker);
  const at = all.indexOf(marked(picker));
  const next = at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1);
  mark(picker, all[next]);
}

function take(picker, option) {
  const { input } = parts(picker);
  const connection = document.getElementById(picker.dataset.connection);
  input.value = option.dataset.model;
  if ([...connection.options].some(({ value }) => value === option.dataset.connection)) {
    connection.value = option.dataset.connection;
  }
  document.getElementById(`${input.id}_facts`).textContent = option.dataset.facts;
  close(picker);
  input.focus();
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

const KEYS = { ArrowDown: 1, ArrowUp: -1, PageDown: PAGE, PageUp: -PAGE };

document.addEventListener("keydown", (event) => {
  const picker = event.target.closest("[data-picker]");
  if (!picker) return;
  if (event.key === "Escape" && isOpen(picker)) {
    event.preventDefault();
    close(picker);
    return parts(picker).input.focus();
  }
  // Enter in a form's field sends the form: here it only chooses.
  if (event.key === "Enter" && event.target.dataset.narrow) return event.preventDefault();
  if (event.target !== parts(picker).input || event.ctrlKey || event.metaKey || event.isComposing) return undefined;
  if (event.key in KEYS) {
    event.preventDefault();
    if (isOpen(picker)) return step(picker, KEYS[event.key]);
    return open(picker, { all: true });
  }
  if (event.key === "Enter" && marked(picker)) {
    event.preventDefault();
    return take(picker, marked(picker));
  }
  return undefined;
});

document.addEventListener("input", (event) => {
  const picker = event.target.closest("[data-picker]");
  if (!picker) return;
  mark(picker, null);
  if (event.target.dataset.narrow) return ask(picker, { all: picker.hasAttribute("data-all") });
  if (!isOpen(picker)) return open(picker);
  clearTimeout(waiting);
  waiting = setTimeout(() => ask(picker), ASK_MS);
});

document.addEventListener("click", (event) => {
  const picker = event.target.closest("[data-picker]");
  if (!picker) return;
  const option = event.target.closest("[role=option]");
  if (option) take(picker, option);
  else if (event.target === parts(picker).input) open(picker, { all: true });
});

// A press on an option must not take the focus out of the input, which would close the list before the click.
document.addEventListener("mousedown", (event) => {
  if (event.target.closest("[data-picker] [role=option]")) event.preventDefault();
});

document.addEventListener("focusout", ({ target, relatedTarget }) => {
  const picker = target.closest("[data-picker]");
  if (picker && isOpen(picker) && !picker.contains(relatedTarget)) close(picker);
});

// Another connection may know another thing of the same model.
document.addEventListener("change", ({ target }) => {
  for (const picker of document.querySelectorAll(`[data-picker][data-connection="${target.id}"]`)) ask(picker);
});

// How the list is narrowed and ordered is nothing that the form should send.
document.addEventListener("htmx:configRequest", ({ detail, target }) => {
  const picker = target.closest("[data-picker]");
  if (!picker) return;
  if (picker.hasAttribute("data-all")) detail.parameters.all = "1";
  for (const { dataset, type, checked, value } of picker.querySelectorAll("[data-narrow]")) {
    if (type !== "checkbox") detail.parameters[dataset.narrow] = value;
    else if (checked) detail.parameters[dataset.narrow] = "1";
  }
});

// A list that comes while one has begun to choose keeps the mark at the same model, or Enter would send the form. Where
// it is gone, nothing is left that the input could go on to point at.
document.addEventListener("htmx:beforeSwap", ({ target }) => {
  const picker = target.matches("[role=listbox]") && target.closest("[data-picker]");
  if (!picker) return;
  kept = marked(picker)?.dataset;
  mark(picker, null);
});

document.addEventListener("htmx:afterSwap", ({ target }) => {
  const picker = target.matches("[role=listbox]") && target.closest("[data-picker]");
  const same = ({ dataset: { model, connection } }) => model === kept.model && connection === kept.connection;
  if (picker && kept) mark(picker, options(picker).find(same));
});
