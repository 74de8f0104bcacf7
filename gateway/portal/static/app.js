// Puts times into the zone and language of whoever reads, and keeps "left" right.
"use strict";
(() => {
  const lang = document.documentElement.lang;
  const tag = lang === "da" ? "da" : "en-GB";
  const full = new Intl.DateTimeFormat(tag, {
    weekday: "long", day: "numeric", month: "long", year: "numeric", hour: "2-digit", minute: "2-digit", hour12: false, timeZoneName: "short",
  });
  const clock = new Intl.DateTimeFormat(tag, { hour: "2-digit", minute: "2-digit", hour12: false, timeZoneName: "short" });
  const words = lang === "da"
    ? { day: ["1 dag", "dage"], hour: ["1 time", "timer"], minute: ["1 minut", "minutter"], left: (s) => s + " tilbage", soon: "mindre end et minut tilbage", over: "tiden er gået" }
    : { day: ["1 day", "days"], hour: ["1 hour", "hours"], minute: ["1 minute", "minutes"], left: (s) => s + " left", soon: "less than a minute left", over: "time is up" };

  const part = (parts, type) => (parts.find((p) => p.type === type) || { value: "" }).value;
  const say = (date, form) => {
    const p = (form === "full" ? full : clock).formatToParts(date);
    const time = part(p, "hour") + (lang === "da" ? "." : ":") + part(p, "minute") + " " + part(p, "timeZoneName");
    if (form !== "full") return time;
    return lang === "da"
      ? `${part(p, "weekday")} den ${part(p, "day")}. ${part(p, "month")} ${part(p, "year")} kl. ${time}`
      : `${part(p, "weekday")} ${part(p, "day")} ${part(p, "month")} ${part(p, "year")}, ${time}`;
  };
  const count = (n, w) => (n === 1 ? w[0] : n + " " + w[1]);
  const left = (until) => {
    let m = Math.floor((until - Date.now()) / 60000);
    if (until <= Date.now()) return words.over;
    if (m < 1) return words.soon;
    const out = [];
    const d = Math.floor(m / 1440), h = Math.floor((m % 1440) / 60);
    m %= 60;
    if (d === 1 && h === 0 && m === 0) return words.left("24 " + words.hour[1]);
    if (d) out.push(count(d, words.day));
    if (h) out.push(count(h, words.hour));
    if (m && !d) out.push(count(m, words.minute));
    return words.left(out.join(" "));
  };
  const localise = (root) => {
    for (const t of root.querySelectorAll("time[data-form]")) t.textContent = say(new Date(t.dateTime), t.dataset.form);
  };
  const tick = () => {
    for (const e of document.querySelectorAll("[data-until]")) {
      const s = left(new Date(e.dataset.until));
      if (e.textContent !== s) e.textContent = s;
    }
  };
  document.addEventListener("lockbox:new", (e) => { localise(e.target); tick(); });
  localise(document);
  tick();
  setInterval(tick, 10000);
})();
