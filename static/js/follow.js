// The follow-up box: its button says how many models are asked, a prompt is sent once, and what is typed survives a
// reload until the follow-up is there.

const form = document.getElementById("follow-up");
const button = form.querySelector("[data-ask]");
const { prompt, history, preset } = form.elements;
const key = `draft:${form.dataset.draft}`;
const followUps = () => document.querySelectorAll("#follow-ups > li").length;
let isSent = false;

function name() {
  const count = Number(preset.selectedOptions[0]?.dataset.members);
  button.textContent = count ? `Ask ${count} ${count === 1 ? "model" : "models"}` : "Ask";
}

// How many follow-ups there were when it was sent: with one more, it has come to be.
function keep() {
  const typed = { prompt: prompt.value, history: history.value, preset: preset.value };
  sessionStorage.setItem(key, JSON.stringify({ ...typed, sentAt: isSent ? followUps() : null }));
}

// What stands there already is newer than any draft: it came back with an error, or was typed before this ran.
function restore() {
  if (prompt.value) return keep();
  const draft = JSON.parse(sessionStorage.getItem(key));
  if (!draft) return;
  if (draft.sentAt !== null && followUps() > draft.sentAt) return sessionStorage.removeItem(key);
  prompt.value = draft.prompt;
  history.value = draft.history;
  if ([...preset.options].some((option) => option.value === draft.preset)) preset.value = draft.preset;
}

restore();
name();
form.addEventListener("input", keep);
form.addEventListener("change", name);
form.addEventListener("submit", (event) => {
  if (isSent) event.preventDefault();
  else button.textContent = "Asking…";
  isSent = true;
  keep();
});
// Back from the follow-up's page, the browser may show this page as it was left.
addEventListener("pageshow", () => {
  isSent = false;
  name();
});
