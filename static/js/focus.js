// Where the keyboard is stays known. A form that came back with an error has the focus on the first field that is wrong;
// what htmx disabled or replaced while it had the focus gets it back, itself or in its new form.

let had = null;

function focusWrong(part) {
  part.querySelector("[aria-invalid='true']")?.focus();
}

function sameAs(old) {
  if (old.isConnected) return old;
  if (old.id) return document.getElementById(old.id);
  const name = (element) => element.ariaLabel ?? element.textContent.trim();
  return [...document.querySelectorAll(`#main ${old.localName}`)].find((element) => name(element) === name(old));
}

function giveBack() {
  if (had && document.activeElement === document.body) sameAs(had)?.focus({ preventScroll: true });
}

focusWrong(document.getElementById("main"));

document.addEventListener("htmx:beforeRequest", () => {
  had = document.activeElement === document.body ? null : document.activeElement;
});
document.addEventListener("htmx:afterRequest", giveBack);
document.addEventListener("htmx:afterSettle", ({ detail }) => {
  const isAsked = detail.requestConfig?.triggeringEvent?.isTrusted;
  if (isAsked && !detail.elt.querySelector("[autofocus]")) focusWrong(detail.elt);
  giveBack();
});
