// The simulated phone: sends what is typed, and shows both sides of the thread as the database has them.
const thread = document.getElementById("thread");
const text = document.getElementById("text");
const trouble = document.getElementById("trouble");
const number = document.getElementById("number");
const language = document.getElementById("language");
const GSM = /^[@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&'()*+,\-./0-9:;<=>?¡A-ZÄÖÑÜ§¿a-zäöñüà^{}\\[~\]|€]*$/;
const EXAMPLES = {
  en: "I need a doctor in Portsmouth",
  ht: "mwen bezwen yon doktè nan Pòtsmouf",
  acf: "mwen bizwen an dòktè Pòtsmouf",
  fr: "je cherche un médecin à Portsmouth",
  es: "necesito un médico en Portsmouth",
};
let shown = "";

const mode = () => document.querySelector("input[name=mode]:checked").value;

function bubble(message) {
  const item = document.createElement("li");
  item.className = message.side + (message.erased ? " erased" : "");
  item.textContent = message.erased ? "erased" : message.text;
  const note = document.createElement("small");
  const time = new Date(message.at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  note.textContent = message.segments ? `${time}, ${message.segments} SMS` : time;
  item.append(note);
  return item;
}

async function refresh() {
  try {
    const answer = await fetch("/simulator/messages", { headers: { "X-Mode": mode(), "X-Number": number.value } });
    if (!answer.ok) throw new Error(answer.status);
    const { messages } = await answer.json();
    const signature = JSON.stringify(messages.map((m) => [m.key, m.erased]));
    trouble.hidden = true;
    if (signature === shown) return;
    shown = signature;
    thread.replaceChildren(...messages.map(bubble));
    thread.scrollTop = thread.scrollHeight;
  } catch {
    trouble.textContent = "The service does not answer. What you type is not sent.";
    trouble.hidden = false;
  }
}

async function send(extra) {
  const answer = await fetch("/simulator/messages", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ mode: mode(), number: number.value, text: text.value, ...extra }),
  }).catch(() => null);
  if (!answer || !answer.ok) {
    trouble.textContent = "Not sent. Try again.";
    trouble.hidden = false;
    return;
  }
  text.value = "";
  count();
  refresh();
}

function count() {
  const length = [...text.value].reduce((sum, letter) => sum + ("^{}\\[~]|€".includes(letter) ? 2 : 1), 0);
  if (!length || mode() === "whatsapp") {
    document.getElementById("size").textContent = "";
    return;
  }
  const gsm = GSM.test(text.value);
  const [one, many] = gsm ? [160, 153] : [70, 67];
  const size = gsm ? length : text.value.length;
  const parts = size <= one ? 1 : Math.ceil(size / many);
  document.getElementById("size").textContent = `${size} letters, ${parts} SMS${gsm ? "" : " (a letter outside GSM-7)"}`;
}

document.getElementById("compose").addEventListener("submit", (event) => {
  event.preventDefault();
  if (text.value.trim()) send({});
});
text.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey) {
    event.preventDefault();
    if (text.value.trim()) send({});
  }
});
text.addEventListener("input", count);
document.getElementById("place").addEventListener("click", () => send({ text: "", latitude: 15.57, longitude: -61.456 }));
for (const input of document.querySelectorAll("input[name=mode], #number")) {
  input.addEventListener("change", () => {
    shown = "";
    document.getElementById("where").hidden = mode() !== "whatsapp";
    refresh();
  });
}
language.addEventListener("change", () => {
  if (EXAMPLES[language.value]) {
    text.value = EXAMPLES[language.value];
    count();
    text.focus();
  }
});
refresh();
setInterval(refresh, 1000);
