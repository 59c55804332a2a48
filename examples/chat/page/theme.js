// Light or dark: what the system says, unless the user has chosen. A classic script in the head, so
// that no page is ever painted in the wrong colours.
{
  const KEY = "sanswire-chat:theme";
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null;
    }
  };
  const show = () => {
    const isDark = (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
    for (const button of document.querySelectorAll("[data-theme-switch]")) {
      const label = `Switch to ${isDark ? "light" : "dark"} colours`;
      button.setAttribute("aria-label", label);
      button.title = label;
      button.dataset.shows = isDark ? "light" : "dark";
    }
  };
  const apply = (theme) => {
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    else delete root.dataset.theme;
    show();
  };
  apply(chosen());
  document.addEventListener("DOMContentLoaded", show);
  system.addEventListener("change", show);
  addEventListener("storage", ({ key }) => {
    if (key === KEY) apply(chosen());
  });
  document.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-theme-switch]");
    if (!button) return;
    const theme = button.dataset.shows;
    try {
      // The choice that equals the system's is no choice: the page follows it again.
      if ((theme === "dark") === system.matches) localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, theme);
    } catch {
      /* It holds for this page. */
    }
    apply((theme === "dark") === system.matches ? null : theme);
  });
}
