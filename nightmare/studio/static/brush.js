// Hover to dream: the picture under the pointer dreams, again and again. Painting is done here; the server only dreams
// over the patch that it is sent (POST /api/patch, nightmare/studio/brush.py).
(() => {
  "use strict";
  const { on, request, awake, Failure, speaker, calm, pause, place } = window.nightmare;
  const CONTEXT = 128; // pixels a side that are sent at least
  const REST = 2; // seconds of rest after which a visit has ended
  const FADE_EVERY = 0.1;

  window.nightmare.brush = (element, props) => {
    const find = (selector) => element.querySelector(selector);
    const [brush, stage, box, canvas, ring, complaint] = [
      ".nm-brush", ".nm-brush-stage", ".nm-brush-box", "canvas", ".nm-ring", "[role=alert]",
    ].map(find);
    const [undoButton, redoButton, resetButton, holdButton, zoomButton] = [
      ".nm-undo", ".nm-redo", ".nm-reset", ".nm-hold", ".nm-zoom",
    ].map(find);
    const say = speaker(find(".nm-status"));
    const picture = window.nightmare.brushPicture(canvas, props);
    const controls = window.nightmare.brushControls(element, props.qualities, say, () => {
      fadeAnew();
      drawRing();
    });
    const { settings, measured } = controls;
    const at = { x: 0, y: 0 }; // the ring, in pixels of the picture

    let ready = false;
    let edition = 0; // goes up when what is under way no longer fits the picture
    let made = 0;

    // ---- the ring

    const scale = () => canvas.clientWidth / canvas.width;

    const drawRing = () => {
      const [side, factor] = [settings.size * scale(), scale()];
      ring.style.width = ring.style.height = `${side}px`;
      ring.style.transform = `translate(${at.x * factor - side / 2}px, ${at.y * factor - side / 2}px)`;
      ring.hidden = !(picture.width && (pointers.inside || canvas.matches(":focus-visible")));
    };

    const moveTo = (x, y) => {
      at.x = Math.min(Math.max(x, 0), canvas.width);
      at.y = Math.min(Math.max(y, 0), canvas.height);
      drawRing();
    };

    const follow = (event) => {
      const bounds = canvas.getBoundingClientRect();
      const factor = canvas.width / bounds.width;
      moveTo((event.clientX - bounds.left) * factor, (event.clientY - bounds.top) * factor);
    };

    // ---- stamps

    const refresh = () => {
      undoButton.disabled = !picture.undoable;
      redoButton.disabled = !picture.redoable;
      resetButton.disabled = !picture.painted;
      canvas.classList.toggle("nm-picture", picture.painted); // the photo itself frightens nobody
      Object.assign(brush.dataset, { stamps: made, skipped: stamps.skipped, undoable: picture.undoable });
    };

    const blend = (area, dreamt, { x, y, size }, seconds) => {
      const share = window.nightmare.brushShare(settings.strength / 100, seconds);
      picture.begin();
      picture.blend(area, dreamt, { x, y, radius: size / 2, share, softness: settings.softness / 100 });
      made += 1;
      exchange.painted();
      brush.dataset.share = String(share);
      measured[settings.quality] = 1000 * seconds;
    };

    // Make one, and tell whether it is over and done with.
    const stamp = async (point) => {
      const [asked, there] = [edition, { ...point, size: settings.size }];
      const area = picture.around(there, there.size / 2, CONTEXT);
      const { width, height } = area;
      const seed = Math.floor(Math.random() * 2 ** 31);
      const model = window.nightmare.form.wish?.().model ?? "";
      const query = new URLSearchParams({ width, height, model, quality: settings.quality, seed });
      let begun = 0; // of the try that succeeded: an outage before it is no time of dreaming
      const tries = () => (begun = performance.now());
      try {
        const [body, type] = [picture.read(area), "application/octet-stream"];
        const answer = await request(`/api/patch?${query}`, { method: "POST", body, type, tries });
        const dreamt = new Uint8Array(await answer.arrayBuffer());
        if (asked === edition) blend(area, dreamt, there, (performance.now() - begun) / 1000);
        complaint.textContent = "";
        return true;
      } catch (failure) {
        return (await trouble(failure)) || asked !== edition;
      } finally {
        refresh();
      }
    };

    // Wait until it may be over, and tell whether the same point is not to be tried again.
    const trouble = async (failure) => {
      if (!(failure instanceof Failure)) {
        await awake(); // the connection broke in the middle of an answer
        return false;
      }
      const busy = failure.status === 503;
      if (busy) say(`${failure.message} Waiting …`, { urgent: true });
      else complaint.textContent = failure.message;
      await pause(Math.max(busy ? 1 : 2, failure.retryAfter));
      return !busy;
    };

    let resting = null;

    const endVisit = () => {
      clearTimeout(resting);
      if (stamps.working) return; // then it ends with its last stamp
      picture.end();
      refresh();
    };

    const idle = () => {
      clearTimeout(resting);
      if (pointers.inside) resting = setTimeout(endVisit, 1000 * REST);
      else endVisit();
      controls.drawTimes();
      say(pointers.byKeys ? `Dreamt, ${made} in all.` : "");
    };

    const stamps = window.nightmare.brushStamps(stamp, idle);
    const here = () => ({ ...at });
    const able = () => ready && picture.width > 0;

    const dreamHere = () => {
      if (able()) stamps.hover(here());
    };

    const pointers = window.nightmare.brushPointers(canvas, stage, {
      follow,
      here: dreamHere,
      hover: () => {
        if (settings.hover) dreamHere();
      },
      press: () => {
        if (!able()) return;
        endVisit();
        stamps.press(here());
      },
      drag: () => stamps.drag(here(), settings.size / 4),
      release: () => {
        stamps.release();
        endVisit();
      },
      leave: () => {
        endVisit();
        drawRing();
      },
      cancel: () => stamps.clear(),
      resize: (steps) => controls.nudge("size", steps),
    });
    canvas.addEventListener("focus", drawRing);
    canvas.addEventListener("blur", () => {
      showPhoto(false);
      endVisit();
      drawRing();
    });
    new ResizeObserver(drawRing).observe(canvas);

    // ---- taking back

    const stale = () => {
      edition += 1;
      stamps.clear();
    };

    const takeBack = (change, done, nothing) => {
      stale();
      say(change() ? done : nothing, { urgent: true });
      refresh();
    };

    const undo = () => takeBack(picture.undo, "Undone.", "Nothing to undo.");
    const redo = () => takeBack(picture.redo, "Done again.", "Nothing to do again.");
    const reset = () => takeBack(picture.reset, "The photo as it was. Undo brings the dream back.", "It is the photo.");

    const showPhoto = (on) => {
      picture.show(on);
      holdButton.setAttribute("aria-pressed", String(on));
    };

    // ---- the photo

    const exchange = window.nightmare.brushExchange(element, props, picture, {
      say,
      leave: stale,
      arrived: () => {
        box.style.setProperty("--nm-ratio", picture.width / picture.height);
        box.style.setProperty("--nm-width", `${picture.width}px`);
        moveTo(picture.width / 2, picture.height / 2);
        refresh();
      },
    });

    // ---- fading back

    let fader = null;
    let faded = 0; // moment of the last time, 0 where it has to begin anew

    const fadeStep = () => {
      const now = performance.now();
      const seen = !document.hidden && place().tab === "brush";
      if (seen && faded) {
        picture.fade(0.5 ** ((now - faded) / 1000 / settings.halfLife));
        refresh();
      }
      faded = seen ? now : 0;
    };

    const fadeAnew = () => {
      const wanted = settings.fade && !calm();
      if (wanted === (fader !== null)) return;
      clearInterval(fader);
      fader = wanted ? setInterval(fadeStep, 1000 * FADE_EVERY) : null;
      faded = 0;
    };

    // ---- connections

    document.addEventListener("visibilitychange", () => (faded = 0));

    undoButton.addEventListener("click", undo);
    redoButton.addEventListener("click", redo);
    resetButton.addEventListener("click", reset);
    holdButton.addEventListener("pointerdown", () => showPhoto(true));
    for (const over of ["pointerup", "pointerleave", "pointercancel", "blur"]) {
      holdButton.addEventListener(over, () => showPhoto(false));
    }
    holdButton.addEventListener("click", (event) => {
      // By keyboard or voice it is a switch.
      if (event.detail === 0) showPhoto(holdButton.getAttribute("aria-pressed") !== "true");
    });
    const zoom = () => {
      zoomButton.textContent = brush.classList.toggle("nm-brush-full") ? "Fit" : "100 %";
      drawRing();
    };
    zoomButton.addEventListener("click", zoom);

    const act = {
      move: (across, down) => {
        pointers.keyed();
        moveTo(at.x + across, at.y + down);
        say(`Ring at ${Math.round(at.x)}, ${Math.round(at.y)}.`);
      },
      dream: dreamHere,
      photo: showPhoto,
      save: exchange.save,
      leave: () => {
        stale();
        canvas.blur();
      },
      undo, redo, reset, zoom,
    };
    window.nightmare.brushKeys(canvas, pointers, controls, act);

    on("place", drawRing);
    controls.draw();
    refresh();
    awake().then((health) => {
      ready = true;
      Object.assign(measured, health.patch_ms);
      controls.drawTimes();
      brush.dataset.state = "ready";
      const hovers = settings.hover && matchMedia("(hover: hover)").matches;
      say(hovers ? "Move over the picture, and it dreams." : "Paint on the picture, and it dreams.");
    });
  };
})();
