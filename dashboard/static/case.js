// The case page: counts segments, counts down WhatsApp's 24 hours, tells others that somebody writes, and asks for
// what is new. Without it the page works; it is then loaded again by hand.
"use strict";

// The same rule as messaging/segments.py (tests/dashboard/test_browser_case.py holds both to one list).
function koudmenSegments(text, gsm) {
  let letters = Array.from(text.trim());
  const isGsm = () => letters.every((one) => gsm.basic.includes(one) || gsm.extended.includes(one));
  if (!isGsm()) letters = Array.from(letters.map((one) => gsm.plain[one] ?? one).join(""));
  const plain = isGsm();
  const size = (one) => (plain ? (gsm.extended.includes(one) ? 2 : 1) : one.codePointAt(0) > 0xffff ? 2 : 1);
  const [single, many] = plain ? [160, 153] : [70, 67];
  const sizes = letters.map(size);
  if (sizes.reduce((sum, one) => sum + one, 0) <= single) return 1;
  let count = 1, room = many;
  for (const one of sizes) {
    if (one > room) { count += 1; room = many; }
    room -= one;
  }
  return count;
}

(() => {
  const page = document.querySelector(".case");
  if (!page) return;
  const live = document.getElementById("live"), box = document.getElementById("words");
  const count = document.getElementById("count"), open = document.getElementById("window"), news = document.getElementById("news");
  const REFRESH = 10_000, TELL = 5_000;
  let shown = "", told = 0, over = false;

  function counted() {
    const gsm = JSON.parse(box.dataset.gsm), letters = `${Array.from(box.value).length} ${box.dataset.letters}`;
    count.textContent = box.dataset.segments ? `${koudmenSegments(box.value, gsm)} ${box.dataset.segments}, ${letters}` : letters;
  }

  function left() {
    const closes = live.querySelector(".state")?.dataset.closes;
    if (!open || !closes) return;
    const minutes = Math.floor((Date.parse(closes) - Date.now()) / 60_000);
    open.textContent = minutes < 0 ? open.dataset.over : `${open.dataset.open} ${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  }

  function toTheEnd() {
    const thread = live.querySelector(".thread");
    if (thread) thread.scrollTop = thread.scrollHeight;
  }

  async function writing() {
    if (Date.now() - told < TELL) return;
    told = Date.now();
    const body = new URLSearchParams({ csrf_token: page.dataset.token });
    try { await fetch(page.dataset.writing, { method: "POST", body, headers: { "X-Koudmen-Fragment": "1" } }); } catch { /* a bad line: the next letter tries again */ }
  }

  function closed() {
    over = true;
    const again = document.createElement("a"), why = document.createElement("p");
    again.href = page.dataset.look;
    again.textContent = page.dataset.again;
    why.className = "note";
    why.append(`${page.dataset.told} `, again);
    live.replaceChildren(why);
    document.querySelectorAll(".acts").forEach((one) => one.remove());
  }

  async function refresh() {
    if (over || document.hidden) return;
    let answer;
    try { answer = await fetch(page.dataset.live, { headers: { "X-Koudmen-Fragment": "1" } }); } catch { return; }
    if ([401, 403, 404, 410].includes(answer.status)) return closed();
    if (!answer.ok) return;
    const html = await answer.text();
    if (html === shown) return;
    const thread = live.querySelector(".thread"), messages = live.querySelectorAll(".thread li").length;
    const atEnd = thread && thread.scrollHeight - thread.scrollTop - thread.clientHeight < 60, at = thread?.scrollTop ?? 0;
    const focused = document.activeElement === thread;
    live.innerHTML = html;  // our own server's page, escaped there
    shown = html;
    const fresh = live.querySelector(".thread");
    if (fresh) { fresh.scrollTop = atEnd ? fresh.scrollHeight : at; if (focused) fresh.focus({ preventScroll: true }); }
    if (live.querySelectorAll(".thread li").length > messages) news.textContent = news.dataset.told ?? "";
    left();
  }

  if (box) {
    box.addEventListener("input", () => { counted(); writing(); });
    if (box.value !== box.defaultValue) writing();  // typed before this script was there
    counted();
  }
  left();
  toTheEnd();
  document.querySelector("[role=alert]")?.scrollIntoView({ block: "center" });
  setInterval(refresh, REFRESH);
  setInterval(left, 30_000);
  document.addEventListener("visibilitychange", refresh);
})();
