// Goes on to an application, for a form of ours leads to no other site.
"use strict";
(() => {
  const go = async (form) => {
    const button = form.querySelector("button"), status = form.querySelector("[data-say]");
    const say = (text) => { status.textContent = text; };
    button.disabled = true;
    say(form.dataset.busy);
    try {
      const r = await fetch(form.action, { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}", credentials: "same-origin" });
      const answer = await r.json().catch(() => ({}));
      if (r.ok && answer.next) return location.assign(answer.next);
      say([answer.error, answer.reference].filter(Boolean).join(" · ") || form.dataset.failed);
    } catch (e) {
      say(form.dataset.failed);
    }
    button.disabled = false;
  };
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-go]")) return;
    event.preventDefault();
    go(event.target);
  });
})();
