// The facts about one picture of the data set, as rows and lists.
(() => {
  "use strict";
  const { make } = window.nightmare;
  const { framed, percent, words } = window.nightmare.pictures;

  const link = (address, text) => {
    if (!address) return text;
    return make("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, text || address);
  };

  const nameOf = ({ source_id: name, kind, class_hint: found }) =>
    `${name} (equal ${kind === "raw" ? "bytes" : kind}, found as ${words(found)})`;

  const rows = (facts) => {
    const said = facts.predicted
      ? `${words(facts.predicted)}, ${percent(facts.certainty)}: ${facts.verdict} with the label`
      : "nothing yet";
    const fate = facts.keep ? "kept" : ["removed", facts.reason].filter(Boolean).join(": ");
    return [
      ["Class", `${words(facts.label)}, grade ${facts.grade || "none"}`],
      ["Side", facts.side],
      ["Culling", facts.side === "test" ? "the test side is never culled" : fate],
      ["Model says", said],
      ...(facts.doubt === null ? [] : [["Doubt", percent(facts.doubt)]]),
      ["Size", `${facts.width} x ${facts.height}, as found ${facts.original_width} x ${facts.original_height}`],
      ["Id", make("code", {}, facts.id)],
      ...(facts.sha256 ? [["SHA-256 of the file", make("code", {}, facts.sha256)]] : []),
      ["Perceptual hash", make("code", {}, facts.hash)],
      ["Source", link(facts.landing_url, `${facts.source}, ${facts.source_id}`)],
      ["Found by", facts.query || "nothing"],
      ["Creator", facts.creator || "not stated"],
      ["Licence", link(facts.licence_url, facts.licence || "not stated")],
      ["Exact copies", facts.copies.map(nameOf).join("; ") || "none"],
    ];
  };

  // Buttons for what is of one group with it; `open` hears which.
  const relatives = (facts, open) => {
    if (!facts.relatives.length) return "";
    const list = make("ol", { className: "nm-strip" });
    for (const { id, label, side, keep } of facts.relatives) {
      const title = `${words(label)}, ${side}${keep ? "" : ", removed"}`;
      const button = make("button", { type: "button", title }, framed(id, title));
      button.addEventListener("click", () => open(id));
      list.append(make("li", {}, button));
    }
    const group = make("code", {}, facts.group);
    const title = make("p", { className: "nm-hint" }, "Near-duplicates and drawings of one work, group ", group);
    return make("div", {}, title, list);
  };

  const table = (facts) =>
    make(
      "table",
      {},
      ...rows(facts).map(([name, value]) => make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, value))),
    );

  window.nightmare.facts = { relatives, table };
})();
