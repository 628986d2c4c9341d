// Asks before something is lost: forms with data-confirm, and htmx elements with hx-confirm. Without this module
// forms post at once and htmx falls back to the browser's own question.

const dialog = document.getElementById("confirm");
const question = dialog.querySelector("[data-question]");
const accept = dialog.querySelector("[data-accept]");
const cautious = accept.textContent;

let onAccept = null;

function ask(text, action, then) {
  question.textContent = text;
  accept.textContent = action || cautious;
  onAccept = then;
  dialog.returnValue = "";
  dialog.showModal();
}

// The event comes after the closing: one that comes when the next question is asked already is not the answer to that.
dialog.addEventListener("close", () => {
  if (dialog.open) return;
  const then = onAccept;
  onAccept = null;
  if (dialog.returnValue === "yes") then?.();
});

document.addEventListener("submit", (event) => {
  const { confirm, confirmAction } = event.target.dataset;
  if (!confirm || event.defaultPrevented) return;
  const form = event.target;
  const { submitter } = event;
  event.preventDefault();
  event.stopImmediatePropagation();
  ask(confirm, confirmAction, () => {
    delete form.dataset.confirm;
    form.requestSubmit(submitter);
    form.dataset.confirm = confirm;
  });
}, true);

document.addEventListener("htmx:confirm", (event) => {
  if (!event.detail.question) return;
  event.preventDefault();
  ask(event.detail.question, event.detail.elt.dataset.confirmAction, () => event.detail.issueRequest(true));
});
