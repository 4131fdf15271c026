// Light, dark or the system's theme. A classic script in the head, so that no other theme flashes.
"use strict";

const THEME = { names: ["system", "light", "dark"], store: "canopy-theme" };

function useTheme(name) {
  document.documentElement.dataset.theme = name;
  localStorage.setItem(THEME.store, name);
  document.dispatchEvent(new Event("themechange"));
}

document.documentElement.dataset.theme = localStorage.getItem(THEME.store) ?? "system";

document.addEventListener("DOMContentLoaded", () => {
  const button = document.getElementById("theme");
  const { dataset } = document.documentElement;
  const show = () => (button.textContent = `Theme: ${dataset.theme}`);
  button.addEventListener("click", () => {
    const next = (THEME.names.indexOf(dataset.theme) + 1) % THEME.names.length;
    useTheme(THEME.names[next]);
    show();
  });
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", () => document.dispatchEvent(new Event("themechange")));
  show();
});
