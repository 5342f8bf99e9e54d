// Zoom and pan of many pictures in step: where one looks is {zoom, x, y}, x and y in percent of what can be moved.
(() => {
  "use strict";
  const ZOOMS = [1, 1.5, 2, 3, 4, 6, 8];
  const WHOLE = { zoom: 1, x: 50, y: 50 };

  const within = (value) => Math.max(0, Math.min(100, Math.round(10 * value) / 10));

  // `cards` holds the pictures; `get()` and `move(view)` are for where one looks, `done()` hears that it stays so.
  window.nightmare.compareZoom = (cards, get, move, done) => {
    // One size more or less, or with 0 the whole picture.
    const zoom = (by) => {
      const { zoom: now, ...rest } = get();
      const next = ZOOMS[Math.max(0, Math.min(ZOOMS.length - 1, ZOOMS.findIndex((each) => each >= now) + by))];
      move(by && next > 1 ? { ...rest, zoom: next } : WHOLE);
      done();
    };

    const pan = (across, down) => {
      const { zoom: now, x, y } = get();
      move({ zoom: now, x: within(x + across), y: within(y + down) });
    };

    cards.addEventListener(
      "wheel",
      (event) => {
        if (!event.ctrlKey) return; // the wheel alone scrolls the page
        event.preventDefault();
        zoom(event.deltaY < 0 ? 1 : -1);
      },
      { passive: false },
    );

    cards.addEventListener("pointerdown", (event) => {
      const box = event.target.closest(".nm-card-picture");
      const { zoom: now } = get();
      if (!box || now === 1 || event.target.closest("button")) return;
      const { width, height } = box.getBoundingClientRect();
      const share = (moved, length) => (-100 * moved) / length / (now - 1);
      const drag = (moved) => pan(share(moved.movementX, width), share(moved.movementY, height));
      const end = () => {
        removeEventListener("pointermove", drag);
        done();
      };
      addEventListener("pointermove", drag);
      for (const name of ["pointerup", "pointercancel"]) addEventListener(name, end, { once: true });
    });

    return { zoom, pan };
  };
})();
