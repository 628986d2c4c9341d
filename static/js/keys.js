// Ctrl+Enter (or Cmd+Enter) sends the form in which one types, where the form asks for it by data-submit-keys.

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
  const form = event.target.closest?.("form[data-submit-keys]");
  if (!form) return;
  event.preventDefault();
  form.requestSubmit();
});
