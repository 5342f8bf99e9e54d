// Dataset: pages of thumbnails, what to show of them, and the facts about one. The whole state is in the address.
(() => {
  "use strict";
  const { make, on, getJson, addKeys, speaker, place, go } = window.nightmare;
  const { attempted, framed, holdKey, showMissing, words } = window.nightmare.pictures;
  const SIDES = ["train", "val", "test"];
  const USUAL_SIZE = "48";
  const PAUSE = 250; // milliseconds without a key before a prefix is looked for

  window.nightmare.dataset = (element, props) => {
    const find = (selector) => element.querySelector(selector);
    const data = find(".nm-data");
    const form = find(".nm-filters");
    const grid = find(".nm-grid");
    const complaint = find(".nm-alert");
    const say = speaker(find(".nm-status"));
    const [before, after] = [find(".nm-before-page"), find(".nm-after-page")];

    let wanted = null; // parameters of the address, as a string; null before the tab was first opened
    let shown = null; // the page that is shown
    let brought = null; // what of the address was last asked for, so that nothing is asked for twice
    let asked = 0; // counts pages, so that a late answer to an older question is let go

    const attempt = (work) => attempted(work, complaint);

    // ---- the address and the filters --------------------------------------------------------------------------

    const now = () => new URLSearchParams(wanted ?? "");

    // Change some of the address; an empty value takes its name out. `bring` asks for what is wanted then.
    const set = (changes, bring = null) => {
      const parameters = now();
      for (const [name, value] of Object.entries(changes)) {
        if (value) parameters.set(name, value);
        else parameters.delete(name);
      }
      wanted = String(parameters);
      bring?.();
      if (place().tab === "data") go("data", parameters);
    };

    const filtersOf = () => {
      const values = Object.fromEntries(new FormData(form));
      return { ...values, size: values.size === USUAL_SIZE ? "" : values.size };
    };

    const showFilters = (choices) => {
      const parameters = now();
      for (const select of form.querySelectorAll("select")) {
        const { name } = select;
        const options =
          name === "size"
            ? props.sizes.map((size) => make("option", { value: String(size) }, String(size)))
            : [
                make("option", { value: "" }, "all"),
                ...choices[name].map(({ value, count }) =>
                  make("option", { value }, `${name === "label" ? words(value) : value || "none"} (${count})`),
                ),
              ];
        select.replaceChildren(...options);
        const value = parameters.get(name) ?? (name === "size" ? USUAL_SIZE : "");
        // One that was chosen before and is gone stays, so that it can be seen and changed.
        const here = [...select.options].some((option) => option.value === value);
        if (value && !here) select.append(make("option", { value }, value));
        select.value = value;
      }
      const prefix = form.elements.prefix;
      if (document.activeElement !== prefix) prefix.value = parameters.get("prefix") ?? "";
    };

    // ---- pages ------------------------------------------------------------------------------------------------

    const question = () => {
      const parameters = now();
      parameters.delete("picture");
      if (!parameters.has("size")) parameters.set("size", USUAL_SIZE);
      return parameters;
    };

    // Show the page that the address names; `focus` is a number in it, from its end where negative.
    const load = (focus = null) =>
      attempt(async () => {
        const mine = (asked += 1);
        brought = withoutPicture(wanted);
        const answer = await getJson(`/api/data?${question()}`);
        if (mine !== asked) return;
        const missing = find(".nm-missing");
        find(".nm-data-columns").hidden = Boolean(answer.missing);
        missing.hidden = !answer.missing;
        if (answer.missing) {
          showMissing(missing, answer);
          return;
        }
        shown = answer;
        showFilters(answer.choices);
        drawGrid(focus);
        drawCounts();
      });

    const drawGrid = (focus) => {
      const { total, all, number, pages, pictures } = shown;
      say(total === all ? `${all} pictures` : total ? `${total} of ${all} pictures` : "No picture is like that.", {
        urgent: true,
      });
      find(".nm-page-words").textContent = `Page ${number} of ${pages}`;
      before.disabled = number <= 1;
      after.disabled = number >= pages;
      grid.replaceChildren(
        ...pictures.map((picture) => {
          const { id, label, side, keep, predicted, verdict } = picture;
          const doubted = verdict === "disagrees" ? `taken for ${words(predicted)}` : "";
          const facts = [side, doubted].filter(Boolean).join(", ");
          // Its name is what stands on it, the picture's own words included: no label, which would hide them.
          const button = make(
            "button",
            { type: "button", tabIndex: -1, title: facts },
            framed(id, facts),
            keep ? "" : make("span", { className: "nm-tag" }, "removed"),
            make("span", { className: "nm-name" }, words(label)),
          );
          button.dataset.id = id;
          button.addEventListener("click", () => set({ picture: id }));
          button.addEventListener("focus", () => rove(button));
          return make("li", {}, button);
        }),
      );
      const buttons = [...grid.querySelectorAll("button")];
      if (!buttons.length) return;
      const first = buttons.at(focus === null ? 0 : Math.max(-buttons.length, Math.min(focus, buttons.length - 1)));
      rove(first);
      if (focus !== null) first.focus();
    };

    // One picture is reached by Tab, the others by the arrows.
    const rove = (button) => {
      for (const each of grid.querySelectorAll("button[tabindex='0']")) each.tabIndex = -1;
      button.tabIndex = 0;
    };

    const drawCounts = () => {
      const most = Math.max(1, ...shown.counts.map((row) => SIDES.reduce((sum, side) => sum + row[side], 0)));
      find(".nm-counts tbody").replaceChildren(
        ...shown.counts.map((row) => {
          const bar = make("span", { className: "nm-bar nm-sides", "aria-hidden": "true" });
          for (const side of SIDES) {
            const part = make("span", { className: `nm-${side}` });
            part.style.width = `${(100 * row[side]) / most}%`;
            bar.append(part);
          }
          return make(
            "tr",
            {},
            make("th", { scope: "row" }, words(row.label), bar),
            ...SIDES.map((side) => make("td", {}, String(row[side]))),
          );
        }),
      );
    };

    const turn = (pages, focus = null) => {
      const number = shown.number + pages;
      if (number < 1 || number > shown.pages) return;
      set({ page: number > 1 ? String(number) : "", picture: "" }, () => load(focus));
    };

    const columns = () => {
      const tops = [...grid.children].map((each) => each.offsetTop);
      return tops.filter((top) => top === tops[0]).length;
    };

    // Step through the grid; beyond an end the page turns.
    const step = (count) => {
      const buttons = [...grid.querySelectorAll("button")];
      const at = buttons.indexOf(document.activeElement);
      const next = at + count;
      if (at < 0) return;
      if (buttons[next]) buttons[next].focus();
      else if (next < 0) turn(-1, Math.abs(count) === 1 ? -1 : at - columns());
      else turn(1, Math.abs(count) === 1 ? 0 : at % columns());
    };

    const detail = window.nightmare.detail({
      attempt,
      wanted: () => now().get("picture"),
      open: (id) => set({ picture: id }),
      around: (id, count) => {
        const ids = shown?.pictures.map((picture) => picture.id) ?? [];
        return ids.includes(id) ? ids[ids.indexOf(id) + count] : undefined;
      },
      closed: (id) => {
        set({ picture: "" });
        grid.querySelector(`button[data-id="${id}"]`)?.focus();
      },
    });

    // ---- what starts it all -----------------------------------------------------------------------------------

    const filter = () => set({ ...filtersOf(), page: "" }, load);
    let timer = null;
    form.addEventListener("change", filter);
    form.elements.prefix.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(filter, PAUSE);
    });
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", (event) => {
      event.preventDefault();
      form.elements.prefix.value = "";
      set(Object.fromEntries([...now().keys()].map((name) => [name, ""])), load);
    });
    before.addEventListener("click", () => turn(-1));
    after.addEventListener("click", () => turn(1));
    addKeys(
      "Dataset, while a picture has the focus",
      [
        { keys: ["ArrowLeft"], text: "The picture before", run: () => step(-1) },
        { keys: ["ArrowRight"], text: "The next picture", run: () => step(1) },
        { keys: ["ArrowUp"], text: "A row up, and the page before", run: () => step(-columns()) },
        { keys: ["ArrowDown"], text: "A row down, and the next page", run: () => step(columns()) },
        holdKey(data),
        { keys: ["Enter"], text: "Its facts; Escape goes back", run: () => document.activeElement.click() },
      ],
      { element: grid },
    );

    on("place", ({ tab, parameters }) => {
      if (tab !== "data") {
        detail.close();
        return;
      }
      const come = String(parameters);
      if (wanted !== null && !come && wanted) {
        set({}); // back from another tab: as it was left
        return;
      }
      const picture = parameters.get("picture");
      wanted = come;
      if (brought !== withoutPicture(come)) load();
      if (picture) detail.show(picture);
      else detail.close();
    });
  };

  const withoutPicture = (query) => {
    const parameters = new URLSearchParams(query);
    parameters.delete("picture");
    return String(parameters);
  };
})();
