// The button says how many models the chosen preset asks, and a prompt is sent once, however often one presses.

const form = document.querySelector(".compose");
const button = form?.querySelector("[data-ask]");
let isSent = false;

function name() {
  const count = Number(form.querySelector("[name='preset']:checked")?.dataset.members);
  if (count) button.textContent = `Ask ${count} ${count === 1 ? "model" : "models"}`;
}

if (button) {
  name();
  form.addEventListener("change", name);
  form.addEventListener("submit", (event) => {
    if (isSent) event.preventDefault();
    else button.textContent = "Asking…";
    isSent = true;
  });
  // Back from the run's page, the browser may show this page as it was left.
  addEventListener("pageshow", () => {
    isSent = false;
    name();
  });
}
