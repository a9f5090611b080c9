// The queue, live: told of changes by /live, or, where that does not work, by asking every 10 seconds. The page works without.
"use strict";
const place = document.getElementById("queue"), line = document.getElementById("line"), told = document.getElementById("told");
const sound = document.getElementById("sound"), idle = document.getElementById("idle");
const SLOW = 10, CLOCKS = 60, AGAIN = 60, WARN = 120, APART = 2, PATIENCE = 15, SILENCE = 40, HELD = 3;  // seconds
const title = document.title.replace(/^(\(\d+\) )?(!!! )?/, "");
let stream, tag = "", timer, due = Infinity, fetched = -APART * 1000, fetching = false, again = false, held = 0, heard = 0;
let lost = false, loaded = new Date(), known = new Set(urgent()), audio;

function urgent() { return place.firstElementChild.dataset.urgent.split(" ").filter(Boolean); }
function codes() { return [...place.querySelectorAll("th a")].map((link) => link.textContent); }
function at(key) { return place.querySelector(`[data-key="${CSS.escape(key)}"]`); }
function live() { return stream && stream.readyState === EventSource.OPEN; }

function signIn() {
  if (stream) stream.close();
  location.assign(place.dataset.signIn);
}

function say() {
  const clock = loaded.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  line.hidden = false;
  line.classList.toggle("lost", lost);
  const text = lost ? `${line.dataset.lost} ${clock}.` : live() ? line.dataset.live : line.dataset.slow;
  if (line.textContent !== text) line.textContent = text;
}

function show(html) {
  const focused = place.contains(document.activeElement) ? document.activeElement.dataset.key : "";
  const [x, y] = [scrollX, scrollY];
  const before = new Set(codes());
  place.innerHTML = html;
  for (const code of codes()) if (!before.has(code)) at(`open ${code}`).closest("tr").classList.add("fresh");
  if (focused) {
    const back = at(focused) || at(focused.replace("take", "open"));
    if (back) back.focus({ preventScroll: true });
  }
  scrollTo(x, y);
  announce();
}

function announce() {
  const found = place.firstElementChild.dataset, now = urgent(), fresh = now.filter((code) => !known.has(code));
  document.title = (Number(found.unowned) ? `(${found.unowned}) ` : "") + (now.length ? "!!! " : "") + title;
  if (told.textContent !== found.summary) told.textContent = found.summary;
  known = new Set(now);
  if (fresh.length) ring();
}

// The next look, in so many seconds, unless one is planned before that.
function plan(seconds) {
  const at = performance.now() + seconds * 1000;
  if (at >= due) return;
  clearTimeout(timer);
  due = at;
  timer = setTimeout(look, seconds * 1000);
}

async function look() {
  clearTimeout(timer);
  due = Infinity;
  if (fetching) { again = true; return; }
  if (performance.now() < held) return plan(0.3);
  fetching = true;
  again = false;
  fetched = performance.now();
  const given = new AbortController(), up = setTimeout(() => given.abort(), PATIENCE * 1000);
  try {
    const headers = { "X-Koudmen-Fragment": "1", ...(tag && { "If-None-Match": tag }) };
    const answer = await fetch(place.dataset.rows, { headers, credentials: "same-origin", cache: "no-store", signal: given.signal });
    if (answer.status === 401) return signIn();
    if (answer.status === 403) return location.reload();
    if (answer.status !== 304 && !answer.ok) throw new Error("not now");
    if (answer.ok) { const html = await answer.text(); tag = answer.headers.get("ETag") || ""; show(html); }
    idle.hidden = Number(answer.headers.get("X-Koudmen-Left") || WARN + 1) > WARN;
    lost = false;
    loaded = new Date();
  } catch {
    lost = true;
  } finally {
    clearTimeout(up);
    fetching = false;
  }
  say();
  plan(again ? APART : live() && !lost && idle.hidden ? CLOCKS : SLOW);
}

// A change is shown at once, and several in a row together; not all open queues ask in the same moment.
function changed(event) {
  if (fetching) { again = true; return; }
  const since = (performance.now() - fetched) / 1000, spread = Number((event && event.data) || 0) / 1000;
  plan(Math.max(APART - since, 0) + Math.random() * spread);
}

function listen() {
  if (!window.EventSource) return;
  if (stream) stream.close();
  stream = new EventSource(place.dataset.live);
  heard = performance.now();
  for (const name of ["open", "queue", "here"]) stream.addEventListener(name, () => { heard = performance.now(); });
  stream.addEventListener("open", changed);
  stream.addEventListener("queue", changed);
  stream.addEventListener("signed-out", signIn);
  stream.addEventListener("error", () => {
    changed();
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, AGAIN * 1000);
  });
}

// A line can die without a word: the server is heard every 15 seconds.
setInterval(() => {
  if (live() && performance.now() - heard > SILENCE * 1000) { listen(); look(); }
}, 5000);

// What is under a finger or the mouse's button stays where it is until it is let go, or for a moment.
addEventListener("pointerdown", () => { held = performance.now() + HELD * 1000; });
for (const name of ["pointerup", "pointercancel"]) addEventListener(name, () => { held = performance.now() + 300; });

function wanted() { return localStorage.getItem("koudmen-sound") === "on"; }

function button() {
  const on = wanted(), blocked = on && (!audio || audio.state !== "running");
  sound.hidden = !window.AudioContext;
  sound.setAttribute("aria-pressed", String(on));
  sound.textContent = on ? (blocked ? sound.dataset.blocked : sound.dataset.on) : sound.dataset.off;
}

// Browsers let a page make a sound only after a click or a key.
async function wake() {
  if (!wanted() || !window.AudioContext) return;
  audio = audio || new AudioContext();
  await audio.resume();
  button();
}

function ring() {
  document.documentElement.dataset.rang = Number(document.documentElement.dataset.rang || 0) + 1;
  if (!wanted() || !audio || audio.state !== "running") return;
  for (const [number, tone] of [880, 660, 880].entries()) {
    const wave = audio.createOscillator(), volume = audio.createGain(), at = audio.currentTime + number * 0.25;
    wave.frequency.value = tone;
    volume.gain.setValueAtTime(0.0001, at);
    volume.gain.exponentialRampToValueAtTime(0.4, at + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, at + 0.22);
    wave.connect(volume).connect(audio.destination);
    wave.start(at);
    wave.stop(at + 0.24);
  }
}

sound.addEventListener("click", async () => {
  const blocked = wanted() && (!audio || audio.state !== "running");
  localStorage.setItem("koudmen-sound", wanted() && !blocked ? "off" : "on");
  await wake();
  button();
  if (wanted()) ring();
});
for (const name of ["pointerup", "keydown"]) addEventListener(name, (event) => { if (event.target !== sound) wake(); });

addEventListener("online", look);
document.addEventListener("visibilitychange", () => { if (!document.hidden) changed(); });
button();
say();
listen();
plan(SLOW);
