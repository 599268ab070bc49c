// Verdicts on pairs: kept in this browser, written out as verdicts.json and read back from it.
"use strict";

const STORE = "progan-tf verdicts";
const pairs = [...document.querySelectorAll(".pair[data-keys]")];
const nameOf = (set, keys) => JSON.stringify([set, [...keys].sort()]);
const ownName = (pair) => nameOf(pair.dataset.set, JSON.parse(pair.dataset.keys));
const names = [...new Set(pairs.map(ownName))]; // a pair may be shown twice

// Those the report was made with, then what was clicked here since.
const verdicts = new Map();
const take = (rows) => rows.forEach((row) => verdicts.set(nameOf(row.set, row.keys), row));
take(JSON.parse(document.getElementById("verdicts").textContent).verdicts);
try {
  take(JSON.parse(localStorage.getItem(STORE) || "[]"));
} catch (error) {
  // A browser that keeps nothing for local files; the download still works.
}

function keep() {
  try {
    localStorage.setItem(STORE, JSON.stringify([...verdicts.values()]));
  } catch (error) {}
}

function show() {
  pairs.forEach((pair) => {
    const verdict = verdicts.get(ownName(pair))?.verdict;
    pair.querySelectorAll("button").forEach((button) =>
      button.setAttribute("aria-pressed", String(button.value === verdict)));
  });
  const said = names.map((name) => verdicts.get(name)?.verdict);
  const count = (word) => said.filter((verdict) => verdict === word).length;
  document.getElementById("judged").textContent =
    `${said.filter(Boolean).length} of ${names.length} pairs judged: ${count("same")} same, ` +
    `${count("different")} different, ${count("unsure")} unsure`;
}

pairs.forEach((pair) => pair.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const name = ownName(pair);
  if (verdicts.get(name)?.verdict === button.value) {
    verdicts.delete(name);
  } else {
    verdicts.set(name, { set: pair.dataset.set, keys: JSON.parse(pair.dataset.keys), verdict: button.value });
  }
  keep();
  show();
}));

document.getElementById("save").addEventListener("click", () => {
  const text = JSON.stringify({ verdicts: [...verdicts.values()] }, null, 1) + "\n";
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = "verdicts.json";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
});

document.getElementById("load").addEventListener("change", async (event) => {
  const [file] = event.target.files;
  if (!file) return;
  try {
    take(JSON.parse(await file.text()).verdicts);
    keep();
    show();
  } catch (error) {
    document.getElementById("judged").textContent = `${file.name} holds no verdicts (${error.message})`;
  }
  event.target.value = "";
});

show();
