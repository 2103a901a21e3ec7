// Helpers of both pages. Text only ever becomes text; HTML comes cleaned from the server.

export const $ = (id) => document.getElementById(id);

export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "html") node.innerHTML = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.filter((c) => c !== null && c !== undefined));
  return node;
}

export async function getJson(url) {
  const answer = await fetch(url, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
}

export async function postJson(url, body = {}) {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const data = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(data.error || `The server answered ${answer.status}`);
  return data;
}

// Calls `look` every second (slower while the tab is hidden) and says when the server is away.
export function poll(look) {
  let timer = 0;
  const again = async () => {
    clearTimeout(timer);
    try {
      await look();
      $("offline").hidden = true;
    } catch {
      $("offline").hidden = false;
    }
    clearTimeout(timer);
    timer = setTimeout(again, document.hidden ? 5000 : 1000);
  };
  document.addEventListener("visibilitychange", () => !document.hidden && again());
  again();
  return again;
}

// Makes the children of `parent` those of `items`, touching only what changed: no flicker, the
// focus and the reader's selection stay.
export function reconcile(parent, items, key, build) {
  const old = new Map([...parent.children].map((node) => [node.dataset.key, node]));
  let at = parent.firstElementChild;
  for (const item of items) {
    const id = String(key(item));
    const state = JSON.stringify(item);
    let node = old.get(id);
    old.delete(id);
    if (!node || node.dataset.state !== state) {
      const fresh = build(item);
      fresh.dataset.key = id;
      fresh.dataset.state = state;
      if (node) {
        if (node === at) at = fresh;
        const focused = node.contains(document.activeElement);
        node.replaceWith(fresh);
        if (focused) fresh.querySelector("button, a")?.focus();
      }
      node = fresh;
    }
    if (node === at) at = at.nextElementSibling;
    else if (node.nextElementSibling !== at || !node.isConnected) parent.insertBefore(node, at);
  }
  for (const node of old.values()) node.remove();
}

// Keeps a box at its end while pictures in it load, unless the reader has scrolled up.
export function stayAtEnd(box) {
  let following = true;
  box.addEventListener("scroll", () => { following = atEnd(box); }, { passive: true });
  box.addEventListener("load", () => following && toEnd(box), true);
}

export const atEnd = (box) => box.scrollHeight - box.scrollTop - box.clientHeight < 80;
export const toEnd = (box) => { box.scrollTop = box.scrollHeight; };

export function readFile(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve({
      name: file.name,
      content_type: file.type,
      data: String(reader.result).split(",")[1] || "",
    });
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

export function time(iso) {
  return new Date(iso).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

export function initials(name) {
  return (name || "?").split(/\s+/).map((word) => word[0]).slice(0, 2).join("").toUpperCase();
}

export function enterSends(area, form) {
  area.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
}

export function medium(kind, url, title) {
  const label = title || "attachment";
  if (kind === "image") {
    const picture = el("img", { src: url, alt: label });
    return el("a", { class: "picture", href: url, target: "_blank", rel: "noopener noreferrer" }, picture);
  }
  if (kind === "audio" || kind === "video") return el(kind, { src: url, controls: "", title: label });
  return el("a", { class: "filelink", href: url, target: "_blank", rel: "noopener noreferrer" }, label);
}
