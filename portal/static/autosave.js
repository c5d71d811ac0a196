/* Autosave of a section page. The page works without it; this only saves the steps of pressing Save.

   The form says data-autosave (address) and data-sign-in (address). Each [data-key] card is sent by itself, urlencoded, with
   the names of templates/_question.html, headers Accept: application/json and X-CSRF-Token. The answer is JSON, status 200
   (also 409 and 422 when it has a body of this shape):
     {"saved":     {key: {"revision": 4, "label": "Saved 14:32"}},
      "errors":    {key: "message"},
      "conflicts": {key: {"theirs": {"label", "who", "at"}, "revision": 5}},
      "visible":   [keys], "hidden": [keys],          questions of this page that the answer made appear or disappear
      "progress":  {"answered", "total", "section_answered", "section_total"},
      "reload":    false}                             true: parts of the page changed (data-part is read anew), or a conflict
                                                     was settled for theirs (the page is loaded again)
   401: signed out. 403 or 400: the token is stale, it is read anew from this page's own address, once. 413, 404 and other 4xx:
   refused, Save shows why. A conflict is sent again with k.<key> and c.<key> once the person has chosen. 429, 5xx, no network: tried again, ever more slowly. Typed text is never touched. */
"use strict";

(function () {
  const form = document.querySelector("form[data-autosave]");
  if (!form || !window.fetch) return;

  const TYPING = 1500, CHOSEN = 250, TIMEOUT = 15000, LONGEST = 60000;
  const bar = document.querySelector("[data-bar]");
  const barText = document.querySelector("[data-bar-text]");
  const live = document.querySelector("[data-live]");
  const texts = document.querySelector("[data-autosave-texts]").content;

  const dirty = new Set();        // keys with edits that the server has not confirmed
  const refused = new Set();      // keys the server answered with a message or a conflict
  const sent = new Map();         // key -> what was last confirmed, to tell an edit from a mere change event
  let flying = null;              // {key, body, controller} of the one request in flight
  let timer = 0, wait = 0, lastSaved = null, leaving = false, posting = false, blocked = "", triedToken = false;

  const cards = () => Array.from(form.querySelectorAll("[data-key]"));
  const card = (key) => cards().find((one) => one.dataset.key === key);
  const clock = (date) => date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false });
  const opened = new Date();

  /* ---- texts: clones of the template, with {names} filled in as text, never as markup ---- */
  function words(name, values) {
    const box = document.createDocumentFragment();
    const source = texts.querySelector(`[data-text="${name}"]`);
    source.childNodes.forEach((node) => box.append(node.cloneNode(true)));
    const fill = (text) => text.replace(/\{(\w+)\}/g, (all, key) => (values && key in values ? values[key] : all));
    const walker = document.createTreeWalker(box, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
    while (walker.nextNode()) {
      const node = walker.currentNode;
      if (node.nodeType === Node.TEXT_NODE) node.data = fill(node.data);
      else for (const attribute of Array.from(node.attributes)) attribute.value = fill(attribute.value);
    }
    return box;
  }

  function say(name, values, tone) {
    const box = words(name, values);
    const link = box.querySelector("a");
    if (link) link.href = form.dataset.signIn;
    barText.replaceChildren(box);
    if (tone) bar.dataset.tone = tone; else delete bar.dataset.tone;
  }

  function state(key, name, values) {
    const place = card(key) && card(key).querySelector("[data-state]");
    if (place) place.replaceChildren(words(name, values));
  }

  /* ---- what a card holds ---- */
  function bodyOf(key) {
    const body = new URLSearchParams();
    for (const control of card(key).querySelectorAll("[name]")) {
      if (control.disabled || control.tagName === "BUTTON") continue;
      if ((control.type === "radio" || control.type === "checkbox") && !control.checked) continue;
      body.append(control.name, control.value);
    }
    if (form.elements.version) body.append("version", form.elements.version.value);
    return body;
  }
  function content(key) {         // the body without the revision: two equal contents are no edit
    const body = bodyOf(key);
    body.delete("r." + key);
    return body.toString();
  }
  cards().forEach((one) => sent.set(one.dataset.key, content(one.dataset.key)));
  cards().forEach((one) => { if (one.classList.contains("invalid")) refused.add(one.dataset.key); });

  /* ---- editing ---- */
  function edited(event) {
    const box = event.target.closest && event.target.closest("[data-key]");
    if (!box || !form.contains(box)) return;
    const key = box.dataset.key;
    together(box, event.target);
    if (content(key) === sent.get(key) && !refused.has(key) && !(flying && flying.key === key)) {
      dirty.delete(key);
      return;
    }
    dirty.add(key);
    state(key, "waiting");
    if (!unfinished(box)) schedule(event.type === "input" && isText(event.target) ? TYPING : CHOSEN);
  }
  function isText(control) {
    return control.tagName === "TEXTAREA" || (control.tagName === "INPUT" && !["radio", "checkbox"].includes(control.type));
  }
  function together(box, target) {   // an answer and "not applicable" exclude each other; a ticked N/A opens its reason
    const na = box.querySelector('input[name^="s."]');
    if (!na || !target.name) return;
    if (target === na && na.checked) {
      const comment = box.querySelector("details.comment");
      if (comment) comment.open = true;
      box.querySelectorAll('.options input:checked').forEach((one) => { one.checked = false; });
    } else if (target.checked && target.name.startsWith("a.") && target.value) {
      na.checked = false;
    }
  }
  form.addEventListener("input", edited);
  form.addEventListener("change", edited);
  function unfinished(box) {         // an N/A whose reason is about to be written: no message before the person has had a chance
    const na = box.querySelector('input[name^="s."]');
    const note = box.querySelector('textarea[name^="n."]');
    return Boolean(na && na.checked && note && !note.value.trim() && box.contains(document.activeElement));
  }
  form.addEventListener("focusout", (event) => {
    const box = event.target.closest("[data-key]");
    if (box && dirty.has(box.dataset.key) && !box.contains(event.relatedTarget)) setTimeout(() => schedule(0), 0);
  });

  /* ---- sending: one at a time, the oldest edit first ---- */
  function schedule(delay) {
    clearTimeout(timer);
    timer = setTimeout(send, Math.max(delay, wait));
  }
  function token() {
    const field = form.querySelector('input[name="csrf_token"]');
    return field ? field.value : "";
  }
  async function send(keepalive) {
    clearTimeout(timer);
    if (flying || leaving || blocked === "signed-out" || !dirty.size) return;
    const key = Array.from(dirty).find((one) => card(one) && !unfinished(card(one)));
    if (!key) return;
    const controller = new AbortController();
    const one = { key, content: content(key), controller };
    flying = one;
    dirty.delete(key);
    state(key, "saving");
    const limit = setTimeout(() => controller.abort(), TIMEOUT);
    let again = 0;
    try {
      const response = await fetch(form.dataset.autosave, {
        method: "POST", body: bodyOf(key), credentials: "same-origin", redirect: "manual", keepalive: keepalive === true,
        headers: { Accept: "application/json", "X-CSRF-Token": token() }, signal: controller.signal,
      });
      const json = (response.headers.get("Content-Type") || "").includes("json") ? await response.json().catch(() => null) : null;
      if (json && json.saved && (response.ok || response.status === 409 || response.status === 422)) {
        took(one, json);
      } else if (response.status === 401 || response.type === "opaqueredirect") {
        dirty.add(key);
        blocked = "signed-out";
        say("signed-out", {}, "bad");
      } else if ((response.status === 403 || response.status === 400) && !triedToken) {
        dirty.add(key);
        triedToken = true;
        again = (await freshToken()) ? 1 : 0;
        if (!again) failed(key, "refused");
      } else if (response.status >= 400 && response.status < 500 && response.status !== 429 && response.status !== 408) {
        dirty.add(key);
        failed(key, "refused");
      } else {
        dirty.add(key);
        again = failed(key, "failed");
      }
    } catch (problem) {            // no network, or too slow
      dirty.add(key);
      again = failed(key, "failed");
    } finally {
      clearTimeout(limit);
      flying = null;
      form.dispatchEvent(new Event("autosave:settled"));
      if (leaving) return;
      if (again) schedule(again);
      else if (dirty.size && !blocked) schedule(0);
    }
  }
  function failed(key, name) {
    state(key, "kept");
    say(name, { time: clock(lastSaved || opened) }, "bad");
    if (name === "refused") { blocked = "refused"; return 0; }
    wait = Math.min(wait ? wait * 2 : 2000, LONGEST);
    return wait;
  }
  async function freshToken() {    // after a new sign-in in another tab the old token is worth nothing
    const response = await fetch(location.href, { credentials: "same-origin", headers: { Accept: "text/html" } });
    if (!response.ok) return false;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const field = page.querySelector('form[data-autosave] input[name="csrf_token"]');
    if (!field) return false;
    document.querySelectorAll('input[name="csrf_token"]').forEach((one) => { one.value = field.value; });
    return true;
  }

  /* ---- what came back ---- */
  function took(one, json) {
    wait = 0; blocked = ""; triedToken = false;
    const theirs = json.reload && settledForTheirs(one.key);   // asked before the choice is taken off the card
    for (const [key, done] of Object.entries(json.saved || {})) {
      const revision = form.elements["r." + key];
      if (revision) revision.value = done.revision;
      if (key === one.key) sent.set(key, one.content);
      refused.delete(key);
      mend(key);
      state(key, dirty.has(key) ? "waiting" : "tick", { label: done.label });
    }
    for (const [key, message] of Object.entries(json.errors || {})) {
      refused.add(key);
      blame(key, message);
      state(key, "kept");
    }
    for (const [key, conflict] of Object.entries(json.conflicts || {})) {
      refused.add(key);
      offer(key, conflict);
      state(key, "two");
    }
    if (Object.keys(json.saved || {}).length) lastSaved = new Date();
    turn(json.visible || [], json.hidden || []);
    progress(json.progress);
    const missing = (json.visible || []).some((key) => !card(key));
    const numbers = Array.from(refused).filter(card).map((key) => card(key).dataset.number).join(", ");
    const values = { time: clock(lastSaved || opened), numbers };
    if (numbers) say("except", values, "bad");
    else if (theirs) { leaving = true; location.reload(); }
    else if (missing) say("reload", values, "info");
    else if (json.reload || offered(one.key, json)) renew().then((done) => say(done ? "saved" : "reload", values, done ? "" : "info"));
    else if (!dirty.size) say("saved", values);
  }
  function offered(key, json) {    // what was offered from before stands on the card, or did: an answer settles it
    const box = card(key), place = box && box.querySelector('[data-part="offer"]');
    return Boolean(json.saved && json.saved[key] && place && place.firstElementChild);
  }
  async function renew() {         // reasons, findings, evidence and the rail as the server draws them now; controls stay
    const response = await fetch(location.href, { credentials: "same-origin", headers: { Accept: "text/html" } }).catch(() => null);
    if (!response || !response.ok) return false;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const held = (place) => Array.from(place.querySelectorAll("[name]")).map((one) => one.value).join("\n");
    const found = (root, place) => {
      const box = place.closest("[data-key]");
      const home = box ? root.getElementById(box.id) : root;
      return home && home.querySelector(`[data-part="${place.dataset.part}"]`);
    };
    const keep = sight(), redrawn = ["offer", "together"];   // their buttons and hidden fields are the server's alone
    for (const place of document.querySelectorAll("[data-part]")) {
      const other = found(page, place);
      if (!other || other.isEqualNode(place) || place.contains(document.activeElement) || (!redrawn.includes(place.dataset.part) && held(place) !== held(other))) continue;
      place.replaceChildren(...Array.from(other.childNodes).map((node) => document.importNode(node, true)));
    }
    keep();
    return true;
  }
  function sight() {               // what grows above must not push the field with the focus out of sight
    const one = document.activeElement, below = document.querySelector(".savebar");
    const seen = () => {
      const box = one.getBoundingClientRect();
      return box.top > 0 && box.bottom <= (below ? below.getBoundingClientRect().top : innerHeight);
    };
    if (!one || one === document.body || !seen()) return () => {};
    return () => requestAnimationFrame(() => { if (document.activeElement === one && !seen()) one.scrollIntoView({ block: "nearest" }); });
  }
  function settledForTheirs(key) {
    const choice = card(key).querySelector(`input[name="k.${CSS.escape(key)}"]:checked`);
    return Boolean(choice && choice.value === "theirs" && !dirty.size);
  }
  const controls = (key) => Array.from(card(key).querySelectorAll("[name]")).filter((one) => one.name.startsWith("a.") && one.type !== "radio" && one.type !== "checkbox" && one.type !== "hidden");
  function blame(key, message) {
    const place = document.getElementById("e-" + key);
    if (!place) return;
    place.replaceChildren(words("message", { label: message }));
    place.hidden = false;
    card(key).classList.add("invalid");
    controls(key).forEach((one) => one.setAttribute("aria-invalid", "true"));
    live.textContent = card(key).dataset.number + ": " + message;
  }
  function mend(key) {
    const place = document.getElementById("e-" + key);
    if (!place || !card(key)) return;
    place.hidden = true;
    place.replaceChildren();
    card(key).classList.remove("invalid");
    card(key).querySelectorAll("[aria-invalid]").forEach((one) => one.removeAttribute("aria-invalid"));
    const choice = card(key).querySelector("[data-conflict]");
    if (choice) { choice.remove(); sent.set(key, content(key)); }
  }
  function offer(key, conflict) {
    const box = card(key);
    const old = box.querySelector("[data-conflict]");
    if (old) old.remove();
    const choice = document.createElement("div");
    choice.dataset.conflict = "";
    choice.className = "stack tight";
    choice.append(words("conflict", { who: conflict.theirs.who, label: conflict.theirs.label, at: conflict.theirs.at, number: box.dataset.number, key, revision: conflict.revision }));
    document.getElementById("e-" + key).after(choice);
    box.classList.add("invalid");
    live.textContent = choice.querySelector("p").textContent;
  }
  function turn(visible, hidden) {
    const change = (keys, off) => keys.map(card).filter((box) => box && box.hidden !== off).map((box) => { box.hidden = off; return box.dataset.number; });
    const keep = sight();
    const shown = change(visible, false), gone = change(hidden, true);
    keep();
    if (shown.length || gone.length) {
      live.replaceChildren();
      if (shown.length) live.append(words("shown", { numbers: shown.join(", ") }), " ");
      if (gone.length) live.append(words("hidden", { numbers: gone.join(", ") }));
    }
  }
  function progress(now) {
    if (!now) return;
    const set = (of, done, total) => {
      document.querySelectorAll(`[data-progress-text="${of}"]`).forEach((one) => one.replaceChildren(words("answered", { done, total })));
      document.querySelectorAll(`progress[data-progress="${of}"]`).forEach((one) => { one.max = total || 1; one.value = done; });
    };
    set("all", now.answered, now.total);
    set("section", now.section_answered, now.section_total);
    document.querySelectorAll("[data-section-count]").forEach((one) => {
      one.querySelector("[aria-hidden]").textContent = now.section_answered + "/" + now.section_total;
      const full = now.section_answered >= now.section_total, line = one.closest("li"), use = line && line.querySelector("use");
      if (use) { line.classList.toggle("done", full); use.setAttribute("href", full ? "#i-check-circle" : now.section_answered ? "#i-half" : "#i-ring"); }
      one.querySelector(".vh").replaceChildren(": ", words("answered", { done: now.section_answered, total: now.section_total }));
    });
  }

  /* ---- coming back, leaving, saving by hand ---- */
  function again() {
    if (!dirty.size) return;
    blocked = ""; wait = 0; triedToken = false;
    schedule(0);
  }
  window.addEventListener("online", again);
  window.addEventListener("focus", () => { if (blocked === "signed-out" || wait) again(); });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") send(true);
    else if (blocked === "signed-out" || wait) again();
  });
  window.addEventListener("beforeunload", (event) => {
    const unsaved = dirty.size || flying || Array.from(refused).some((key) => card(key) && content(key) !== sent.get(key));
    if (!leaving && unsaved) { event.preventDefault(); event.returnValue = ""; }
  });
  window.addEventListener("pageshow", (event) => { if (event.persisted) leaving = posting = false; });
  form.addEventListener("submit", (event) => {
    if (!flying) { leaving = true; clearTimeout(timer); return; }
    event.preventDefault();        // let the answer in flight arrive, so that its revision is the one we post
    if (posting) return;
    posting = true;
    const button = event.submitter;
    const late = setTimeout(() => flying && flying.controller.abort(), 3000);
    form.addEventListener("autosave:settled", () => {
      clearTimeout(late);
      clearTimeout(timer);
      leaving = true;
      form.requestSubmit(button || undefined);
    }, { once: true });
  });
})();
