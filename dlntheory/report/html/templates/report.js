"use strict";

const specifications = JSON.parse(document.getElementById("charts").textContent);
const views = Promise.all(
  [...document.querySelectorAll(".chart")].map((element) => embed(element, specifications[element.dataset.chart]))
);

// The controls set the parameters of every chart that has them.
function set(name, value) {
  views.then((all) => {
    for (const view of all) {
      if (name in view.getState().signals) view.signal(name, value).runAsync();
    }
  });
}

const batch = document.getElementById("batch");
batch?.addEventListener("change", () => set("batch", Number(batch.value)));
const rules = [...document.querySelectorAll("input[name=rule]")];
for (const rule of rules) {
  rule.addEventListener("change", () => set("rules", rules.filter((each) => each.checked).map((each) => each.value)));
}
