/* Passkeys. [data-passkey] holds what to ask the browser for (JSON, as the server wrote it) and a button; what the browser
   answers goes into a hidden field of the form round it, and the form is sent as if by hand. Without this script, or in a
   browser that knows no passkeys, [data-passkey] stays hidden and [data-no-passkey] stays to be read. */
"use strict";

(function () {
  if (!window.PublicKeyCredential || !navigator.credentials) return;

  function bytes(text) {
    const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(plain, (one) => one.charCodeAt(0));
  }

  function coded(buffer) {
    const plain = Array.from(new Uint8Array(buffer), (one) => String.fromCharCode(one)).join("");
    return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }

  const named = (list) => list.map((one) => ({ ...one, id: bytes(one.id) }));

  function asked(how, options) {
    const read = { ...options, challenge: bytes(options.challenge) };
    if (how === "get") read.allowCredentials = named(options.allowCredentials);
    else {
      read.user = { ...options.user, id: bytes(options.user.id) };
      read.excludeCredentials = named(options.excludeCredentials);
    }
    return navigator.credentials[how]({ publicKey: read });
  }

  function answer(found) {
    const response = { clientDataJSON: coded(found.response.clientDataJSON) };
    for (const part of ["attestationObject", "authenticatorData", "signature", "userHandle"])
      if (found.response[part]) response[part] = coded(found.response[part]);
    return JSON.stringify({ id: found.id, rawId: coded(found.rawId), type: found.type, response });
  }

  for (const part of document.querySelectorAll("[data-passkey]")) {
    const form = part.closest("form"), button = part.querySelector("button"), said = part.querySelector("[role=status]");
    const field = Object.assign(document.createElement("input"), { type: "hidden", name: part.dataset.into });
    button.addEventListener("click", async () => {
      button.disabled = true;
      said.textContent = "";
      try {
        field.value = answer(await asked(part.dataset.passkey, JSON.parse(part.dataset.options)));
        form.append(field);
        const act = form.querySelector("button.primary[name]"); // of several buttons the one that a proof is asked for
        if (act) form.append(Object.assign(document.createElement("input"), { type: "hidden", name: act.name, value: act.value }));
        form.submit();
      } catch (error) {
        said.textContent = error.name === "InvalidStateError" ? part.dataset.known : part.dataset.none;
        button.disabled = false;
      }
    });
    part.hidden = false;
  }
  for (const part of document.querySelectorAll("[data-no-passkey]")) part.hidden = true;
})();
