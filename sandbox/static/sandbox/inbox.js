import { $, atEnd, el, enterSends, getJson, initials, medium, poll, postJson, readFile, reconcile, stayAtEnd, time, toEnd } from "./common.js";

const state = { ticket: location.hash.slice(1), filter: "open", note: false, files: [], last: "", data: null };
// Beside the customer's chat there is no need to choose: the newest open conversation shows.
const follows = new URLSearchParams(location.search).has("follow");
const remembered = "sandbox-agent" + location.pathname;

const look = async () => {
  const asked = state.ticket;
  const data = await getJson(`data?ticket=${encodeURIComponent(asked)}`);
  if (asked !== state.ticket) return;
  const text = JSON.stringify(data);
  if (text === state.last) return;
  state.last = text;
  state.data = data;
  render();
  const newest = data.tickets.find((ticket) => ticket.state === "open");
  const done = !data.ticket || data.ticket.state === "closed";
  if (follows && newest && done && newest.id !== state.ticket) choose(newest.id);
};

function render() {
  renderAgents();
  renderList();
  renderTicket();
}

function fill(select, options, value) {
  const wanted = JSON.stringify(options);
  if (select.dataset.options !== wanted) {
    select.dataset.options = wanted;
    select.replaceChildren(...options.map(([id, label]) => el("option", { value: id }, label)));
  }
  if (value !== undefined) select.value = value;
}

function renderAgents() {
  const options = state.data.agents.map((agent) => [agent.id, agent.name]);
  fill($("agent"), options, $("agent").value || localStorage.getItem(remembered) || options[0]?.[0]);
}

function visible(ticket) {
  if (state.filter === "closed") return ticket.state === "closed";
  if (ticket.state === "closed") return false;
  return state.filter === "open" || ticket.agent?.id === $("agent").value;
}

function renderList() {
  const shown = state.data.tickets.filter(visible)
    .map((ticket) => ({ ...ticket, chosen: ticket.id === state.ticket }));
  $("no-tickets").hidden = shown.length > 0;
  reconcile($("tickets"), shown, (ticket) => ticket.id, row);
}

function row(ticket) {
  const badge = ticket.state !== "open" ? ticket.state : ticket.agent ? ticket.agent.name : "new";
  return el("li", {},
    el("button", { type: "button", class: "item", "aria-current": ticket.chosen ? "true" : null, onclick: () => choose(ticket.id) },
      el("span", { class: "avatar", "aria-hidden": "true" }, initials(ticket.customer)),
      el("span", { class: "middle" },
        el("span", { class: "line" }, el("strong", {}, ticket.customer), el("time", { datetime: ticket.updated_at }, time(ticket.updated_at))),
        el("span", { class: "preview" }, ticket.preview || ticket.title || "No message yet"),
        el("span", { class: `badge ${badge === "new" ? "new" : ""} ${ticket.state}` }, badge))));
}

function choose(id) {
  state.ticket = id;
  state.last = "";
  history.replaceState(null, "", `#${id}`);
  $("columns").dataset.view = id ? "ticket" : "list";
  if (id) $("parts").replaceChildren();
  again();
}

function renderTicket() {
  const ticket = state.data.ticket;
  $("opened").hidden = !ticket;
  $("no-ticket").hidden = Boolean(ticket);
  $("columns").dataset.view = ticket ? "ticket" : "list";
  if (!ticket) return;
  $("customer").textContent = ticket.customer;
  const owner = ticket.agent ? `with ${ticket.agent.name}` : "nobody's yet";
  $("facts").textContent = [ticket.state, owner, ticket.team?.name, ticket.email].filter(Boolean).join(" · ");
  const mine = ticket.agent?.id === $("agent").value;
  $("accept").hidden = mine || ticket.state === "closed";
  $("accept").textContent = ticket.agent ? "Take over" : "Accept";
  $("close").hidden = ticket.state === "closed";
  $("reopen").hidden = ticket.state !== "closed";
  const others = state.data.agents.filter((agent) => agent.id !== ticket.agent?.id);
  fill($("assign"), [["", "Assign to…"],
    ...others.map((agent) => [`assign:${agent.id}`, agent.name]),
    ...state.data.teams.map((team) => [`assign_team:${team.id}`, `Team ${team.name}`]),
    ["assign:", "Nobody"]]);
  const box = $("parts");
  const follow = atEnd(box) || !box.children.length;
  reconcile(box, ticket.parts, (part) => part.id, bubble);
  if (follow) toEnd(box);
  renderAside(ticket);
}

