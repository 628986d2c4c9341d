// Says whether the page is live. htmx connects again by itself after a lost connection; a server that goes away
// politely (1001) or without a word (1005) counts as lost too. Codes from 4000 on are the server's last word.

const AGAIN_MS = 1000;
const page = document.getElementById("main");
const spoken = document.getElementById("connection");

function notice() {
  const part = Object.assign(document.createElement("p"), { className: "notice notice-warn" });
  part.textContent = "What this link showed is not there any more.";
  return part;
}

function show(connection, words) {
  if (page.dataset.connection === connection) return;
  const first = !page.dataset.connection;
  page.dataset.connection = connection;
  if (!first) spoken.textContent = words;
}

// The first message after each connection is the whole state, which takes the place of what is shown.
document.addEventListener("htmx:wsAfterMessage", () => show("live", "Connected again."));

document.addEventListener("htmx:wsClose", ({ detail }) => {
  const { code } = detail.event;
  // What a link showed goes with the link.
  if (code === 4404 && "leaves" in page.dataset) page.replaceChildren(spoken, notice());
  if (code === 4404) return show("closed", "Your access to this run has ended. Load the page again, and sign in if you are asked to.");
  if (code >= 4000) return show("closed", "This page is no longer live. Load it again.");
  if (code === 1001 || code === 1005) setTimeout(() => detail.socketWrapper.reconnect(), AGAIN_MS);
  return show("lost", "Connection lost. Trying again.");
});
