// The box in which the Compact model is tried: the answer is shown as it is written, and Stop hangs up.

const BREAK = "\x1e";
const form = document.querySelector("[data-try]");

if (form) {
  const [ask, stop, said, answer] = ["ask", "stop", "said", "answer"].map((name) => form.querySelector(`[data-${name}]`));
  let asking = null;

  const read = async (response) => {
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      text += value;
      const [written, ending] = text.split(BREAK);
      answer.textContent = written;
      answer.scrollTop = answer.scrollHeight;
      if (ending) said.textContent = ending;
    }
    if (!text.includes(BREAK)) said.textContent = "The answer broke off.";
  };

  const isAsking = (yes) => {
    ask.disabled = yes;
    stop.hidden = !yes;
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (asking) return;
    asking = new AbortController();
    isAsking(true);
    answer.hidden = false;
    answer.textContent = "";
    said.textContent = "Asking…";
    try {
      const response = await fetch(form.action, { method: "POST", body: new FormData(form), signal: asking.signal });
      const isPlain = response.headers.get("content-type")?.startsWith("text/plain");
      if (isPlain) await read(response);
      else said.textContent = "The site could not ask it. Load the page again.";
    } catch (error) {
      said.textContent = error.name === "AbortError" ? "Stopped." : "The connection to the site broke off.";
    }
    asking = null;
    isAsking(false);
    if (document.activeElement === document.body) ask.focus();
  });

  stop.addEventListener("click", () => asking?.abort());
}
