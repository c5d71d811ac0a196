/* Words that are not saved do not go without a word. Forms of the page that post are watched; [data-unsaved] came back
   refused, so what stands in it was never saved. A link that a script follows for its person (click(), as the single keys
   do) asks in [data-unsaved-note], a live region, and goes on when asked again. So does a form that is sent while another one
   holds what is not saved. Links and windows are asked by the browser. */
"use strict";

(function () {
  const forms = Array.from(document.querySelectorAll("main form[method=post]"));
  const note = document.querySelector("[data-unsaved-note]");
  let leaving = false, asked = false;

  function differs(one) {
    if (one.type === "radio" || one.type === "checkbox") return one.checked !== one.defaultChecked;
    if (one.matches("select")) {
      const first = Array.from(one.options).find((option) => option.defaultSelected) || one.options[0];
      return Boolean(first) && !first.selected;
    }
    return one.type !== "hidden" && one.matches("input, textarea") && one.value !== one.defaultValue;
  }

  const holds = (form) => form.hasAttribute("data-unsaved") || Array.from(form.elements).some(differs);
  const unsaved = () => forms.some(holds);

  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a[data-step]") : null;
    if (!link || event.isTrusted) return;
    if (unsaved() && !asked && note) {
      event.preventDefault();
      asked = true;
      note.textContent = note.dataset.unsavedNote;
    } else leaving = true;
  });
  document.addEventListener("input", () => { asked = false; if (note) note.textContent = ""; });
  forms.forEach((form) => form.addEventListener("submit", (event) => {
    if (!asked && note && forms.some((one) => one !== form && holds(one))) {
      event.preventDefault();
      asked = true;
      note.textContent = note.dataset.unsavedNote;
      note.scrollIntoView({ block: "nearest" });
    } else leaving = true;
  }));
  window.addEventListener("beforeunload", (event) => {
    if (!leaving && unsaved()) { event.preventDefault(); event.returnValue = ""; }
  });
  window.addEventListener("pageshow", (event) => { if (event.persisted) leaving = asked = false; });
})();
