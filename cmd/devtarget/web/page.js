"use strict";
const clock = document.getElementById("clock");
const events = new EventSource("/clock");
events.onmessage = (e) => { clock.textContent = e.data; };
events.onerror = () => { clock.textContent = "stopped"; };

const said = document.getElementById("said");
const say = (text) => { said.textContent += text + "\n"; };
const socket = new WebSocket(location.origin.replace(/^http/, "ws") + "/talk");
socket.onopen = () => say("connected");
socket.onmessage = (e) => say(e.data);
socket.onclose = () => say("closed");
document.getElementById("talk").addEventListener("submit", (e) => {
  e.preventDefault();
  const line = document.getElementById("line");
  say("> " + line.value);
  socket.send(line.value);
  line.value = "";
});
