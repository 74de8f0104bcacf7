// The passkey ceremonies: sign in, enrol, sign a statement.
"use strict";
(() => {
  class Refused extends Error {}
  const post = async (url, body) => {
    const r = await fetch(url, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), credentials: "same-origin" });
    const answer = await r.json().catch(() => ({}));
    if (!r.ok) throw new Refused([answer.error, answer.reference].filter(Boolean).join(" · "));
    return answer;
  };
  const known = () => window.PublicKeyCredential && PublicKeyCredential.parseRequestOptionsFromJSON && PublicKeyCredential.parseCreationOptionsFromJSON;
  const assert = async (options) => {
    const c = await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options.publicKey) });
    return c.toJSON();
  };
  const base64url = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

  // What is shown must be what is signed: the challenge is its hash.
  const shows = async (form, options) => {
    const text = document.getElementById(form.dataset.shown).textContent;
    const sum = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(form.dataset.domain + "\0" + text));
    return base64url(sum) === options.publicKey.challenge.replace(/=+$/, "");
  };

  const signIn = async () => {
    const { id, options } = await post("/sign-in/begin", {});
    await post("/sign-in", { id, credential: await assert(options) });
    location.replace(location.pathname + location.search);
  };

  const sign = async (form, say) => {
    const options = JSON.parse(form.dataset.options);
    if (!await shows(form, options)) {
      say(form.dataset.differs);
      return true;
    }
    const answer = await post(form.dataset.sign, { id: form.dataset.id, credential: await assert(options) });
    if (answer.next && !form.dataset.done) {
      location.assign(answer.next);
      return true;
    }
    say(form.dataset.done);
    return true;
  };

  // One press: the text comes, is shown, and is signed where it is.
  const touch = async (form, say) => {
    const sheet = await post(form.dataset.touch, {});
    document.getElementById(form.dataset.shown).textContent = sheet.text;
    form.querySelector("[data-words]").textContent = sheet.words;
    form.querySelector("[data-sheet]").hidden = false;
    form.dataset.id = sheet.id;
    form.dataset.domain = sheet.domain;
    form.dataset.options = JSON.stringify(sheet.options);
    return sign(form, say);
  };

  const fill = (name, text) => { for (const e of document.querySelectorAll(`[data-fill="${name}"]`)) e.textContent = text; };

  const enrol = async (form) => {
    const { options } = await post(form.dataset.enrol + "/begin", {});
    const made = await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options.publicKey) });
    const got = await post(form.dataset.enrol, { credential: made.toJSON() });
    fill("words", got.words);
    fill("fingerprint", got.fingerprint);
    for (const e of document.querySelectorAll("[data-state]")) e.hidden = e.dataset.state !== got.state;
    if (got.ssh_key) {
      const ssh = document.querySelector("[data-ssh]");
      fill("text", got.ssh_key.text);
      fill("text-words", got.ssh_key.words);
      const next = ssh.querySelector("form");
      next.dataset.id = got.ssh_key.id;
      next.dataset.options = JSON.stringify(got.ssh_key.options);
      ssh.hidden = false;
    }
    document.querySelector('[data-step="begin"]').hidden = true;
    const done = document.querySelector('[data-step="done"]');
    done.hidden = false;
    done.querySelector("h1").focus();
  };

  const add = async (form) => {
    const { id, options } = await post(form.dataset.add + "/begin", {});
    const made = await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options.publicKey) });
    const { next } = await post(form.dataset.add, { id, credential: made.toJSON() });
    location.assign(next);
  };

  const bind = (form) => {
    const button = form.querySelector("[data-press]"), status = form.querySelector("[data-say]");
    const say = (text) => { status.textContent = text; };
    if (!known()) {
      say(form.dataset.none);
      return;
    }
    button.hidden = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      button.disabled = true;
      say(form.dataset.busy);
      let over = false;
      try {
        if ("signIn" in form.dataset) await signIn();
        else if (form.dataset.enrol) await enrol(form);
        else if (form.dataset.add) await add(form);
        else if (form.dataset.touch) over = await touch(form, say);
        else over = await sign(form, say);
      } catch (e) {
        if (e instanceof Refused) say(e.message || form.dataset.failed);
        else if (e && (e.name === "NotAllowedError" || e.name === "AbortError")) say(form.dataset.cancelled);
        else say(form.dataset.failed);
      }
      if (over) button.hidden = true;
      button.disabled = false;
    });
  };
  const bindAll = (root) => { for (const form of root.querySelectorAll("form.passkey")) bind(form); };
  document.addEventListener("lockbox:new", (event) => bindAll(event.target));
  bindAll(document);
})();
