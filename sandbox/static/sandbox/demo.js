import { $, atEnd, el, enterSends, getJson, initials, medium, poll, postJson, readFile, reconcile, stayAtEnd, time, toEnd } from "./common.js";

// What was sent from here and is not in the server's list yet; resent until it is.
let pending = [];
let last = "";

const look = async () => {
  for (const message of pending.filter((one) => !one.sending)) send(message);
  const data = await getJson("data");
  const known = new Set(data.messages.map((message) => message.clientId));
  pending = pending.filter((message) => !known.has(message.clientId));
  const text = JSON.stringify([data, pending.length]);
  if (text === last) return;
  last = text;
  render(data);
};

function render(data) {
  const human = data.mode === "human";
  $("with").textContent = human ? data.agent : "Pixel";
  $("state").textContent = { bot: "Assistant", queued: "Waiting for an agent…", human: "Human agent" }[data.mode];
  $("avatar").textContent = human ? initials(data.agent) : "P";
  $("avatar").dataset.kind = human ? "human" : data.mode;
  $("end").hidden = data.mode === "bot";
  $("typing").hidden = !data.typing;
  renderDesks(data);
  const box = $("messages");
  const follow = atEnd(box) || !box.children.length;
  const shown = [...data.messages, ...pending.map(preview)];
  reconcile(box, shown, (message) => message.clientId || message.id, bubble);
  const newest = data.messages.at(-1);
  const options = data.mode === "bot" && newest?.author === "bot" && !pending.length ? newest.options : [];
  reconcile($("options"), options, (option) => option, (option) =>
    el("button", { type: "button", class: "button", onclick: () => say({ text: option }) }, option));
  if (follow) toEnd(box);
  const theirs = data.messages.findLast((message) => message.author === "agent");
  if (human && theirs && theirs.id !== readTo && !document.hidden) {
    readTo = theirs.id;
    aside("read");
  }
}

// What the agent may see beside messages; nobody minds if it gets lost.
let readTo = 0;
let typedAt = 0;
const aside = (what) => postJson(`aside/${what}`, {}).catch(() => {});

function typing() {
  if (Date.now() - typedAt < 3000) return;
  typedAt = Date.now();
  aside("typing");
}

// Which help desk comes next is the browser's to remember; a running session keeps its own.
const remembered = "demo-desk";
let desk = "";

function renderDesks({ desks, desk: current, mode }) {
  const known = desks.some((one) => one.id === localStorage.getItem(remembered));
  desk = current || (known ? localStorage.getItem(remembered) : desks[0]?.id) || "";
  $("desks").hidden = !desks.length;
  $("choices").hidden = desks.length < 2;
  $("choices").disabled = mode !== "bot";
  $("choices").title = mode === "bot" ? "" : "This chat is with its help desk until it ends";
  const legend = $("choices").firstElementChild;
  const wanted = desks.map((one) => one.id).join();
  if ($("choices").dataset.desks !== wanted) {
    $("choices").dataset.desks = wanted;
    $("choices").replaceChildren(legend, ...desks.map((one) => el("label", {},
      el("input", { type: "radio", name: "desk", value: one.id, onchange: () => choose(one.id, desks) }),
      el("span", {}, one.name))));
  }
  showDesk(desks);
}

function choose(id, desks) {
  localStorage.setItem(remembered, id);
  desk = id;
  showDesk(desks);
}

function showDesk(desks) {
  for (const input of $("choices").querySelectorAll("input")) input.checked = input.value === desk;
  const chosen = desks.find((one) => one.id === desk);
  if (chosen) $("inbox").href = chosen.inbox;
  if (chosen) $("inbox").title = `Agents answer from ${chosen.name} here`;
  if (chosen && parent !== window) parent.postMessage({ desk: chosen.id, inbox: chosen.inbox }, location.origin);
}

function preview(message) {
  const text = message.text ?? message.file.name;
  return { clientId: message.clientId, author: "customer", status: "sending", contents: [{ kind: "plain", text }], created_at: message.at };
}

const STATUS = { sending: "sending…", sent: "sent", read: "read", failed: "not delivered" };

function content(part) {
  if (part.kind === "plain") return el("p", {}, part.text);
  return part.kind === "text" ? el("div", { class: "text", html: part.html }) : medium(part.kind, part.url, part.title);
}

function bubble(message) {
  const node = el("li", { class: `part ${message.author}` });
  if (message.author === "system") {
    node.append(el("div", { class: "system" }, ...message.contents.map(content)));
    return node;
  }
  const status = STATUS[message.status];
  node.append(el("div", { class: "bubble" },
    message.author === "customer" ? null : el("p", { class: "by" }, message.name),
    ...message.contents.map(content),
    el("p", { class: `when ${message.status}` }, time(message.created_at), status ? ` · ${status}` : "")));
  return node;
}

function say(what) {
  const message = { clientId: crypto.randomUUID(), at: new Date().toISOString(), desk, ...what };
  pending.push(message);
  toEnd($("messages"));
  send(message);
}

async function send(message) {
  message.sending = true;
  try {
    await postJson("messages", { clientId: message.clientId, text: message.text, file: message.file, desk: message.desk });
    await again();
    toEnd($("messages"));
  } catch {
    message.sending = false; // the next look tries again
  }
}

$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("text").value.trim();
  $("text").value = "";
  if (text) say({ text });
});
$("file").addEventListener("change", async (event) => {
  for (const file of event.target.files) say({ file: await readFile(file) });
  event.target.value = "";
});
$("end").addEventListener("click", () => postJson("end").then(again, () => {}));
enterSends($("text"), $("composer"));
stayAtEnd($("messages"));
const again = poll(look);
$("text").addEventListener("input", typing);
