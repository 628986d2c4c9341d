// What is not on the page at first brings the module and the style sheet that it needs, by data-module and data-style:
// they are loaded once the part is there.

function load() {
  for (const { dataset } of document.querySelectorAll("[data-style]:not([hidden])")) {
    if (document.querySelector(`link[href="${dataset.style}"]`)) continue;
    document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href: dataset.style }));
  }
  for (const part of document.querySelectorAll("[data-module]:not([hidden])")) import(part.dataset.module).catch(() => {});
}

document.addEventListener("htmx:wsAfterMessage", ({ detail }) => {
  if (/ data-(?:style|module)="/.test(detail.message)) load();
});
document.addEventListener("htmx:afterSwap", load);
// What could not be fetched while the server was away is fetched when the page is live again.
document.addEventListener("htmx:wsOpen", load);
load();
