"use strict";

const specifications = JSON.parse(document.getElementById("charts").textContent);
const elements = [...document.querySelectorAll(".chart")];
const charts = Promise.all(elements.map((element) => embed(element, specifications[element.dataset.chart])));
const controls = [...document.querySelectorAll("form input, form select")];

function value(control) {
  return control.dataset.stops ? JSON.parse(control.dataset.stops)[control.value] : control.value;
}

function show(id, text) {
  document.getElementById(id).textContent = text;
}

function number(value) {
  return value === null ? "—" : Number(value).toPrecision(4).replace(/\.?0+$/, "");
}

function label(control) {
  const shown = document.getElementById(`${control.id}-shown`);
  if (!shown) return;
  shown.value = control.id === "beta" && value(control) === 0 ? "∞ (clamped)" : value(control);
  control.setAttribute("aria-valuetext", shown.value);
}

// One question at a time: what is moved meanwhile is asked when the answer has come.
let asking = false;
let moved = false;
async function ask() {
  if (asking) {
    moved = true;
    return;
  }
  asking = true;
  const begun = performance.now();
  const query = new URLSearchParams(controls.map((control) => [control.id, value(control)]));
  try {
    const response = await fetch(`answer?${query}`);
    if (response.ok) await draw(await response.json());
    else show("message", await response.text());
  } catch {
    show("message", "The server does not answer; has it been ended?");
  }
  show("time", `${Math.round(performance.now() - begun)} ms`);
  asking = false;
  if (moved) {
    moved = false;
    ask();
  }
}

async function draw(answer) {
  const rows = { ...answer.curves, energies: answer.energies };
  const views = await charts;
  await Promise.all(views.map((view, index) => view.data("rows", rows[elements[index].dataset.chart]).runAsync()));
  const own = Object.fromEntries(answer.curves.batch.filter((row) => row.own).map((row) => [row.label, row.alignment]));
  show("bp", number(own["BP"]));
  show("pc", number(own["PC"]));
  show("decorrelated", number(own["PC, decorrelated"]));
  show("relaxed", answer.diverges ? "diverges" : number(answer.relaxed));
  show("limit", number(answer.stability_limit));
  show("steps-to", answer.steps_to ?? "—");
  show("message", answer.diverges ? "γ is above its limit: inference diverges." : "");
}

for (const control of controls) {
  label(control);
  control.addEventListener("input", () => {
    label(control);
    ask();
  });
}
document.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
ask();
