// What a reader has ticked: points of the verdict, and passages of answers (passages.js). It is kept in this browser
// until it is sent, so that neither news of the run nor a reload loses it; the boxes on the page only mirror it.

const panel = document.getElementById("guide");
const list = document.getElementById("guide-picks");
const said = Object.assign(document.createElement("p"), { className: "visually-hidden", role: "status" });
const fold = panel.querySelector("details");
const form = panel.querySelector("form");
const place = `fusion choice ${panel.dataset.run}`;

const nameOf = ({ from, text, stance, answer, offset }) => JSON.stringify([from, text, stance ?? "", answer ?? "", offset ?? ""]);

// By what names a tick: `{list: "keep" | "drop", tick}`.
let picks = stored();

function stored() {
  try {
    return new Map(JSON.parse(localStorage.getItem(place)) ?? []);
  } catch {
    return new Map();
  }
}

function keep() {
  try {
    if (picks.size) localStorage.setItem(place, JSON.stringify([...picks]));
    else localStorage.removeItem(place);
  } catch {
    // A browser that stores nothing keeps it as long as the page.
  }
}

function pick(tick, wanted) {
  const name = nameOf(tick);
  if (wanted) picks.set(name, { list: wanted, tick });
  else picks.delete(name);
  keep();
  show();
  said.textContent = wanted ? `${wanted === "keep" ? "To be kept" : "To be left out"}: ${wording(tick)}` : "Taken back.";
}

// The marks of markdown are for the merger, not for the eye.
const wording = (tick) => (tick.stance || tick.text).replace(/!?\[([^[\]\n]*)\]\([^()\s]*\)/g, "$1").replace(/\*+|`+|~~+/g, "");

function tickOf(group) {
  const { from, text, stance } = group.dataset;
  return stance ? { from, text, stance } : { from, text };
}

function show() {
  for (const box of document.querySelectorAll("[data-tick]")) {
    box.checked = picks.get(nameOf(tickOf(box.closest("[data-from]"))))?.list === box.value;
  }
  list.replaceChildren(...[...picks].map(([name, { list: wanted, tick }]) => row(name, wanted, tick)));
  panel.toggleAttribute("data-picks", picks.size > 0);
  const [keeps, drops] = ["keep", "drop"].map((wanted) => [...picks.values()].filter((each) => each.list === wanted));
  fold.querySelector("summary").textContent = `${keeps.length} to keep, ${drops.length} to leave out`;
  for (const button of panel.querySelectorAll("[data-needs-picks]")) button.disabled = !picks.size;
  form.elements.choice.value = JSON.stringify({ keep: keeps.map(({ tick }) => tick), drop: drops.map(({ tick }) => tick) });
}

function row(name, wanted, tick) {
  const item = document.createElement("li");
  const [badge, color] = wanted === "keep" ? ["Keep", "badge-good"] : ["Leave out", "badge-bad"];
  item.append(part("span", `badge ${color}`, badge), part("span", "pick-text", wording(tick)));
  const remove = part("button", "button button-small button-quiet", "Remove");
  remove.type = "button";
  remove.dataset.unpick = name;
  item.append(remove);
  return item;
}

function part(tag, className, textContent) {
  return Object.assign(document.createElement(tag), { className, textContent });
}

document.addEventListener("change", ({ target }) => {
  if (target.matches("[data-tick]")) pick(tickOf(target.closest("[data-from]")), target.checked && target.value);
});

document.addEventListener("fusion:pick", ({ detail }) => pick(detail.tick, detail.list));

list.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-unpick]");
  if (!button) return;
  const at = [...list.children].indexOf(button.closest("li"));
  pick(picks.get(button.dataset.unpick).tick, null);
  (list.children[Math.min(at, list.children.length - 1)]?.querySelector("button") ?? panel.querySelector("button"))?.focus();
});

// 204: the choice was taken. A refusal comes with words, and what was ticked stays.
form.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (detail.xhr.status !== 204) return;
  picks.clear();
  keep();
  show();
});

addEventListener("storage", ({ key }) => {
  if (key !== place) return;
  picks = stored();
  show();
});

document.addEventListener("htmx:wsAfterMessage", show);
// On narrow screens the list would hide what there is to tick.
fold.open = matchMedia("(min-width: 44rem)").matches;
panel.append(said);
show();
