/* Single keys of the review. The page works without it; this only saves the way to the mouse.

   [data-review] is the form; radios in it say data-key (a capital letter). A key chooses its mark and gives it the focus:
   Enter then saves, as in any form. Nothing is ever saved by a letter alone, and a key that is held down counts once, so no
   question is judged that nobody has read. J and K follow the links [data-step]. Letters mean nothing while one types, nor
   with Ctrl, Alt or the like. In a text, Ctrl and Enter saves. A person can switch the keys off; then this is not loaded. */
"use strict";

(function () {
  const form = document.querySelector("form[data-review]");
  const types = (one) => one.matches("textarea, select, input:not([type=radio]):not([type=checkbox])") || one.isContentEditable;

  document.addEventListener("keydown", function (event) {
    const at = event.target instanceof Element ? event.target : document.body;
    if (event.key === "Enter" && event.repeat && form && form.contains(at) && !at.matches("textarea")) {
      event.preventDefault(); // held down since the page before
      return;
    }
    if (event.key === "Enter" && form && at.matches("textarea") && form.contains(at) && (event.ctrlKey || event.metaKey) && !event.repeat) {
      event.preventDefault();
      form.requestSubmit();
      return;
    }
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || event.isComposing || types(at)) return;
    const key = event.key.length === 1 ? event.key.toUpperCase() : "";
    if (key === "J" || key === "K") {
      const link = document.querySelector(key === "J" ? "[data-step=next]" : "[data-step=previous]");
      if (link) { event.preventDefault(); link.click(); }
      return;
    }
    if (!form || !key) return;
    const radio = Array.from(form.querySelectorAll("input[data-key]")).find((one) => one.dataset.key === key);
    if (!radio) return;
    event.preventDefault();
    radio.checked = true;
    radio.focus();
  });
})();
