/* Live checking of a part of a draft: after a pause in typing the form is posted to the address in data-check, which
   stores nothing and answers what the check would say. Messages go to [data-said], readings of conditions to
   [data-reading]. The same form goes to the address in data-preview, where there is one: the piece of HTML that it
   answers goes into [data-as-seen]. Everything works without this script: the page says the same after saving.

   JSON: { said: {field: [{text, warning}]}, rest: [{text, warning}], readings: {field: words}, faults: n } */
(() => {
  "use strict";
  const form = document.querySelector("form[data-check]");
  const texts = document.querySelector("template[data-authoring-texts]");
  if (!form || !texts) return;
  const PAUSE = 700, LONGEST = 20000;
  const before = new FormData(form), seen = form.dataset.preview ? document.querySelector("[data-as-seen]") : null;
  let timer = 0, flying = null, again = false, wait = 0, leaving = false;

  function words(name, values) {
    const copy = texts.content.querySelector(`[data-text="${name}"]`).cloneNode(true);
    copy.removeAttribute("data-text");
    const walker = document.createTreeWalker(copy, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) walker.currentNode.data = walker.currentNode.data.replace(/\{(\w+)\}/g, (all, key) => (key in values ? values[key] : all));
    return copy;
  }
  function body() {
    const data = new URLSearchParams();
    for (const [name, value] of new FormData(form)) if (typeof value === "string") data.append(name, value);
    return data;
  }
  function changed() {
    const now = body(), old = new URLSearchParams();
    for (const [name, value] of before) if (typeof value === "string") old.append(name, value);
    return now.toString() !== old.toString();
  }
  function schedule(delay) {
    clearTimeout(timer);
    timer = setTimeout(check, Math.max(delay, wait));
  }
  function post(address, accept) {
    return fetch(address, {
      method: "POST", body: body(), credentials: "same-origin", redirect: "manual",
      headers: { Accept: accept, "X-CSRF-Token": form.elements.csrf_token.value }, signal: flying.signal,
    });
  }
  function show(html) {
    seen.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
  }
  async function check() {
    if (flying) { again = true; return; }
    again = false;
    flying = new AbortController();
    const limit = setTimeout(() => flying && flying.abort(), LONGEST);
    try {
      const drawn = seen && await post(form.dataset.preview, "text/html");   // first: it is the quicker one
      if (drawn && drawn.ok) show(await drawn.text());
      const response = await post(form.dataset.check, "application/json");
      if (response.ok) { wait = 0; took(await response.json()); }
      else if (response.status === 429 || response.status === 503) { wait = Math.min((wait || 1000) * 2, LONGEST); again = true; }
    } catch (problem) {            // no network: the page checks when it is saved
      wait = Math.min((wait || 1000) * 2, LONGEST);
    } finally {
      clearTimeout(limit);
      flying = null;
      if (again) schedule(PAUSE);
    }
  }
  function took(json) {
    let count = 0;
    for (const place of document.querySelectorAll("[data-said]")) {
      const name = place.dataset.said, messages = json.said[name] || [];
      place.replaceChildren(...messages.map((one) => words(one.warning ? "warning" : "fault", { text: one.text })));
      place.hidden = !messages.length;
      const wrong = messages.some((one) => !one.warning), control = document.getElementById("f-" + name);
      if (wrong) count += messages.filter((one) => !one.warning).length;
      if (control && control.name) { if (wrong) control.setAttribute("aria-invalid", "true"); else control.removeAttribute("aria-invalid"); }
      const hidden = wrong && place.closest("details:not([open])");
      if (hidden) hidden.open = true;
    }
    for (const place of document.querySelectorAll("[data-reading]")) {
      const reading = json.readings[place.dataset.reading] || "";
      place.querySelector("[data-words]").textContent = reading;
      place.hidden = !reading;
    }
    const rest = document.querySelector("[data-rest]");
    if (rest) {
      rest.querySelector("[data-rest-list]").replaceChildren(...json.rest.map((one) => { const line = document.createElement("li"); line.textContent = one.text; return line; }));
      rest.hidden = !json.rest.length;
    }
    count += json.rest.filter((one) => !one.warning).length;
    const bar = document.querySelector("[data-checked]");
    if (bar && changed()) bar.replaceChildren(words(count ? "some" : "none", { count }));
  }

  form.addEventListener("input", () => schedule(PAUSE));
  form.addEventListener("change", () => schedule(0));
  form.addEventListener("submit", () => { leaving = true; clearTimeout(timer); });
  window.addEventListener("beforeunload", (event) => {
    if (!leaving && changed()) { event.preventDefault(); event.returnValue = ""; }
  });
  window.addEventListener("pageshow", (event) => { if (event.persisted) leaving = false; });
})();
