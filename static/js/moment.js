// Tells the timeline that something has begun or ended, when a message brings more than text; it is fetched anew then.

document.addEventListener("htmx:wsAfterMessage", ({ detail }) => {
  if (/data-status|id="run-header"/.test(detail.message)) htmx.trigger(document.body, "moment");
});
