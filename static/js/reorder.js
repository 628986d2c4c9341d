// Rows of a form's list are dragged by their handles; the server gives the list in its new order, as it does for the
// buttons that move a row by one. Those are there for the keyboard and for touch.

const LIST = "[data-reorder]";

let dragged = null;

const rowOf = (element) => element.closest(`${LIST} > li`);
const placeOf = (row) => [...row.parentElement.children].indexOf(row);

function isBelow(row, { clientY }) {
  const { top, height } = row.getBoundingClientRect();
  return clientY > top + height / 2;
}

function unmark() {
  for (const row of document.querySelectorAll(`${LIST} > li`)) row.classList.remove("is-before", "is-after", "is-dragged");
}

document.addEventListener("dragstart", (event) => {
  const handle = event.target.closest?.("[data-handle]");
  if (!handle) return;
  dragged = rowOf(handle);
  dragged.classList.add("is-dragged");
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", "");
  event.dataTransfer.setDragImage(dragged, 16, 16);
});

document.addEventListener("dragover", (event) => {
  const row = dragged && rowOf(event.target);
  if (!row || row.parentElement !== dragged.parentElement) return;
  event.preventDefault();
  const below = isBelow(row, event);
  for (const each of row.parentElement.children) {
    each.classList.toggle("is-after", each === row && below);
    each.classList.toggle("is-before", each === row && !below);
  }
});

document.addEventListener("drop", (event) => {
  const row = dragged && rowOf(event.target);
  if (!row || row.parentElement !== dragged.parentElement) return;
  event.preventDefault();
  const from = placeOf(dragged);
  const gap = placeOf(row) + (isBelow(row, event) ? 1 : 0);
  const to = gap > from ? gap - 1 : gap;
  if (to === from) return;
  const source = row.closest("form");
  htmx.ajax("POST", window.location.href, { source, target: "#editor", swap: "outerHTML", values: { do: `move.${from}.${to}` } });
});

document.addEventListener("dragend", () => {
  unmark();
  dragged = null;
});
