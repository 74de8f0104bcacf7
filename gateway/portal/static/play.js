// Shows a session in the player: replays it part by part, or follows it live. The
// player only draws; what comes when is decided here.
"use strict";
(() => {
  const root = document.getElementById("player");
  if (!root) return;
  const at = (id) => document.getElementById(id), note = at("player-note"), words = root.dataset;
  const button = (what) => document.querySelector(`[data-do="${what}"]`);
  const say = (text) => { note.textContent = text || ""; };

  // A screen is the player's, fed by us.
  const screen = (then) => {
    const box = root.querySelector(".player");
    try {
      AsciinemaPlayer.create(({ dispatch }) => ({
        init: () => {
          dispatch("play"); // takes its own button away
          then({
            reset: (key) => dispatch("reset", { size: { cols: key.cols, rows: key.rows }, init: key.screen }),
            show: (texts) => dispatch("output", texts),
            resize: (size) => { const [cols, rows] = size.split("x").map(Number); dispatch("resize", { cols, rows }); },
          });
        },
        play: () => true, pause: () => true, seek: () => true, getCurrentTime: () => 0, getDuration: () => undefined,
      }), box, { controls: false, fit: "width", cursorMode: "steady", theme: "asciinema", cols: 80, rows: 24 });
    } catch {
      say(words.failed);
    }
    root.hidden = false;
  };
  // draw shows events; it knows only those that are for a screen.
  const draw = (on, events) => {
    let texts = [];
    const flush = () => { if (texts.length) on.show(texts); texts = []; };
    for (const [, code, data] of events) {
      if (code === "o") texts.push(data);
      else if (code === "r") { flush(); on.resize(data); }
    }
    flush();
  };
  // The player has keys of its own; here ours count.
  const keysOf = (act) => addEventListener("keydown", (e) => {
    const own = e.target.closest && e.target.closest(".player");
    if (!e.ctrlKey && !e.altKey && !e.metaKey && !e.isComposing && act(e)) e.preventDefault();
    if (own) e.stopPropagation();
  }, true);

  const replay = (on) => {
    const length = Number(words.length), seek = at("seek"), clock = at("clock"), speed = at("speed"), skip = at("skip"), link = at("link");
    let pos = Number(words.at), last = pos, since = 0, playing = false, poster = false;
    let queue = [], until = 0, end = false, asking = null, timer = 0;
    const two = (n) => String(n).padStart(2, "0");
    const time = (s) => { s = Math.floor(s + 0.0005); const h = Math.floor(s / 3600), m = Math.floor(s / 60) % 60; return h ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`; };
    const tell = (typing) => {
      clock.textContent = time(pos);
      if (!typing) seek.value = pos;
      seek.setAttribute("aria-valuetext", time(pos));
      link.value = location.origin + words.page + "&t=" + time(pos);
    };
    // ask gets the part that begins at a moment; a new question drops the one before.
    const ask = async (from, fresh) => {
      if (asking) asking.abort();
      const mine = asking = new AbortController();
      try {
        const got = await fetch(`${words.parts}?from=${from.toFixed(3)}`, { signal: mine.signal });
        if (!got.ok) throw new Error(String(got.status));
        const part = await got.json();
        if (asking !== mine) return false;
        if (fresh) {
          on.reset(part.key);
          queue = [];
        }
        queue.push(...part.events);
        until = part.until;
        end = part.end;
        return true;
      } catch (e) {
        if (asking !== mine) return false;
        pause();
        say(words.lost);
        until = -1;
        return false;
      } finally {
        if (asking === mine) asking = null;
      }
    };
    const go = async (to, typing) => {
      const began = performance.now();
      pos = last = Math.min(Math.max(0, to), length);
      since = performance.now();
      queue = [];
      poster = false;
      say("");
      tell(typing);
      if (!await ask(pos, true)) return;
      since = performance.now();
      requestAnimationFrame(() => { root.dataset.sought = (performance.now() - began).toFixed(1); }); // for who measures
      if (playing) step();
    };
    const due = () => {
      let n = 0;
      while (n < queue.length && queue[n][0] <= pos) n++;
      if (!n) return;
      last = queue[n - 1][0];
      draw(on, queue.splice(0, n));
    };
    const step = () => {
      clearTimeout(timer);
      if (!playing) return;
      const now = performance.now(), waits = !queue.length && !end;
      if (!waits) pos += (now - since) / 1000 * Number(speed.value);
      since = now;
      if (skip.checked && queue.length && queue[0][0] - last > 2 && pos - last > 2) pos = Math.max(pos, queue[0][0]);
      due();
      if (!end && !asking && (!queue.length || queue[queue.length - 1][0] - pos < 10 * Number(speed.value))) ask(until, false);
      if (end && !queue.length && (pos >= length || skip.checked)) {
        pos = length;
        pause();
        say(words.ended);
      }
      tell();
      timer = setTimeout(step, 40);
    };
    const label = () => { button("play").textContent = playing ? words.pause : words.play; };
    const pause = () => { playing = false; clearTimeout(timer); label(); tell(); };
    const play = async () => {
      playing = true;
      since = performance.now();
      say("");
      label();
      if (until < 0 || poster || pos >= length) await go(until < 0 ? pos : 0);
      else step();
    };
    const toggle = () => (playing ? pause() : play());
    const faster = (by) => { speed.selectedIndex = Math.min(Math.max(0, speed.selectedIndex + by), speed.options.length - 1); };

    // Lists of moments come as pages; what stands in them leads here.
    const list = async (url) => {
      const got = await fetch(url);
      if (!got.ok) return null;
      const x = new DOMParser().parseFromString(await got.text(), "text/html").getElementById("list");
      return x && document.importNode(x, true);
    };
    const moments = (of) => [...of.querySelectorAll("[data-at]")].map((e) => Number(e.dataset.at));
    const lead = (of) => of.addEventListener("click", (e) => {
      const li = e.target.closest("a") && e.target.closest("[data-at]");
      if (!li || e.ctrlKey || e.metaKey || e.shiftKey) return;
      e.preventDefault();
      go(Number(li.dataset.at));
      root.scrollIntoView({ block: "nearest" });
    });
    const found = at("found"), timeline = at("timeline"), nav = at("found-nav");
    let hits = [], hit = -1;
    const hitting = () => {
      hits = moments(found);
      hit = -1;
      nav.hidden = !hits.length;
      at("found-at").textContent = "";
    };
    const toHit = (by) => {
      if (!hits.length) return false;
      hit = (hit + by + hits.length) % hits.length;
      if (hit < 0) hit = hits.length - 1;
      found.querySelectorAll("li").forEach((li, i) => li.toggleAttribute("data-now", i === hit));
      at("found-at").textContent = `${hit + 1} / ${hits.length}`;
      go(hits[hit]);
      return true;
    };
    document.querySelector("form.find").addEventListener("submit", async (e) => {
      e.preventDefault();
      const q = at("find").value.trim(), got = q && await list(`${words.finds}?q=${encodeURIComponent(q)}`);
      found.replaceChildren(...(got ? got.childNodes : []));
      if (q && !got) found.textContent = words.lost;
      hitting();
    });
    lead(found);
    hitting();
    list(words.marks).then((got) => {
      if (!got || !got.querySelector("li")) return;
      const box = document.createElement("details"), head = document.createElement("summary");
      head.textContent = timeline.textContent.trim();
      box.append(head, ...got.childNodes);
      timeline.replaceChildren(box);
      lead(box);
      const ticks = document.querySelector(".ticks");
      for (const m of moments(box).slice(0, 300)) {
        const tick = document.createElement("i");
        tick.style.left = `${100 * m / Math.max(length, 0.001)}%`;
        ticks.append(tick);
      }
    });
    for (const a of document.querySelectorAll("#remarks ~ .thread a")) {
      const to = new URL(a.href);
      if (to.searchParams.get("track") === new URLSearchParams(words.page.split("?")[1]).get("track")) a.closest("p").dataset.at = to.searchParams.get("t").split(":").reduce((s, n) => s * 60 + Number(n), 0);
    }
    const thread = document.querySelector("#remarks ~ .thread");
    if (thread) lead(thread);

    const acts = { play: toggle, back: () => go(pos - 10), on: () => go(pos + 10), next: () => toHit(1), previous: () => toHit(-1), copy: () => {
      link.select();
      if (document.execCommand("copy")) say(words.copied);
    } };
    for (const [what, act] of Object.entries(acts)) button(what).addEventListener("click", act);
    root.querySelector(".player").addEventListener("click", () => { if (getSelection().isCollapsed) toggle(); }); // Play is for the keyboard
    seek.addEventListener("input", () => go(Number(seek.value), true));
    const remark = at("at");
    if (remark) at("remark").addEventListener("focus", () => { if (remark.value === remark.defaultValue) remark.value = remark.defaultValue = time(pos); });

    const keys = at("keys");
    keys.checked = localStorage.getItem("lockbox-keys") !== "off";
    keys.addEventListener("change", () => localStorage.setItem("lockbox-keys", keys.checked ? "on" : "off"));
    keysOf((e) => {
      if (!keys.checked || e.target.closest("input, textarea, select") || e.target.closest("button, a, summary") && (e.key === " " || e.key === "Enter")) return false;
      const act = {
        " ": toggle, "<": () => faster(-1), ">": () => faster(1), n: () => toHit(1), N: () => toHit(-1), "/": () => at("find").focus(),
        "?": () => { const map = at("keymap"); map.open = !map.open; map.firstElementChild.focus(); },
        ArrowLeft: () => go(pos - (e.shiftKey ? 60 : 10)), ArrowRight: () => go(pos + (e.shiftKey ? 60 : 10)),
      }[e.key];
      if (!act) return false;
      act();
      return true;
    });
    at("whole").textContent = time(length);
    seek.max = Math.max(length, 0.1);
    go(pos).then(() => { // something to see before it begins
      if (pos > 0 || playing || poster) return;
      poster = true;
      draw(on, queue.filter((e) => e[0] < 0.5));
    });
  };

  const live = (on) => {
    const start = button("watch"), leave = button("leave"), again = button("again"), things = at("things");
    let asking = null, met = false;
    // Who looks elsewhere does not watch what somebody has to.
    const beat = (word) => {
      if (document.hidden && words.must) return;
      fetch(words.beat, { method: "POST", body: new URLSearchParams({ word }) }).then((got) => { met = met || got.ok; }, () => {});
    };
    const over = (text, go) => {
      asking = null;
      start.hidden = !go;
      leave.hidden = true;
      again.hidden = go;
      if (!go) for (const e of document.querySelectorAll("form[action$='/act'], .acts + .hint, .kicker .chip")) e.hidden = true;
      say(text);
    };
    const take = (line) => {
      if (line.track) {
        on.reset(line.track.key);
        say(words.now + " " + [line.track.name, line.track.command].filter(Boolean).join(" "));
      } else if (line.key) on.reset(line.key);
      else if (line.event && line.event[1] === "j") {
        const li = document.createElement("li");
        li.textContent = line.event[2];
        things.append(li);
        while (things.children.length > 200) things.firstChild.remove();
      } else if (line.event) draw(on, [line.event]);
      else if (line.state) {
        at("watchers").textContent = line.state.watchers.join(", ") || words.nobody;
        at("held").textContent = line.state.held;
        at("held").hidden = !line.state.held;
      } else if (line.word) beat(line.word);
      else if (line.end && line.end.gone && met) {
        over(words.gone, true);
        comeBack();
        return true;
      } else if (line.end) {
        over(line.end.why || (line.end.time ? words.time : words.over), line.end.time);
        return true;
      }
      return false;
    };
    const comeBack = () => {
      if (document.hidden) document.addEventListener("visibilitychange", comeBack, { once: true });
      else if (!asking) watch();
    };
    const watch = async () => {
      met = false;
      const mine = asking = new AbortController();
      start.hidden = again.hidden = true;
      leave.hidden = false;
      let ended = false, heard = Date.now();
      const still = setInterval(() => { if (Date.now() - heard > 5000) mine.abort(); }, 1000); // there is a word each second
      try {
        const got = await fetch(words.live, { method: "POST", body: new URLSearchParams({ track: words.track }), signal: mine.signal });
        if (got.status === 409) {
          over(words.over, false);
          return;
        }
        if (!got.ok) throw new Error(String(got.status));
        const reader = got.body.getReader(), text = new TextDecoder();
        let rest = "";
        for (;;) {
          const { done, value } = await reader.read();
          if (done) break;
          heard = Date.now();
          const lines = (rest + text.decode(value, { stream: true })).split("\n");
          rest = lines.pop();
          for (const l of lines) if (l) ended = take(JSON.parse(l)) || ended;
        }
      } catch { /* told below */ }
      clearInterval(still);
      if (!ended && asking === mine) over(words.broken, true);
    };
    start.addEventListener("click", watch);
    leave.addEventListener("click", () => { const a = asking; over("", true); if (a) a.abort(); });
    keysOf(() => false);
    watch();
  };

  screen(words.live ? live : replay);
})();
