// The browser's part of passkeys: adding one, signing in with one, and proving with one who it is.
// A form with data-passkey="create" or "get" asks the browser first, and is sent with what it gave.

const OWN_WORDS = {
  NotAllowedError: "Nothing was confirmed. Try once more, and follow what your browser asks.",
  InvalidStateError: "This device or key is set up already.",
  SecurityError: "Passkeys need this site's name in the address bar, and https (or localhost). An address of numbers will not do.",
};

for (const form of document.querySelectorAll("form[data-passkey]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    answer(form);
  });
}

async function answer(form) {
  const told = form.querySelector("[data-passkey-error]");
  told.hidden = true;
  try {
    const credential = await ask(form.dataset.passkey, await optionsOf(form), form);
    form.elements.credential.value = JSON.stringify(credential.toJSON());
    form.submit();
  } catch (error) {
    told.textContent = OWN_WORDS[error.name] ?? `This browser could not use a passkey here: ${error.message}`;
    told.hidden = false;
  }
}

function ask(kind, { publicKey }, form) {
  if (kind === "get") {
    return navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey) });
  }
  if (form.elements.passwordless?.checked) {
    const alone = { residentKey: "required", requireResidentKey: true, userVerification: "required" };
    publicKey.authenticatorSelection = { ...publicKey.authenticatorSelection, ...alone };
  }
  return navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey) });
}

// They stand in the page, or are fetched where nobody is known yet.
async function optionsOf(form) {
  if (!("options" in form.dataset)) return JSON.parse(document.getElementById("passkey-options").textContent);
  const response = await fetch(form.dataset.options, { headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error(response.status === 429 ? "too many tries, come back in a minute" : `error ${response.status}`);
  return (await response.json()).request_options;
}
