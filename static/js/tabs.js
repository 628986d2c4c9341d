// On narrow screens one answer is shown at a time (the style sheet does that); each tab carries its answer's state.

function mirror() {
  for (const head of document.querySelectorAll(".answer-head")) {
    const id = head.id.slice("answer-".length, -"-head".length);
    const tab = document.querySelector(`.tab > [value="${id}"]`)?.parentElement;
    if (tab && tab.dataset.status !== head.dataset.status) tab.dataset.status = head.dataset.status;
  }
}

document.addEventListener("htmx:wsAfterMessage", mirror);
