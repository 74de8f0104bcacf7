// Puts a player where a recording is, and one track on the screen at a time.
"use strict";
(() => {
  const start = (box) => {
    if (box.dataset.started) return;
    box.dataset.started = "yes";
    try {
      AsciinemaPlayer.create({ url: box.dataset.cast }, box, {
        autoPlay: false, preload: true, idleTimeLimit: 2, fit: "width", controls: true, theme: "asciinema", poster: "npt:0:00.5",
      });
    } catch (e) {
      box.textContent = box.dataset.failed;
    }
  };
  const tracks = [...document.querySelectorAll(".track")], tabs = [...document.querySelectorAll(".tabs a")];
  const show = () => {
    const wanted = tracks.find((t) => "#" + t.id === location.hash) || tracks[0];
    for (const t of tracks) t.hidden = tracks.length > 1 && t !== wanted;
    for (const a of tabs) {
      if (a.hash === "#" + wanted.id) a.setAttribute("aria-current", "true");
      else a.removeAttribute("aria-current");
    }
    const box = wanted.querySelector(".player");
    if (box) start(box);
  };
  if (!tracks.length) return;
  addEventListener("hashchange", show);
  show();
})();
