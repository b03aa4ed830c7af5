// Runs before the page is painted, so that the chosen colors do not flash.
"use strict";
document.documentElement.classList.add("js");
{
  const root = document.documentElement;
  const themes = ["automatic", "light", "dark"];
  const read = () => {
    try { return localStorage.getItem("modelbudget-theme"); } catch { return null; } // a file may have no storage
  };
  const keep = (theme) => {
    try { localStorage.setItem("modelbudget-theme", theme); } catch { /* it lasts as long as the page */ }
  };
  let theme = themes.includes(read()) ? read() : "automatic";
  const apply = () => {
    if (theme === "automatic") delete root.dataset.theme;
    else root.dataset.theme = theme;
  };
  apply();
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const shown = button.querySelector("span");
    button.hidden = false;
    shown.textContent = theme;
    button.addEventListener("click", () => {
      theme = themes[(themes.indexOf(theme) + 1) % themes.length];
      shown.textContent = theme;
      apply();
      keep(theme);
      document.dispatchEvent(new Event("themechange"));
    });
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    document.dispatchEvent(new Event("themechange"));
  });
}
