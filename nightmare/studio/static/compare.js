// The Compare tab: which experiments, over which photo, with which octaves and iterations, shown how. All of it is one
// state, which the address holds: whoever opens the address sees the same.
(() => {
  "use strict";
  const { make, on, go, place, getJson } = window.nightmare;
  const { speaker, keep, kept, awake } = window.nightmare;
  const { differing, cellText, untold, card, photoCard, album, renew, inPlace } = window.nightmare.compareCards;
  const { MODES, PHOTO, beside, first, parse, parametersOf, demand } = window.nightmare.compareState;

  const option = (value, text = value) => make("option", { value }, text);

  window.nightmare.compare = (element, props) => {
    const find = (selector) => element.querySelector(selector);
    const view = find(".nm-compare");
    const cards = find(".nm-cards");
    const complaint = find("[role=alert]");
    const say = speaker(find(".nm-compare-status"));
    const beginning = first(props);
    const known = new Map(props.networks.map((each) => [each.name, each]));
    const photos = new Map(props.samples.map((key) => [key, key]));
    // Older pages kept it in other shapes: it is read like an address, which may say anything as well.
    let state = parse(new URLSearchParams(Object.entries(Object(kept("compare")))), beginning, props.most);
    let flipped = false;
    let asking = false; // DVC, for its experiments
    let answered = false;
    let demanded = ""; // what the status says of the choice of experiments
    let written = ""; // the address as we left it: what it says is no news

    const complain = (sentence) => {
      complaint.textContent = sentence;
    };

    // ---- state and address

    const write = () => {
      keep("compare", parametersOf(state));
      if (place().tab !== "compare") return;
      written = String(new URLSearchParams(parametersOf(state)));
      go("compare", parametersOf(state));
    };

    // Change some of it; what is shown follows.
    const set = (changes, { fetches = true } = {}) => {
      state = { ...state, ...changes };
      complain("");
      write();
      draw();
      if (fetches) look();
    };

    const dreams = window.nightmare.compareDreams(props, known, {
      get: () => state,
      looked: () => {
        draw();
        view.dataset.looked = "true";
      },
      moved: (share) => {
        const bar = cards.querySelector("progress");
        if (bar && share) bar.value = share;
      },
      say,
      complain,
    });
    const { making, cell, missing, urlOf, photoUrl, look, octavesShown, iterationsShown } = dreams;

    // ---- what is shown

    const unknown = (name) => untold(name, asking ? "Asking DVC …" : "There is no experiment of this name here.");

    const drawCards = () => {
      const experiments = state.with.map((name) => known.get(name) ?? unknown(name));
      const names = differing(experiments);
      const against = state.mode === "grid" ? "" : state.against === PHOTO ? photoUrl() : urlOf(state.against);
      const drawn = state.with.map((name, index) =>
        card(experiments[index], {
          number: index + 1,
          url: urlOf(name),
          against,
          names,
          cell: cellText(state.octaves, state.iterations),
          making: making.makes(cell(name)),
          run: () => making.want(cell(name)),
          album: () => set({ album: name }),
        }),
      );
      const photo = state.mode === "grid" ? [photoCard(photoUrl(), photos.get(state.photo) ?? "")] : [];
      renew(cards, [...photo, ...drawn]);
    };

    const drawAlbum = () => {
      const name = state.album;
      renew(cards, [
        album(known.get(name) ?? unknown(name), {
          octaves: octavesShown(),
          iterations: iterationsShown(),
          photo: photoUrl(),
          urlOf: (octaves, iterations) => urlOf(name, octaves, iterations),
          isMaking: (octaves, iterations) => making.makes(cell(name, octaves, iterations)),
          run: (octaves, iterations) => making.want(cell(name, octaves, iterations)),
          close: () => {
            set({ album: "" });
            focusCard(state.with.indexOf(name));
          },
        }),
      ]);
    };

    const range = (name, values) => {
      const input = find(`.nm-${name}`);
      input.max = values.length - 1;
      input.value = values.indexOf(state[name]);
      input.setAttribute("aria-valuetext", `${state[name]} ${name}`);
      find(`.nm-${name}-value`).textContent = state[name];
    };

    const choose = (selector, options, value) => {
      const select = find(selector);
      const wanted = options.map(([key, text]) => `${key}=${text}`).join("\n");
      if (select.dataset.options !== wanted) {
        select.replaceChildren(...options.map(([key, text]) => option(key, text)));
        select.dataset.options = wanted;
      }
      select.value = value;
    };

    const chip = (experiment) => {
      const { name, title } = experiment;
      const box = make("input", { type: "checkbox", value: name, checked: state.with.includes(name) });
      box.disabled = !box.checked && state.with.length >= props.most;
      box.addEventListener("change", () => {
        const others = state.with.filter((each) => each !== name);
        set({ with: box.checked ? [...others, name] : others });
      });
      return make("label", { className: "nm-chip" }, box, title);
    };

    // A box that has the focus is kept: only what it shows changes.
    const drawChips = () => {
      const ours = new Set(props.networks.map((each) => each.name));
      for (const [selector, mine] of [[".nm-networks", true], [".nm-experiments", false]]) {
        const row = find(selector);
        const listed = [...known.values()].filter((each) => ours.has(each.name) === mine);
        if (row.children.length !== listed.length) row.replaceChildren(...listed.map(chip));
        for (const box of row.querySelectorAll("input")) {
          box.checked = state.with.includes(box.value);
          box.disabled = !box.checked && state.with.length >= props.most;
        }
      }
    };

    const drawView = () => {
      view.dataset.mode = state.album ? "album" : state.mode;
      view.classList.toggle("nm-compare-flipped", flipped);
      find(".nm-compare-flip").setAttribute("aria-pressed", String(flipped));
      const { split, zoom: scale, x, y } = state;
      const style = { "--nm-split": `${split}%`, "--nm-zoom": scale, "--nm-x": `${x}%`, "--nm-y": `${y}%` };
      for (const [name, value] of Object.entries(style)) view.style.setProperty(name, value);
      find(".nm-compare-split").value = state.split;
      find(".nm-zoom-value").textContent = `${Math.round(100 * state.zoom)} %`;
    };

    const draw = () => {
      drawChips();
      choose(".nm-compare-photo", [...photos], state.photo);
      const bases = props.looks.includes(state.base) ? props.looks : [...props.looks, state.base];
      const looks = bases.map((base) => [base, base.startsWith("{") ? "As that dream" : base]);
      choose(".nm-compare-base", looks, state.base);
      choose(".nm-compare-side", beside(props.sides, state.side).map((side) => [side, `${side} pixels`]), state.side);
      const others = state.with.map((name) => [name, known.get(name)?.title ?? name]);
      choose(".nm-against", [[PHOTO, "the photo"], ...others], state.against);
      range("octaves", octavesShown());
      range("iterations", iterationsShown());
      for (const radio of view.querySelectorAll(".nm-modes input")) radio.checked = radio.value === state.mode;
      drawView();
      inPlace(cards, state.album ? drawAlbum : drawCards);
      drawMaking();
    };

    const drawMaking = () => {
      const count = missing().length;
      const [button, stop] = [find(".nm-make-all"), find(".nm-make-stop")];
      const focused = [button, stop].includes(document.activeElement);
      button.textContent = count ? `Make ${count === 1 ? "the missing one" : `all ${count} missing`}` : "All made";
      button.disabled = !count || making.busy();
      stop.hidden = !making.busy();
      // The one of both that went away hands the focus on.
      if (focused) (stop.hidden ? (button.disabled ? cards : button) : stop).focus();
      find(".nm-album-save").hidden = !state.album;
      const wanted = demand(state, known.size, answered);
      if (!making.busy() && demanded !== wanted) say((demanded = wanted));
    };

    const focusCard = (index) => cards.querySelectorAll(".nm-card:not(.nm-card-photo)")[index]?.focus();

    const { zoom, pan } = window.nightmare.compareZoom(
      cards,
      () => ({ zoom: state.zoom, x: state.x, y: state.y }),
      (where) => {
        state = { ...state, ...where };
        drawView();
      },
      () => write(),
    );

    // ---- controls and keys

    const flip = () => {
      flipped = !flipped;
      drawView();
    };

    const step = (name, values, by) => {
      const next = values[values.indexOf(state[name]) + by];
      if (next !== undefined) set({ [name]: next });
    };

    for (const [mode, text] of Object.entries(MODES)) {
      const radio = make("input", { type: "radio", name: "nm-compare-mode", value: mode });
      radio.addEventListener("change", () => set({ mode, album: "" }, { fetches: false }));
      find(".nm-modes").append(make("label", { className: "nm-chip" }, radio, text));
    }
    const listen = (selector, kind, run) => find(selector).addEventListener(kind, run);
    listen(".nm-octaves", "input", (event) => set({ octaves: octavesShown()[event.target.value] }));
    listen(".nm-iterations", "input", (event) => set({ iterations: iterationsShown()[event.target.value] }));
    listen(".nm-compare-photo", "change", (event) => set({ photo: event.target.value }));
    listen(".nm-compare-base", "change", (event) => set({ base: event.target.value }));
    listen(".nm-compare-side", "change", (event) => set({ side: Number(event.target.value) }));
    listen(".nm-against", "change", (event) => set({ against: event.target.value }, { fetches: false }));
    listen(".nm-compare-split", "input", (event) => {
      state.split = Number(event.target.value);
      drawView();
    });
    listen(".nm-compare-split", "change", write);
    listen(".nm-compare-flip", "click", flip);
    listen(".nm-make-all", "click", () => making.want(...missing()));
    listen(".nm-make-stop", "click", making.stop);
    for (const [way, by] of [["out", -1], ["in", 1], ["fit", 0]]) listen(`[data-zoom=${way}]`, "click", () => zoom(by));
    listen(".nm-album-save", "click", dreams.saveAlbum);
    window.nightmare.compareKeys(cards, {
      focusCard,
      iterations: (by) => step("iterations", iterationsShown(), by),
      octaves: (by) => step("octaves", octavesShown(), by),
      flip,
      zoom,
      move: (across, down) => {
        pan(across, down);
        write();
      },
    });

    // ---- beginning

    let found = null; // DVC's experiments, asked for when the tab is first opened
    const findExperiments = async () => {
      asking = true;
      find(".nm-dvc").textContent = "Asking DVC for experiments …";
      try {
        const { experiments, sentence } = await getJson("/api/compare/experiments");
        for (const each of experiments) known.set(each.name, each);
        find(".nm-dvc").textContent = sentence;
      } catch (failure) {
        find(".nm-dvc").textContent = failure.message;
      }
      asking = false;
      answered = true;
      draw();
      look();
    };

    on("compared", ({ failure = "", model, ...settings }) => {
      complain(failure);
      if (failure) return;
      const others = state.with.filter((name) => name !== model).slice(0, props.most - 1);
      state = { ...state, ...settings, with: [model, ...others], album: "" };
      keep("compare", parametersOf(state));
    });
    on("place", ({ tab, parameters }) => {
      if (tab !== "compare" || (parameters.size && String(parameters) === written)) return;
      if (parameters.size) state = parse(parameters, beginning, props.most);
      if (!photos.has(state.photo)) photos.set(state.photo, "brought before");
      write();
      draw();
      found ??= awake().then(findExperiments);
      look();
    });
    on("photo", ({ key, name, sample }) => {
      photos.set(key, sample ? name : `${name}, of the Dream tab`);
      draw();
    });
    draw();
  };
})();
