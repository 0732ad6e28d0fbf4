/** What the page does by itself: a filter over the operations, and `/` to get there. */
export const PAGE_SCRIPT = `"use strict";
{
  const label = document.querySelector(".filter");
  const input = label.querySelector("input");
  const operations = [...document.querySelectorAll(".operation")];
  const links = new Map(
    [...document.querySelectorAll("nav a[data-operation]")].map((a) => [a.dataset.operation, a]),
  );
  const none = document.querySelector(".none");
  const schemas = document.querySelector("#schemas");
  const filter = () => {
    const words = input.value.toLowerCase().split(/\\s+/).filter(Boolean);
    let shown = 0;
    for (const operation of operations) {
      const fits = words.every((word) => operation.dataset.text.includes(word));
      operation.hidden = !fits;
      links.get(operation.id).parentElement.hidden = !fits;
      if (fits) shown += 1;
    }
    for (const group of document.querySelectorAll("nav .group, main .tag")) {
      const items = [...group.querySelectorAll("li, .operation")];
      group.hidden = items.every((item) => item.hidden);
    }
    schemas.hidden = words.length > 0;
    none.hidden = shown > 0;
  };
  input.addEventListener("input", filter);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && event.target !== input && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      input.focus();
    } else if (event.key === "Escape" && event.target === input) {
      input.value = "";
      filter();
    }
  });
  label.hidden = false;
}
`;
