"use strict";
// What the pages do beyond links and forms: copying, and sending files one by one.
(() => {
  const $ = (id) => document.getElementById(id);

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button || !navigator.clipboard) return;
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });

  // the analysis that a link leads to opens
  const reveal = () => {
    const target = location.hash.length > 1 && $(decodeURIComponent(location.hash.slice(1)));
    if (target instanceof HTMLDetailsElement) target.open = true;
  };
  addEventListener("hashchange", reveal);
  reveal();

  const form = $("submit");
  if (!form) return;
  const HASHED = 64 * 1024 * 1024;
  const chosen = [];

  const element = (name, className, text) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };

  const bytes = (count) => {
    const units = ["B", "kB", "MB", "GB"];
    let index = 0;
    while (count >= 1024 && index < 3) { count /= 1024; index += 1; }
    return `${index ? count.toFixed(1) : count} ${units[index]}`;
  };

  // control and direction characters spelled out, as on every page
  const visible = (text) => text.replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu,
    (each) => `\\u${each.codePointAt(0).toString(16).padStart(4, "0")}`);

  const known = async (file, row) => {
    if (!crypto.subtle || file.size > HASHED || "blind" in form.dataset) return;
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
    const hex = [...digest].map((each) => each.toString(16).padStart(2, "0")).join("");
    const answer = await fetch(form.dataset.known + hex);
    // a part of a page of ours, in which everything is escaped
    if (answer.ok && !answer.redirected) row.insertAdjacentHTML("beforeend", await answer.text());
  };

  const add = (file) => {
    const row = element("li");
    row.append(element("span", "name", visible(file.name)), element("span", "muted number", bytes(file.size)));
    $("queue").append(row);
    const entry = { file, row, done: false };
    if (file.size > Number(form.dataset.limit)) { fail(entry, "This file is larger than the limit."); return; }
    chosen.push(entry);
    $("go").disabled = false;
    known(file, row).catch(() => {});
  };

  const fail = (entry, text) => {
    const said = element("p", "problem", text);
    said.setAttribute("role", "alert");
    entry.row.append(said);
  };

  const readEntry = (entry) => new Promise((resolve) => {
    if (entry.isFile) { entry.file((file) => { add(file); resolve(); }, resolve); return; }
    const reader = entry.createReader();
    const more = () => reader.readEntries(async (found) => {
      if (!found.length) { resolve(); return; }
      for (const each of found) await readEntry(each);
      more();
    }, resolve);
    more();
  });

  const drop = $("drop");
  for (const name of ["dragover", "dragenter"]) {
    drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
  }
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    const entries = [...event.dataTransfer.items].map((each) => each.webkitGetAsEntry && each.webkitGetAsEntry());
    for (const each of entries) if (each) readEntry(each);
  });
  for (const name of ["files", "folder"]) {
    $(name).addEventListener("change", (event) => {
      for (const file of event.target.files) add(file);
      event.target.value = "";
    });
  }
  form.addEventListener("change", () => {
    $("workers").hidden = new FormData(form).get("choice") !== "some";
  });

  const details = (file) => {
    const data = new FormData(form);
    const meta = {};
    for (const line of $("meta").value.split("\n")) {
      const [key, ...rest] = line.split("=");
      if (key.trim() && rest.length) meta[key.trim()] = rest.join("=").trim();
    }
    const query = new URLSearchParams({ name: file.name, tlp: data.get("tlp"), meta: JSON.stringify(meta) });
    if (file.type) query.set("mime", file.type);
    if (data.get("choice") === "some") for (const each of data.getAll("worker")) query.append("worker", each);
    return query;
  };

  const send = (entry) => new Promise((resolve) => {
    const meter = element("progress");
    meter.max = entry.file.size || 1;
    meter.value = 0;
    meter.setAttribute("aria-label", `Upload of ${visible(entry.file.name)}`);
    entry.row.append(meter);
    // fetch tells nothing of how far an upload is
    const request = new XMLHttpRequest();
    request.open("POST", `${form.dataset.url}?${details(entry.file)}`);
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("X-CSRF-Token", document.querySelector("meta[name=csrf]").content);
    request.upload.addEventListener("progress", (event) => { meter.value = event.loaded; });
    request.addEventListener("loadend", () => {
      meter.remove();
      let answer = {};
      try { answer = JSON.parse(request.responseText); } catch { /* an answer of a proxy, say */ }
      if (request.status === 201) {
        const link = element("a", "", "Follow its job");
        link.href = answer.url;
        entry.row.append(link);
        entry.url = answer.url;
      } else {
        fail(entry, answer.error || "The upload failed; is the service up?");
      }
      resolve();
    });
    request.send(entry.file);
  });

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    $("go").disabled = true;
    const waiting = chosen.splice(0);
    for (const [index, entry] of waiting.entries()) {
      $("status").textContent = `Sending ${index + 1} of ${waiting.length}`;
      await send(entry);
    }
    const sent = waiting.filter((entry) => entry.url);
    $("status").textContent = `${sent.length} of ${waiting.length} submitted`;
    if (sent.length === 1 && waiting.length === 1) location.assign(sent[0].url);
  });
})();
