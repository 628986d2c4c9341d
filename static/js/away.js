// What cannot be sent is said, once, and what was typed stays: forms are not sent while the browser is offline, and a
// request of htmx that finds no site, or is refused by it, leaves the page as it was.

const region = document.getElementById("toasts");
const OFFLINE = "You are offline. What you see may be old, and nothing can be sent.";
const NOT_SENT = "You are offline: nothing was sent. What you typed is still here.";
const NO_SITE = "The site could not be reached: nothing was sent. What you typed is still here.";
const TOO_MANY = "That was too often. Wait a moment, then try again.";
const REFUSED = "The site could not do that. Load the page again, and try once more.";

function say(text) {
  const same = [...region.children].find((toast) => toast.textContent.trim() === text);
  same?.remove();
  const toast = document.getElementById("toast").content.cloneNode(true).firstElementChild;
  toast.querySelector("p").textContent = text;
  region.append(toast);
  return toast;
}

let offline = null;

function look() {
  offline?.remove();
  offline = navigator.onLine ? null : say(OFFLINE);
}

addEventListener("offline", look);
addEventListener("online", look);
if (!navigator.onLine) look();

document.addEventListener("submit", (event) => {
  if (navigator.onLine || event.target.method === "dialog") return;
  event.preventDefault();
  event.stopImmediatePropagation();
  say(NOT_SENT);
}, true);

// Polls fail often while the site is put up anew, and say so where they stand, if anywhere.
const isAsked = ({ requestConfig }) => Boolean(requestConfig?.triggeringEvent?.isTrusted);

document.addEventListener("htmx:sendError", ({ detail }) => {
  if (isAsked(detail)) say(navigator.onLine ? NO_SITE : NOT_SENT);
  else detail.elt.querySelector("[data-stale]")?.removeAttribute("hidden");
});

document.addEventListener("htmx:responseError", ({ detail }) => {
  if (isAsked(detail)) say(detail.xhr.status === 429 ? TOO_MANY : REFUSED);
});
