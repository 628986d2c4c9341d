// The button says how many models are asked, the choices of one run say what they take the place of, and a prompt is
// sent once, however often one presses.

const form = document.querySelector(".compose");
const button = form?.querySelector("[data-ask]");
let isSent = false;

function chosen() {
  return form.querySelector("[name='preset']:checked");
}

function name() {
  const preset = chosen();
  if (!preset) return;
  const members = preset.closest(".chip").nextElementSibling.querySelectorAll("[data-member]:checked");
  const count = members.length;
  button.querySelector("[data-ask-words]").textContent = `Ask ${count} ${count === 1 ? "model" : "models"}`;
  for (const own of ["mode", "judge"]) {
    form.elements[own].options[0].textContent = `As the preset says: ${preset.dataset[own]}`;
  }
}

if (button) {
  name();
  form.addEventListener("change", name);
  form.addEventListener("submit", (event) => {
    if (event.defaultPrevented || event.submitter?.name === "remove") return;
    if (isSent) event.preventDefault();
    else button.querySelector("[data-ask-words]").textContent = "Asking…";
    isSent = true;
    htmx.trigger("#draft-note", "htmx:abort");
  });
  // What has been asked is no draft any more.
  form.addEventListener("htmx:beforeRequest", (event) => {
    if (isSent) event.preventDefault();
  });
  for (const failed of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
    form.addEventListener(failed, (event) => {
      const note = document.getElementById("draft-note");
      if (event.target === note) note.textContent = "Draft not kept: the site cannot be reached";
    });
  }
  // Back from the run's page, the browser may show this page as it was left.
  addEventListener("pageshow", () => {
    isSent = false;
    name();
  });
}
