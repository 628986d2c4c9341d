// Toasts go when their button is pressed. Screen readers speak what is added to a live region, not what was there
// when the page came, so those are added once more.

const region = document.getElementById("toasts");

region?.append(...region.children);

document.addEventListener("click", (event) => {
  event.target.closest("[data-dismiss]")?.closest(".toast")?.remove();
});
