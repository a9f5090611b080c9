// Passkeys: asks the browser, and sends its answer in the form. Without support the form stays hidden.
"use strict";
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

function question(options) {
  options.challenge = bytes(options.challenge);
  if (options.user) options.user.id = bytes(options.user.id);
  for (const list of [options.allowCredentials, options.excludeCredentials])
    for (const one of list || []) one.id = bytes(one.id);
  return options;
}

function answer(found) {
  const told = { id: found.id, rawId: text(found.rawId), type: found.type, clientExtensionResults: {}, response: {} };
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"])
    if (found.response[name]) told.response[name] = text(found.response[name]);
  return JSON.stringify(told);
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  if (!window.PublicKeyCredential) continue;
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    if (form.elements.answer.value) return;
    event.preventDefault();
    const told = form.querySelector("[data-passkey-told]");
    told.hidden = true;
    try {
      const body = new URLSearchParams({ csrf_token: form.elements.csrf_token.value });
      const asked = await fetch(form.dataset.passkey, { method: "POST", body, credentials: "same-origin" });
      if (!asked.ok) throw new Error("refused");
      const publicKey = question(await asked.json());
      const found = await navigator.credentials[form.dataset.kind]({ publicKey });
      form.elements.answer.value = answer(found);
      form.submit();
    } catch {
      told.textContent = "That did not work. Try again, or use another way.";
      told.hidden = false;
    }
  });
}
