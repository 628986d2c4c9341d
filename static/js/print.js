// Prints the page. What is folded is said on paper, too: the prompt, and what the judge thought.

const { css } = document.getElementById("export-menu").dataset;
document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", media: "print", href: css }));

const FOLDS = "#run-prompt, #verdict-reasoning";
let opened = [];

document.addEventListener("click", ({ target }) => {
  if (target.closest?.("[data-print]")) print();
});

addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll(FOLDS)].filter((fold) => !fold.open);
  for (const fold of opened) fold.open = true;
});

addEventListener("afterprint", () => {
  for (const fold of opened) fold.open = false;
});
