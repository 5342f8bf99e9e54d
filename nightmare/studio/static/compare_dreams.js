// The dreams that Compare shows: which the server has, where they are, and making those that are missing.
(() => {
  "use strict";
  const { make, request, postJson } = window.nightmare;
  const { beside } = window.nightmare.compareState;

  // Of the experiments `known` by name. `page.get()` is the state, `page.looked()` hears that it is known what is made,
  // the others are as in compare_making.js.
  window.nightmare.compareDreams = (props, known, page) => {
    let cells = {}; // keys of the dreams that are made, by experiment and cell
    let asked = null;

    const shared = () => {
      const { photo, base, side, seed } = page.get();
      return { photo, base, side, seed };
    };
    const octavesShown = () => beside(props.octaves, page.get().octaves);
    const iterationsShown = () => beside(props.iterations, page.get().iterations);
    const cellsOf = (models) => ({
      album: shared(),
      models,
      octaves: octavesShown(),
      iterations: iterationsShown(),
    });

    const isHere = (name) => known.has(name) && !known.get(name).missing;

    // Ask what is made.
    const look = async () => {
      asked?.abort();
      asked = new AbortController();
      const { signal } = asked;
      const here = page.get().with.filter(isHere);
      try {
        ({ cells } = here.length ? await postJson("/api/compare/cells", cellsOf(here), { signal }) : { cells: {} });
      } catch (failure) {
        if (signal.aborted) return;
        cells = {};
        page.complain(failure.message);
      }
      page.looked();
    };

    const urlOf = (name, octaves = page.get().octaves, iterations = page.get().iterations) => {
      const key = cells[name]?.[`${octaves}x${iterations}`];
      return key && `/api/compare/pictures/${key}.png`;
    };

    const photoUrl = () => {
      const { photo, side } = page.get();
      return `/api/photos/${encodeURIComponent(photo)}.jpg?pixels=${side}`;
    };

    const { moved, say, complain } = page;
    const making = window.nightmare.compareMaking({ changed: look, moved, say, complain });

    const cell = (name, octaves = page.get().octaves, iterations = page.get().iterations) => ({
      album: shared(),
      name,
      title: known.get(name)?.title ?? name,
      octaves,
      iterations,
    });

    // What of the view, or of the album that is shown, is not made and can be.
    const missing = () => {
      const state = page.get();
      const able = (state.album ? [state.album] : state.with).filter(isHere);
      const rows = state.album ? octavesShown() : [state.octaves];
      const columns = state.album ? iterationsShown() : [state.iterations];
      const all = able.flatMap((name) => rows.flatMap((row) => columns.map((column) => cell(name, row, column))));
      return all.filter(({ name, octaves, iterations }) => !urlOf(name, octaves, iterations));
    };

    const saveAlbum = async () => {
      const { album } = page.get();
      try {
        const body = JSON.stringify(cellsOf([album]));
        const answer = await request("/api/compare/album.png", { method: "POST", body, type: "application/json" });
        const url = URL.createObjectURL(await answer.blob());
        make("a", { href: url, download: `album-${album}.png` }).click();
        setTimeout(() => URL.revokeObjectURL(url), 10_000);
      } catch (failure) {
        complain(failure.message);
      }
    };

    return { making, cell, missing, urlOf, photoUrl, look, saveAlbum, octavesShown, iterationsShown };
  };
})();
