// Where the brush dreams next. One stamp is made at a time: while it is, a pointer that hovers only moves the place of
// the next one, and a stroke keeps a few points on its way, so that it has no gaps.
(() => {
  "use strict";
  const KEPT = 8;

  // `stamp(point)` makes one and tells whether it came about; `idle()` hears when there is nothing more to do.
  window.nightmare.brushStamps = (stamp, idle) => {
    let points = [];
    let last = null; // point of the stroke that was kept
    let held = null; // place of a pointer that is pressed: it dreams on where it rests
    let working = false;
    let skipped = 0;

    const work = async () => {
      if (working) return;
      working = true;
      try {
        while (points.length || held) {
          const point = points.shift() ?? held;
          const made = await stamp(point);
          if (!made && !points.length && !held) points.push(point);
        }
      } finally {
        working = false; // else a stamp that throws would be the last one
        idle();
      }
    };

    const keep = (point) => {
      last = point;
      points.push(point);
      if (points.length > KEPT) {
        points.shift();
        skipped += 1;
      }
    };

    return {
      // The newest place alone counts.
      hover: (point) => {
        skipped += points.length;
        points = [point];
        work();
      },
      press: (point) => {
        points = [];
        held = point;
        keep(point);
        work();
      },
      // On to `point`, by points that are `spacing` apart.
      drag: (point, spacing) => {
        if (!held) return; // it was taken back meanwhile
        held = point;
        for (;;) {
          const [across, down] = [point.x - last.x, point.y - last.y];
          const length = Math.hypot(across, down);
          if (length < spacing) break;
          keep({ x: last.x + (across / length) * spacing, y: last.y + (down / length) * spacing });
        }
        work();
      },
      release: () => (held = null),
      clear: () => {
        points = [];
        held = null;
      },
      get working() { return working; },
      get skipped() { return skipped; },
    };
  };
})();
