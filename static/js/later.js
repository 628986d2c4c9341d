// What is not on the page at first brings the module that it needs, by data-module: it is loaded once the part is there.

function load() {
  for (const part of document.querySelectorAll("[data-module]:not([hidden])")) import(part.dataset.module);
}

document.addEventListener("htmx:wsAfterMessage", load);
load();
