// What Review shows of a picture: the evidence, its copies, and the picture large.
(() => {
  "use strict";
  const { make } = window.nightmare;
  const { bar, framed, holdInDialog, percent, words } = window.nightmare.pictures;

  const DONE = { keep: "kept", remove: "removed" };

  const figure = (identity, label, fate, note) =>
    make(
      "figure",
      {},
      framed(identity, `${words(label)}, ${fate}`, { whole: true }),
      make("figcaption", {}, make("strong", {}, words(label)), ` · ${fate}`, note ? make("small", {}, note) : ""),
    );

  const fateOf = ({ kept: stays, decision }) =>
    decision ? `${DONE[decision]} by hand` : stays ? "kept" : "removed";

  const distance = ({ bits, side }) =>
    [bits === undefined ? "" : `${bits} of 64 bits apart`, side === "test" ? "test side" : ""]
      .filter(Boolean)
      .join(", ");

  // The picture, and its copies beside it.
  const figures = (item) => [
    figure(item.id, item.label, fateOf(item), ""),
    ...item.copies.map((copy) => figure(copy.id, copy.label, fateOf(copy), distance(copy))),
  ];

  // How far the machine doubts a picture, against the threshold that it was removed by.
  const score = ({ score: doubt }, threshold) => {
    if (doubt === null) return [];
    const track = make("div", { className: "nm-track-score", "aria-hidden": "true" });
    const mark = (name, value) => {
      const element = make("span", { className: name });
      element.style.left = `${100 * value}%`;
      track.append(element);
    };
    mark("nm-score-dot", doubt);
    if (threshold !== null) mark("nm-score-threshold", threshold);
    const beyond = threshold === null ? "" : `, removed above ${percent(threshold)}`;
    return [make("p", {}, "Doubt ", make("strong", {}, percent(doubt)), beyond), track];
  };

  // The likeliest classes, and the one that it is labelled as.
  const shares = (item) => {
    const shown = item.probabilities.filter(({ label }, rank) => rank < 4 || label === item.label);
    return shown.map(({ label, share }) => {
      const mine = label === item.label;
      const name = make("span", {}, words(label), mine ? make("small", {}, " its label") : "");
      return make("li", { className: mine ? "nm-mine" : "" }, name, make("span", {}, percent(share)), bar(share));
    });
  };

  // Rows of the table of classes; in brackets, what decisions change when they are obeyed.
  const balance = (classes) =>
    classes.map(({ label, kept, removed, were_removed: before }) => {
      const change = removed - before;
      const changed = change ? make("small", {}, ` (${change > 0 ? "+" : "−"}${Math.abs(change)})`) : "";
      return make(
        "tr",
        {},
        make("th", { scope: "row" }, words(label), bar(kept / Math.max(1, kept + removed))),
        make("td", {}, String(kept)),
        make("td", {}, String(removed), changed),
      );
    });

  // What ingest made no picture of, beside the picture that stands for it where there is one.
  const leftOut = (rows) =>
    rows.map(({ name, reason, detail, kept }) => {
      const why = make("p", { className: "nm-hint" }, `${reason}: ${detail}`);
      const text = make("div", {}, make("strong", {}, name), why);
      return make("div", { className: "nm-left-out-row" }, kept ? framed(kept, "what was kept of it") : "", text);
    });

  // Large, one at a time; the arrows then go through the picture and its copies.
  const zoom = (item, closed) => {
    const shown = figures(item);
    let at = 0;
    const hint = shown.length > 1 ? "Arrows show its copies; hold V to see them sharp." : "Hold V to see it sharp.";
    const stage = make("div", { className: "nm-zoom-stage" });
    const close = make("button", { type: "button", className: "nm-button" }, "Close");
    const dialog = make(
      "dialog",
      { className: "nm-dialog nm-zoomed", "aria-label": "The picture, large" },
      stage,
      make("div", { className: "nm-row" }, make("span", { className: "nm-hint" }, hint), close),
    );
    const turn = (steps) => {
      at = (at + steps + shown.length) % shown.length;
      stage.replaceChildren(shown[at]);
      dialog.dataset.at = String(at);
    };
    dialog.addEventListener("keydown", (event) => {
      if (event.key === "ArrowLeft" || event.key === "ArrowRight") turn(event.key === "ArrowLeft" ? -1 : 1);
      else if (event.key === " ") dialog.close();
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    holdInDialog(dialog);
    dialog.addEventListener("close", () => {
      dialog.remove();
      closed();
    });
    close.addEventListener("click", () => dialog.close());
    document.body.append(dialog);
    turn(0);
    dialog.showModal();
  };

  window.nightmare.evidence = { balance, figures, leftOut, score, shares, zoom };
})();
