// Loads a page's changing part again when the request stands differently.
"use strict";
(() => {
  const part = () => document.getElementById("live");
  const note = document.getElementById("live-note");
  if (!part() || !part().dataset.live || !window.EventSource) return;
  const source = new EventSource(part().dataset.live);
  const stop = () => {
    source.close();
    note.textContent = part().dataset.ended;
  };
  // What somebody has typed or is typing is not taken away.
  const changed = (e) => (e.tagName === "SELECT" ? [...e.options].some((o) => o.selected !== o.defaultSelected && e.selectedIndex > 0)
    : /^(radio|checkbox)$/.test(e.type) ? e.checked !== e.defaultChecked : e.value !== e.defaultValue);
  const typing = () => [...part().querySelectorAll("input, textarea, select")].some((e) => changed(e) || e === document.activeElement);
  const load = () => {
    const x = new XMLHttpRequest();
    x.open("GET", location.pathname + location.search);
    x.responseType = "document";
    x.onload = () => {
      const fresh = x.status === 200 && x.response && x.response.getElementById("live");
      if (!fresh) return stop();
      if (typing()) {
        note.textContent = part().dataset.newer;
        return;
      }
      const now = document.importNode(fresh, true);
      part().replaceWith(now);
      if (!now.dataset.live) source.close(); // it is the reader's turn
      now.dispatchEvent(new Event("lockbox:new", { bubbles: true }));
    };
    x.onerror = stop;
    x.send();
  };
  source.addEventListener("version", (e) => { if (e.data !== part().dataset.version) load(); });
  source.addEventListener("end", stop);
  source.onerror = () => { if (source.readyState === EventSource.CLOSED) stop(); };
})();
