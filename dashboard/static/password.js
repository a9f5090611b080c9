// Shows what is typed as a password, and measures a new one roughly. The site measures it well when it is sent.
"use strict";
const EASY = /pass ?word|passw[o0]rd|mot ?de ?passe|qwert[yz]\w*|azerty\w*|letmein|welcome|iloveyou|admin\w*|dominica|koudmen|(?:0?1)?2345\d*|abc(?:def\w*)?/gi;

function strength(typed) {
  if (typed.length < 12) return 0;
  const rest = typed.replace(EASY, "").replace(/(.+?)\1+/g, "$1");
  const letters = new Set(rest.toLowerCase()).size;
  const points = Math.min(rest.length, letters * 2);
  return points < 8 ? 1 : points < 14 ? 2 : 3;
}

for (const box of document.querySelectorAll("[data-password]")) {
  const input = box.querySelector("input"), show = box.querySelector("button"), meter = box.querySelector("meter");
  show.hidden = false;
  show.addEventListener("click", () => {
    const shown = input.type === "text";
    input.type = shown ? "password" : "text";
    show.setAttribute("aria-pressed", String(!shown));
    input.focus();
  });
  input.form.addEventListener("submit", () => { input.type = "password"; }); // no browser keeps it as a text
  if (!meter) continue;
  const told = box.querySelector("[data-told]"), words = told.dataset.told.split("|");
  input.addEventListener("input", () => {
    const found = strength(input.value);
    meter.hidden = told.hidden = !input.value;
    meter.value = found;
    told.textContent = words[found];
  });
}
