// Toasts stay until their button is pressed, or Escape in them. Screen readers speak what is added to a live region, not
// what was there when the page came, so those are added once more.

const region = document.getElementById("toasts");

region?.append(...region.children);

function dismiss(toast) {
  const hadFocus = toast.contains(document.activeElement);
  const next = (toast.nextElementSibling ?? toast.previousElementSibling)?.querySelector("[data-dismiss]");
  toast.remove();
  if (!hadFocus) return;
  const main = document.getElementById("main");
  if (!next) main.tabIndex = -1;
  (next ?? main).focus({ preventScroll: true });
}

document.addEventListener("click", (event) => {
  const toast = event.target.closest("[data-dismiss]")?.closest(".toast");
  if (toast) dismiss(toast);
});

region?.addEventListener("keydown", (event) => {
  if (event.key === "Escape") dismiss(event.target.closest(".toast"));
});
