// Makes the links of the navigation real tabs: arrow keys, one tab stop, the address remembers which.

import { $ } from "./dom.js";

export const shown = new EventTarget();

/** Shows a tab by its name. */
export let go = () => undefined;

export function begin() {
  const tabs = [...$("tabs").querySelectorAll("a")], name = tab => tab.hash.slice(1);
  $("tabs").setAttribute("role", "tablist");
  for (const tab of tabs) {
    tab.id = `tab-${name(tab)}`;
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", name(tab));
    const panel = $(name(tab));
    panel.setAttribute("role", "tabpanel");
    panel.removeAttribute("aria-label");
    panel.setAttribute("aria-labelledby", tab.id);
    tab.addEventListener("click", event => { event.preventDefault(); choose(tab); });
    tab.addEventListener("keydown", event => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const at = tabs.indexOf(tab), end = { Home: 0, End: tabs.length - 1 }[event.key];
      if (event.key === " ") return event.preventDefault(), choose(tab);
      if (step === undefined && end === undefined) return;
      event.preventDefault();
      const next = tabs[end ?? (at + step + tabs.length) % tabs.length];
      next.focus();
      choose(next);
    });
  }
  const choose = tab => { history.replaceState(null, "", tab.hash); show(tab); };
  go = wanted => choose(tabs.find(tab => name(tab) === wanted));
  const show = chosen => {
    for (const tab of tabs) {
      tab.setAttribute("aria-selected", tab === chosen);
      tab.tabIndex = tab === chosen ? 0 : -1;
      $(name(tab)).hidden = tab !== chosen;
    }
    shown.dispatchEvent(new CustomEvent("show", { detail: name(chosen) }));
  };
  const byHash = () => tabs.find(tab => tab.hash === location.hash);
  addEventListener("hashchange", () => byHash() && show(byHash()));
  show(byHash() ?? tabs[0]);
  document.documentElement.classList.add("live");
}
