// What it takes to choose what a fused answer keeps is loaded once there is something to choose from.

const panel = document.getElementById("guide");

function style(address) {
  const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: address });
  return new Promise((resolve, reject) => {
    Object.assign(link, { onload: resolve, onerror: reject });
    document.head.append(link);
  });
}

async function offer() {
  if (!panel.querySelector("[data-open]")) return;
  document.removeEventListener("htmx:wsAfterMessage", offer);
  const { css, ticks, passages } = panel.dataset;
  await Promise.all([style(css), import(ticks), import(passages)]);
  panel.hidden = false;
}

document.addEventListener("htmx:wsAfterMessage", offer);
offer();
