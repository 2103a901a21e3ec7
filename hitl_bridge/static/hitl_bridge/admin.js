// Copy buttons, questions before what can't be undone, and pickers that ask the help desk.
"use strict";

// The Content-Security-Policy allows no style in the page. The theme's libraries make some all the
// same: Alpine sets whole style attributes, which are allowed property by property; htmx adds a
// sheet, which admin.css has.
const setAttribute = Element.prototype.setAttribute;
Element.prototype.setAttribute = function (name, value) {
    if (name === "style") this.style.cssText = value;
    else setAttribute.call(this, name, value);
};
const htmxConfig = document.createElement("meta");
htmxConfig.name = "htmx-config";
htmxConfig.content = JSON.stringify({ includeIndicatorStyles: false, allowEval: false });
document.head.append(htmxConfig);

// Times are shown in the reader's own zone, from the next page on.
document.cookie = `tz=${Intl.DateTimeFormat().resolvedOptions().timeZone}; path=/admin/; `
    + `max-age=31536000; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;

document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    try {
        await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
        // Without https there is no clipboard: leave the text selected for Ctrl-C.
        button.previousElementSibling?.select();
        return;
    }
    const label = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = label; }, 1500);
});

document.addEventListener("submit", (event) => {
    const question = event.target.dataset.confirm;
    if (question && !window.confirm(question)) event.preventDefault();
});

function offer(picker, input, options) {
    const select = document.createElement("select");
    select.className = "hb-input";
    select.setAttribute("aria-label", "Choose from the help desk's list");
    select.append(new Option(options.length ? "Choose…" : "The list is empty", ""));
    for (const { value, label } of options) select.append(new Option(`${label} (${value})`, value));
    select.value = input.value;
    if (select.selectedIndex < 0) select.selectedIndex = 0;
    select.addEventListener("change", () => {
        const several = "several" in picker.dataset;
        const present = several ? input.value.split(",").map((one) => one.trim()).filter(Boolean) : [];
        if (select.value && !present.includes(select.value)) present.push(select.value);
        input.value = present.join(", ");
        input.dispatchEvent(new Event("change", { bubbles: true }));
    });
    return select;
}

function addPicker(picker) {
    const input = picker.querySelector("input");
    const button = document.createElement("button");
    const note = document.createElement("span");
    button.type = "button";
    button.className = "hb-button";
    button.textContent = "Pick from a list";
    note.className = "hb-note";
    note.setAttribute("role", "status");
    button.addEventListener("click", async () => {
        button.disabled = true;
        note.textContent = "Asking the help desk…";
        try {
            const answer = await fetch(picker.dataset.picker, { headers: { Accept: "application/json" } });
            const { options, error } = await answer.json();
            note.textContent = error || "";
            if (options) button.replaceWith(offer(picker, input, options));
        } catch {
            note.textContent = "The list could not be loaded; the id can be typed in.";
        }
        button.disabled = false;
    });
    picker.append(button, note);
}

document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-picker]").forEach(addPicker);
});

// Parts that keep themselves up to date: replaced only where they have changed, and not while
// somebody reads another tab, types in them or has marked something.
function renew(part, found) {
    const busy = part.contains(document.activeElement) && document.activeElement !== document.body;
    const marked = !getSelection().isCollapsed && part.contains(getSelection().anchorNode);
    if (busy || marked || !found || found.innerHTML === part.dataset.shown) return;
    part.dataset.shown = found.innerHTML;
    part.replaceChildren(...found.childNodes);
}

document.addEventListener("DOMContentLoaded", () => {
    const parts = [...document.querySelectorAll("[data-refresh]")];
    if (!parts.length) return;
    parts.forEach((part) => { part.dataset.shown = part.innerHTML; });
    const timer = setInterval(async () => {
        if (document.hidden) return;
        try {
            const answer = await fetch(location.href, { headers: { "X-Refresh": "1" }, redirect: "manual" });
            if (!answer.ok) return; // logged out, or restarting: what is shown stays
            const page = new DOMParser().parseFromString(await answer.text(), "text/html");
            parts.forEach((part) => renew(part, page.getElementById(part.id)));
            if (!page.querySelector("[data-refresh]")) clearInterval(timer); // nothing more will come
        } catch { /* no network for a moment */ }
    }, Number(parts[0].dataset.refresh) * 1000);
});
