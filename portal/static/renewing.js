/* A page whose numbers go on while somebody looks at it. Without script it says when it was counted and links to itself.

   [data-renew] holds the page's own address, as long as there is anything to come. It is read every so often, and each
   [data-renewed] (with an id) is made what the server draws now: nodes that stay are kept, so that focus, selection and place
   stay too, and what has the focus is never taken away. Forms in which one types stand outside of them. [data-renew-live], a
   live region, tells [data-renew-told] when its words change, and only then. [data-renew-note] is shown while this works.
   Nothing is asked in a hidden tab, nor for a page that nobody has touched for an hour: it would keep its person signed in. */
"use strict";

(function () {
  const EVERY = 12000, LONGEST = 120000, TIMEOUT = 15000, ALONE = 3600000; // milliseconds
  const root = document.querySelector("[data-renew]");
  if (!root || !window.fetch) return;
  const live = document.querySelector("[data-renew-live]");
  let timer = 0, wait = EVERY, touched = Date.now(), busy = false, over = false;

  const told = () => Array.from(document.querySelectorAll("[data-renew-told]")).map((one) => one.textContent.trim()).join(" ");
  const note = (page, on) => page.querySelectorAll("[data-renew-note]").forEach((one) => { one.hidden = !on; });

  /* ---- making a place what it is now ---- */
  function name(node) {            // what tells two of a kind apart: an id, or where it leads
    const link = node.matches("a[href]") ? node : node.matches("li, tr") ? node.querySelector("a[href]") : null;
    return node.id || (link ? link.getAttribute("href") : "");
  }
  function alike(one, other) {
    if (one.nodeType !== other.nodeType || one.nodeName !== other.nodeName) return false;
    return one.nodeType !== Node.ELEMENT_NODE || name(one) === name(other);
  }
  function merge(old, now) {
    if (old.isEqualNode(now)) return;
    if (old.nodeType !== Node.ELEMENT_NODE) { old.data = now.data; return; }
    for (const one of Array.from(old.attributes)) if (!now.hasAttribute(one.name)) old.removeAttribute(one.name);
    for (const one of now.attributes) if (old.getAttribute(one.name) !== one.value) old.setAttribute(one.name, one.value);
    const rest = Array.from(old.childNodes);
    const pairs = Array.from(now.childNodes).map((child) => {
      const at = rest.findIndex((one) => alike(one, child));
      return [at < 0 ? null : rest.splice(at, 1)[0], child];
    });
    const stays = rest.filter((one) => one.contains(document.activeElement));
    rest.filter((one) => !stays.includes(one)).forEach((one) => one.remove());
    let next = old.firstChild;
    for (const [found, child] of pairs) {
      while (stays.includes(next)) next = next.nextSibling;
      if (found && found === next) next = next.nextSibling;
      else old.insertBefore(found || document.importNode(child, true), next);
      if (found) merge(found, child);
    }
  }
  function take(page) {
    const before = told(), had = document.activeElement;
    note(page, true);
    for (const place of document.querySelectorAll("[data-renewed]")) {
      const now = page.getElementById(place.id);
      if (now) merge(place, now);
    }
    if (had && had.isConnected && had !== document.activeElement) had.focus({ preventScroll: true });
    if (live && told() !== before) live.textContent = told();
    if (!page.querySelector("[data-renew]")) end();
  }

  /* ---- asking ---- */
  function end() {
    over = true;
    note(document, false);
  }
  async function ask() {
    const controller = new AbortController(), limit = setTimeout(() => controller.abort(), TIMEOUT);
    try {
      const response = await fetch(root.dataset.renew, { credentials: "same-origin", redirect: "manual", headers: { Accept: "text/html" }, signal: controller.signal });
      const refused = response.status >= 400 && response.status < 500 && response.status !== 408 && response.status !== 429;
      if (response.ok) { take(new DOMParser().parseFromString(await response.text(), "text/html")); wait = EVERY; }
      else if (refused || response.type === "opaqueredirect") end(); // signed out, or nothing of theirs any more
      else wait = Math.min(wait * 2, LONGEST);
    } catch (problem) {              // no network, or too slow
      wait = Math.min(wait * 2, LONGEST);
    } finally {
      clearTimeout(limit);
    }
  }
  async function tick() {
    if (busy || over) return;
    clearTimeout(timer);
    busy = true;
    if (!document.hidden && Date.now() - touched < ALONE) await ask();
    busy = false;
    if (!over) timer = setTimeout(tick, wait);
  }
  for (const kind of ["pointermove", "pointerdown", "keydown", "wheel"]) {
    document.addEventListener(kind, () => { touched = Date.now(); }, { passive: true });
  }
  document.addEventListener("visibilitychange", () => { if (!document.hidden) { touched = Date.now(); tick(); } });
  note(document, true);
  timer = setTimeout(tick, wait);
})();
