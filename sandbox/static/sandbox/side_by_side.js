import { $, getJson, poll, postJson } from "./common.js";

// The customer's page says which help desk is chosen; the agent's side follows.
let desk = "";

window.addEventListener("message", (event) => {
  if (event.origin !== location.origin || event.source !== $("customer").contentWindow) return;
  if (!event.data?.inbox || event.data.desk === desk) return;
  desk = event.data.desk;
  $("agent").src = `${event.data.inbox}?follow`;
  again();
});

const words = ({ said, arrived, doubled }) => {
  if (!said) return "nothing said yet";
  const waiting = said - arrived;
  return `${arrived} of ${said} arrived${waiting ? `, ${waiting} on the way` : ""}${doubled ? `, ${doubled} doubled` : ""}`;
};

const look = async () => {
  if (!desk) return;
  const data = await getJson(`troubles?desk=${encodeURIComponent(desk)}`);
  for (const button of document.querySelectorAll("[data-trouble]")) {
    button.setAttribute("aria-pressed", String(data.troubles[button.dataset.trouble]));
  }
  $("kill").hidden = !data.canKill && data.bridge === "up";
  $("kill").disabled = data.bridge === "down";
  for (const side of ["customer", "agent"]) {
    $(`tally-${side}`).textContent = words(data[side]);
    $(`tally-${side}`).dataset.done = String(data[side].said === data[side].arrived && !data[side].doubled);
  }
  $("bridge").textContent = data.bridge === "up" ? "running" : "dead; it is being started again";
  $("bridge").dataset.done = String(data.bridge === "up");
};

async function attempt(address, body) {
  $("problem").textContent = "";
  try {
    await postJson(address, { desk, ...body });
  } catch (error) {
    $("problem").textContent = error.message;
  }
  again();
}

for (const button of document.querySelectorAll("[data-trouble]")) {
  button.addEventListener("click", () => {
    const on = button.getAttribute("aria-pressed") !== "true";
    attempt(`troubles/${button.dataset.trouble}`, { on });
  });
}
$("kill").addEventListener("click", () => attempt("troubles/kill", {}));
for (const tab of document.querySelectorAll("[data-show]:not(.sides)")) {
  tab.addEventListener("click", () => {
    $("sides").dataset.show = tab.dataset.show;
    for (const other of document.querySelectorAll(".tabs [data-show]")) {
      other.setAttribute("aria-pressed", String(other === tab));
    }
  });
}
const again = poll(look);
