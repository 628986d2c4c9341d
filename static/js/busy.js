// A request of htmx that takes longer than a second shows that it is at work, and screen readers hear it.

const AFTER_MS = 1000;
const bar = document.getElementById("busy");
const waiting = new Map();

function show() {
  const isSlow = [...waiting.values()].some((timer) => timer === null);
  bar.hidden = !isSlow;
  bar.firstElementChild.textContent = isSlow ? "Working…" : "";
}

document.addEventListener("htmx:beforeSend", ({ detail }) => {
  const { xhr } = detail;
  waiting.set(xhr, setTimeout(() => {
    waiting.set(xhr, null);
    show();
  }, AFTER_MS));
});

document.addEventListener("htmx:afterRequest", ({ detail }) => {
  clearTimeout(waiting.get(detail.xhr));
  waiting.delete(detail.xhr);
  show();
});
