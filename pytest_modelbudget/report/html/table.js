// The table of limits: sorting and searching; and opening the variant that a link names.
"use strict";
{
  const table = document.querySelector("table.limits");
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const collator = new Intl.Collator("en", { numeric: true });

  const compare = (column, sign) => (one, other) => {
    const [a, b] = [one.cells[column], other.cells[column]];
    if (a.dataset.sort === undefined) return sign * collator.compare(a.textContent, b.textContent);
    if (a.dataset.sort === "" || b.dataset.sort === "") {
      return (a.dataset.sort === "") - (b.dataset.sort === ""); // what was not measured comes last
    }
    return sign * (Number(a.dataset.sort) - Number(b.dataset.sort));
  };

  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const ascending = head.getAttribute("aria-sort") !== "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      body.append(...[...rows].sort(compare(column, ascending ? 1 : -1)));
    });
  });

  const search = document.getElementById("search");
  const onlyFailed = document.getElementById("only-failed");
  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/);
    let count = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word)) || (onlyFailed.checked && !("failed" in row.dataset));
      count += !row.hidden;
    }
    document.getElementById("found").textContent = count === rows.length ? "" : `${count} of ${rows.length} limits`;
  };
  search.addEventListener("input", filter);
  onlyFailed.addEventListener("change", filter);

  const openTarget = () => {
    const target = document.getElementById(location.hash.slice(1));
    if (target instanceof HTMLDetailsElement) {
      target.open = true;
      target.scrollIntoView();
    }
  };
  addEventListener("hashchange", openTarget);
  openTarget();
}
