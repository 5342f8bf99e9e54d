// The cards of the Compare tab: a picture per experiment, what tells it from the others, and the album of one of them.
(() => {
  "use strict";
  const { make } = window.nightmare;

  const count = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;

  // A cell of an album in words.
  const cellText = (octaves, iterations) => `${count(octaves, "octave")}, ${count(iterations, "iteration")}`;

  const percent = (share) => `${(100 * share).toFixed(1)} %`;

  const inWords = (value) => {
    if (value === undefined) return "not set";
    return Array.isArray(value) ? value.join(", ") : String(value);
  };

  // The settings in which some of `experiments` differ, by name. One that knows none, such as a network that others
  // have trained, does not make all settings differ.
  const differing = (experiments) => {
    const known = experiments.filter((each) => Object.keys(each.settings).length);
    const names = [...new Set(known.flatMap((each) => Object.keys(each.settings)))].sort();
    return names.filter((name) => new Set(known.map((each) => inWords(each.settings[name]))).size > 1);
  };

  // An experiment of which only the name is known.
  const untold = (name, remark) => ({ name, title: name, model: "", data: "", accuracy: null, settings: {}, remark });

  const facts = ({ model, data, accuracy }) => {
    const right = accuracy === null ? "" : `validation accuracy ${percent(accuracy)}`;
    return [model, data, right].filter(Boolean).join(" · ");
  };

  const settingsOf = (experiment, names) => {
    if (!Object.keys(experiment.settings).length || !names.length) return [];
    const rows = names.map((name) =>
      make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, inWords(experiment.settings[name]))),
    );
    const body = make("tbody", {}, ...rows);
    return [make("table", { className: "nm-differing", "aria-label": "Settings that differ" }, body)];
  };

  // Space and Enter press the button; they are no keys of the cards around it.
  const press = (text, run, label) => {
    const button = make("button", { type: "button", className: "nm-button", "aria-label": label }, text);
    button.addEventListener("click", run);
    for (const kind of ["keydown", "keyup"]) {
      button.addEventListener(kind, (event) => [" ", "Enter"].includes(event.key) && event.stopPropagation());
    }
    return button;
  };

  const image = (url, alt) => make("img", { src: url, alt, draggable: false });

  const notMade = ({ title, missing, remark }, cell, making, run) => {
    const box = make("div", { className: "nm-not-made" });
    if (remark) box.append(make("p", {}, remark));
    else if (missing) box.append(make("p", {}, "not made: run "), make("code", {}, missing));
    else if (making) {
      box.append(make("p", {}, "Dreaming …"), make("progress", { "aria-label": `${title}: share made` }));
    } else box.append(make("p", {}, "not made"), press("Make", run, `Make ${title}, ${cell}`));
    return box;
  };

  // One experiment: `url` of its picture or nothing, `against` that of what it is compared with, `run` makes it.
  const card = (experiment, { number, url, against, names, cell, making, run, album }) => {
    const id = `nm-card-${number}`;
    const picture = make("div", { className: "nm-card-picture" });
    if (url) {
      const own = make("div", { className: "nm-own nm-picture" }, image(url, `${experiment.title}, ${cell}`));
      picture.append(...(against ? [make("div", { className: "nm-other nm-picture" }, image(against, ""))] : []), own);
    } else {
      picture.append(notMade(experiment, cell, making, run));
    }
    const title = make("h3", { id }, make("kbd", { "aria-hidden": "true" }, number), ` ${experiment.title}`);
    const head = make("header", { className: "nm-row" }, title, press("Album", album, `Album of ${experiment.title}`));
    return make(
      "article",
      { className: "nm-card", tabIndex: 0, "aria-labelledby": id, "data-place": id, "data-name": experiment.name },
      head,
      picture,
      make("p", { className: "nm-hint" }, facts(experiment)),
      ...settingsOf(experiment, names),
    );
  };

  const photoCard = (url, name) => {
    const own = make("div", { className: "nm-own" }, image(url, `The photo ${name}`));
    const picture = make("div", { className: "nm-card-picture" }, own);
    const header = make("header", {}, make("h3", {}, "Photo"));
    return make("article", { className: "nm-card nm-card-photo" }, header, picture);
  };

  // Octaves down, iterations across. `urlOf(octaves, iterations)` is nothing where the dream is not made.
  const album = (experiment, { octaves, iterations, photo, urlOf, isMaking, run, close }) => {
    const head = iterations.map((number) => make("th", { scope: "col" }, count(number, "iteration")));
    const rows = octaves.map((row) => {
      const cells = iterations.map((column) => {
        const cell = cellText(row, column);
        const url = urlOf(row, column);
        const own = url && make("div", { className: "nm-picture" }, image(url, `${experiment.title}, ${cell}`));
        const place = { tabIndex: -1, "data-place": `${row}x${column}` };
        return make("td", place, own || notMade(experiment, cell, isMaking(row, column), () => run(row, column)));
      });
      return make("tr", {}, make("th", { scope: "row" }, count(row, "octave")), ...cells);
    });
    const table = make(
      "table",
      {},
      make("thead", {}, make("tr", {}, make("td", {}, image(photo, "The photo")), ...head)),
      make("tbody", {}, ...rows),
    );
    const title = make("h3", {}, `Album of ${experiment.title}`);
    const header = make("header", { className: "nm-row" }, title, press("Back", close, "Back"));
    const hint = make("p", { className: "nm-hint" }, facts(experiment));
    return make("div", { className: "nm-album", "data-name": experiment.name }, header, hint, table);
  };

  const failed = (card) => [...card.querySelectorAll("img")].some((each) => each.complete && !each.naturalWidth);

  // Show `drawn` in `cards`. What looks as it did, and is of the same name, stays the element that it was and where it
  // was: no picture blinks, and none is taken from under the hand that drags it. One that failed is asked for again.
  const renew = (cards, drawn) => {
    const before = [...cards.children].filter((each) => !failed(each));
    const after = drawn.map((each) => before.find((other) => other.isEqualNode(each)) ?? each);
    for (const each of [...cards.children]) if (!after.includes(each)) each.remove();
    after.forEach((each, index) => {
      if (cards.children[index] !== each) cards.insertBefore(each, cards.children[index] ?? null);
    });
  };

  // Draw the pictures in `cards` anew by `draw`, and leave the focus where it was: on the button of the same name, else
  // on the picture that the button belonged to, else on all of them.
  const inPlace = (cards, draw) => {
    const focused = document.activeElement;
    const within = cards !== focused && cards.contains(focused);
    const place = focused.closest("[data-place]")?.dataset.place;
    draw();
    if (!within) return;
    const button = [...cards.querySelectorAll("button")].find((each) => each.ariaLabel === focused.ariaLabel);
    const picture = cards.querySelector(`[data-place="${place}"]`);
    (button ?? picture ?? cards).focus({ preventScroll: true });
  };

  window.nightmare.compareCards = { differing, cellText, untold, card, photoCard, album, renew, inPlace };
})();
