// Keys, and the list of them that the page shows.
(() => {
  "use strict";
  const { make, place } = window.nightmare;

  // The one table: the handler and the help are made of it.
  const keys = [];

  const nameOf = (event) => {
    const name = event.key === " " ? "Space" : event.key.length === 1 ? event.key.toUpperCase() : event.key;
    const shift = event.shiftKey && (event.key.length > 1 || /[A-Z]/i.test(event.key));
    return [(event.ctrlKey || event.metaKey) && "Ctrl", event.altKey && "Alt", shift && "Shift", name]
      .filter(Boolean)
      .join("+");
  };

  // `entries` are {keys: ["Ctrl+Enter"], text, run(event), release(event)?}. Those of a `group` with an `element` work
  // while the focus is inside it, those without one on the whole tab `tab`, or everywhere.
  const addKeys = (group, entries, { element = null, tab = null } = {}) => {
    for (const entry of entries) keys.push({ group, element, tab, ...entry });
  };

  const TEXT = "textarea, select, input:not([type=range], [type=checkbox], [type=radio])";

  const typing = (target) => target.matches?.(TEXT);

  // What has the focus takes Space itself.
  const pressing = (target) => target.matches?.("button, a, input, select, summary");

  const handled = (event, kind) => {
    if (document.querySelector("dialog[open]")) return;
    const pressed = nameOf(event);
    if (pressed === "Space" && pressing(event.target)) return;
    const plain = !event.ctrlKey && !event.metaKey && event.key !== "Escape";
    if (plain && typing(event.target)) return;
    for (const entry of keys) {
      if (!entry[kind] || !entry.keys.includes(pressed)) continue;
      if (entry.element && !entry.element.contains(document.activeElement)) continue;
      if (entry.tab && entry.tab !== place().tab) continue;
      event.preventDefault();
      entry[kind](event);
      return;
    }
  };

  const showKeys = () => {
    const dialog = make("dialog", { className: "nm-dialog", "aria-labelledby": "nm-keys-title" });
    dialog.append(make("h2", { id: "nm-keys-title" }, "Keys"));
    for (const group of new Set(keys.map((entry) => entry.group))) {
      const rows = keys
        .filter((entry) => entry.group === group)
        .map((entry) => {
          const names = entry.keys.flatMap((name, number) => [number ? " or " : "", make("kbd", {}, name)]);
          return make("tr", {}, make("td", {}, ...names), make("td", {}, entry.text));
        });
      dialog.append(make("h3", {}, group), make("table", {}, ...rows));
    }
    const close = make("button", { className: "nm-button nm-primary", value: "close" }, "Close");
    dialog.append(make("form", { method: "dialog" }, make("div", { className: "nm-dialog-buttons" }, close)));
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  };

  addKeys("Everywhere", [{ keys: ["?"], text: "Show the keys", run: showKeys }]);
  document.addEventListener("keydown", (event) => handled(event, "run"));
  document.addEventListener("keyup", (event) => handled(event, "release"));

  Object.assign(window.nightmare, { addKeys, showKeys });
})();
