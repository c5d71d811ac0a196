/* A page whose one button only goes on: [data-continue] is sent at once. Without script a person presses it. */
"use strict";

(function () {
  const form = document.querySelector("form[data-continue]");
  if (form) form.submit();
})();
