"use strict";

// Charts: Vega-Embed draws those of the page's data; `ast` keeps Vega from making code out of text.
function embed(element, spec) {
  return vegaEmbed(element, spec, { actions: false, renderer: "svg", ast: true, tooltip: { theme: "custom" } })
    .then(({ view }) => view.description(element.dataset.description).runAsync());
}

// Tables: a click on a column's head sorts by it, numbers as numbers; another click turns the order around.
function sortable(table) {
  for (const head of table.querySelectorAll("thead th")) {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const sign = head.ariaSort === "descending" ? 1 : -1;
      for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
      head.ariaSort = sign > 0 ? "ascending" : "descending";
      const key = (row) => row.cells[head.cellIndex].dataset.value ?? row.cells[head.cellIndex].textContent;
      const order = (a, b) => {
        const [one, two] = [key(a), key(b)];
        const numbers = one - two;
        return Number.isNaN(numbers) ? one.localeCompare(two) : numbers;
      };
      const [body] = table.tBodies;
      body.append(...[...body.rows].sort((a, b) => sign * order(a, b)));
    });
  }
}
document.querySelectorAll("table.sortable").forEach(sortable);

// Light or dark: the system's choice, until the button is pressed.
document.getElementById("theme")?.addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.style.colorScheme ? root.style.colorScheme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.style.colorScheme = dark ? "light" : "dark";
});