function renderAside(ticket) {
  const last = ticket.parts.at(-1);
  const read = last?.author.kind === "agent" && ticket.read_to && new Date(ticket.read_to) >= new Date(last.created_at);
  $("aside").textContent = ticket.typing ? "The customer is typing…" : read ? "Read by the customer" : "";
  const theirs = ticket.parts.findLast((part) => part.author.kind === "contact");
  if (!theirs || state.seen === theirs.id || document.hidden) return;
  state.seen = theirs.id;
  act("seen").catch(() => { state.seen = ""; });
}

const LINES = { assignment: "gave the conversation to", close: "closed the conversation", open: "reopened the conversation", snoozed: "snoozed the conversation", unsnoozed: "took the conversation up again" };

function systemLine(part) {
  const to = part.type === "assignment" ? ` ${part.assigned_to?.name || "nobody"}` : "";
  const self = part.assigned_to?.kind === "agent" && part.assigned_to.id === part.author.id;
  const what = self ? "took the conversation" : `${LINES[part.type]}${to}`;
  return el("p", { class: "system" }, `${part.author.name || "The customer"} ${what}`);
}

function bubble(part) {
  const said = part.html || part.attachments.length || part.redacted;
  const node = el("li", { class: `part ${part.author.kind} ${part.type === "note" ? "note" : ""}` });
  if (LINES[part.type]) node.append(systemLine(part));
  if (!said) return node;
  const kind = part.type === "note" ? "Private note" : part.author.kind === "bot" ? "Bot" : "";
  const body = part.redacted ? "<p><em>Removed</em></p>" : part.html;
  node.append(
    el("div", { class: "bubble" },
      el("p", { class: "by" }, part.author.name || "Customer", kind ? el("span", { class: "badge" }, kind) : null,
        el("time", { datetime: part.created_at }, time(part.created_at))),
      el("div", { class: "text", html: body }),
      ...part.attachments.map((file) => medium(file.content_type.split("/")[0], file.url, file.name))));
  return node;
}

async function act(action, body = {}) {
  $("problem").textContent = "";
  try {
    await postJson(`tickets/${encodeURIComponent(state.ticket)}/${action}`, { agent: $("agent").value, ...body });
  } catch (error) {
    $("problem").textContent = error.message;
    throw error;
  } finally {
    again();
  }
}

function setNote(note) {
  state.note = note;
  $("mode-note").setAttribute("aria-pressed", String(note));
  $("mode-reply").setAttribute("aria-pressed", String(!note));
  $("composer").classList.toggle("note", note);
  $("text-label").textContent = note ? "Private note" : "Reply";
  $("text").placeholder = note ? "Only colleagues see this note." : "Write a reply. Enter sends, Shift+Enter starts a new line.";
  $("text").focus();
}

function renderFiles() {
  $("files").replaceChildren(...state.files.map((file, index) => el("li", {}, file.name,
    el("button", { type: "button", "aria-label": `Remove ${file.name}`, onclick: () => { state.files.splice(index, 1); renderFiles(); } }, "×"))));
}

async function addFiles(list) {
  for (const file of list) state.files.push({ ...(await readFile(file)), inline: file.type.startsWith("image/") });
  renderFiles();
}

$("composer").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = $("text").value.trim();
  if (!text && !state.files.length) return;
  const files = state.files;
  $("text").value = "";
  state.files = [];
  renderFiles();
  try {
    await act(state.note ? "note" : "reply", { text, files });
    toEnd($("parts"));
  } catch {
    $("text").value = text;
    state.files = files;
    renderFiles();
  }
});
$("accept").addEventListener("click", () => act("accept").then(() => $("text").focus(), () => {}));
$("close").addEventListener("click", () => act("close").catch(() => {}));
$("reopen").addEventListener("click", () => act("reopen").catch(() => {}));
$("assign").addEventListener("change", (event) => {
  const [action, to] = event.target.value.split(":");
  event.target.value = "";
  if (action) act(action, { to }).catch(() => {});
});
$("agent").addEventListener("change", () => {
  localStorage.setItem(remembered, $("agent").value);
  render();
});
$("file").addEventListener("change", (event) => { addFiles(event.target.files); event.target.value = ""; });
$("text").addEventListener("paste", (event) => addFiles(event.clipboardData.files));
$("mode-note").addEventListener("click", () => setNote(true));
$("mode-reply").addEventListener("click", () => setNote(false));
$("back").addEventListener("click", () => choose(""));
for (const tab of document.querySelectorAll("[data-filter]")) {
  tab.addEventListener("click", () => {
    state.filter = tab.dataset.filter;
    for (const other of document.querySelectorAll("[data-filter]")) other.setAttribute("aria-pressed", String(other === tab));
    renderList();
  });
}
enterSends($("text"), $("composer"));
stayAtEnd($("parts"));
const again = poll(look);
