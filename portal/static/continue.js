/* A page whose one button only goes on: [data-continue] is sent at once. Without script a person presses it. */
"use strict";

(function () {
  const WAIT = 10000; // milliseconds: an answer that does not come may be asked for again
  const form = document.querySelector("form[data-continue]");
  if (!form) return;
  const button = form.querySelector("button");
  const hold = (on) => { if (button) button.disabled = on; };
  form.submit();
  hold(true); // a second press would find the answer of the provider used up
  window.setTimeout(() => hold(false), WAIT);
  window.addEventListener("pageshow", (event) => { if (event.persisted) hold(false); }); // back to a kept page
})();
