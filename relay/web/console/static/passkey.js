// Hands the options of the page's form to the authenticator, and sends its answer with the form.
"use strict";

const form = document.querySelector("form[data-options]");
const options = JSON.parse(form.dataset.options);
const making = "user" in options;

function octets(text) {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
}

function base64url(buffer) {
  const text = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function asked() {
  const publicKey = { ...options, challenge: octets(options.challenge) };
  if (!making) {
    return navigator.credentials.get({ publicKey });
  }
  publicKey.user = { ...options.user, id: octets(options.user.id) };
  return navigator.credentials.create({ publicKey });
}

function told(credential) {
  const names = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];
  const given = names.filter((name) => credential.response[name]);
  const response = Object.fromEntries(given.map((name) => [name, base64url(credential.response[name])]));
  return { id: credential.id, rawId: base64url(credential.rawId), type: credential.type, response };
}

const button = form.querySelector("button");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    form.elements.credential.value = JSON.stringify(told(await asked()));
  } catch {
    form.querySelector("[role=alert]").hidden = false;
    return;
  }
  form.submit();
});

button.disabled = false; // pressed before, it would have sent the form without an answer
if (button.autofocus) {
  button.focus();
}
