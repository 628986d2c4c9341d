// The button says how many models the chosen preset asks.

const button = document.querySelector("[data-ask]");

function name() {
  const count = Number(document.querySelector("[name='preset']:checked")?.dataset.members);
  if (button && count) button.textContent = `Ask ${count} ${count === 1 ? "model" : "models"}`;
}

document.addEventListener("change", (event) => event.target.name === "preset" && name());
name();
