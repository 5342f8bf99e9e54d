// Hover to dream: the picture under the pointer dreams, again and again. Painting is done here; the server only dreams
// over the patch that it is sent (POST /api/patch, nightmare/studio/brush.py).
(() => {
  "use strict";
  const { make, on, ask, request, awake, Failure, speaker, calm, pause, addKeys, place, go } = window.nightmare;
  const CONTEXT = 128; // pixels a side that are sent at least
  const REST = 2; // seconds of rest after which a visit has ended
  const FADE_EVERY = 0.1;
  const REPLACE = "Replace it";

  window.nightmare.brush = (element, props) => {
    const find = (selector) => element.querySelector(selector);
    const [brush, stage, box, canvas, ring, complaint] = [
      ".nm-brush", ".nm-brush-stage", ".nm-brush-box", "canvas", ".nm-ring", "[role=alert]",
    ].map(find);
    const [undoButton, redoButton, resetButton, holdButton, zoomButton, saveButton, sendButton, followButton] = [
      ".nm-undo", ".nm-redo", ".nm-reset", ".nm-hold", ".nm-zoom", ".nm-save", ".nm-send", ".nm-follow",
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
    let name = "";
    let edition = 0; // goes up when what is under way no longer fits the picture
    let made = 0;
    let unsaved = false;

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
      saveButton.disabled = sendButton.disabled = !picture.width;
      canvas.classList.toggle("nm-picture", picture.painted); // the photo itself frightens nobody
      Object.assign(brush.dataset, { stamps: made, skipped: stamps.skipped, undoable: picture.undoable });
    };

    const blend = (area, dreamt, { x, y, size }, seconds) => {
      const share = window.nightmare.brushShare(settings.strength / 100, seconds);
      picture.begin();
      picture.blend(area, dreamt, { x, y, radius: size / 2, share, softness: settings.softness / 100 });
      made += 1;
      unsaved = true;
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

    let offered = null; // by the Dream tab
    let shown = ""; // key of the one that is on show, if it is from there
    let own = false; // brought here, so that the Dream tab's does not take its place

    // Put the picture in `blob` under the brush. Whoever has painted is asked first.
    const bring = async (blob, called) => {
      complaint.textContent = "";
      try {
        const image = await window.nightmare.brushPhoto(blob, props);
        if (unsaved && picture.painted) {
          const sentence = "What is painted is not saved. Replace it with the new photo?";
          if ((await ask(sentence, ["Keep painting", REPLACE])) !== REPLACE) return false;
        }
        const shrink = Math.min(1, props.side / Math.max(image.naturalWidth, image.naturalHeight));
        const [width, height] = [image.naturalWidth, image.naturalHeight].map((side) =>
          Math.max(props.smallest_side, Math.round(side * shrink)),
        );
        stale();
        picture.load(image, width, height);
      } catch (failure) {
        complaint.textContent = failure.message;
        return false;
      }
      name = called;
      unsaved = false;
      box.style.setProperty("--nm-ratio", picture.width / picture.height);
      box.style.setProperty("--nm-width", `${picture.width}px`);
      brush.dataset.photo = name;
      moveTo(picture.width / 2, picture.height / 2);
      refresh();
      return true;
    };

    const take = async (file) => {
      if (!(await bring(file, (file.name ?? "photo").replace(/\.[^.]*$/, "")))) return;
      own = true;
      shown = "";
      offer();
    };

    const takeOffered = async () => {
      const wanted = offered;
      try {
        const key = await window.nightmare.photoReady();
        const blob = await (await request(`/api/photos/${key}.jpg?pixels=${props.side}`)).blob();
        if (wanted !== offered && wanted.key !== key) return; // another one was chosen meanwhile
        if (await bring(blob, wanted.name)) {
          own = false;
          shown = wanted.key;
        }
      } catch (failure) {
        complaint.textContent = failure.message;
        own = true; // it is tried again when somebody asks for it
        shown = "";
      }
      offer();
    };

    const offer = () => {
      const another = offered !== null && offered.key !== shown;
      followButton.hidden = !another;
      if (another && !own && !picture.painted && place().tab === "brush") {
        shown = offered.key;
        takeOffered();
      }
    };

    const takeResult = async ({ job, strength }) => {
      own = true;
      go("brush");
      try {
        const blob = await (await request(`/api/results/${job}.png?strength=${strength.toFixed(2)}`)).blob();
        if (await bring(blob, "dream")) shown = "";
      } catch (failure) {
        complaint.textContent = failure.message;
      }
      offer();
    };

    const save = async () => {
      const link = make("a", { href: URL.createObjectURL(await picture.png()), download: `${name}-brush.png` });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
      unsaved = false;
      say("Saved.", { urgent: true });
    };

    const send = async () => {
      sendButton.disabled = true;
      complaint.textContent = "";
      try {
        const blob = await picture.png();
        await window.nightmare.bringPhoto(new File([blob], `${name}-brush.png`, { type: "image/png" }));
        unsaved = false;
        go("dream");
      } catch (failure) {
        complaint.textContent = failure.message;
      }
      refresh();
    };

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
    saveButton.addEventListener("click", save);
    sendButton.addEventListener("click", send);
    followButton.addEventListener("click", takeOffered);
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

    window.nightmare.takeFiles("brush", element, take);

    const step = (across, down) => (event) => {
      const pixels = event.shiftKey ? 64 : 16;
      pointers.keyed();
      moveTo(at.x + across * pixels, at.y + down * pixels);
      say(`Ring at ${Math.round(at.x)}, ${Math.round(at.y)}.`);
    };
    const arrow = (key, across, down, text) => ({ keys: [key, `Shift+${key}`], text, run: step(across, down) });
    addKeys(
      "Brush, while the picture has the focus",
      [
        arrow("ArrowLeft", -1, 0, "Move the ring 16 pixels to the left, with Shift 64"),
        arrow("ArrowRight", 1, 0, "To the right"),
        arrow("ArrowUp", 0, -1, "Up"),
        arrow("ArrowDown", 0, 1, "Down"),
        {
          keys: ["Space"],
          text: "Dream here; with the mouse pressed, move the picture",
          run: pointers.space,
          release: pointers.spaceUp,
        },
        { keys: ["Enter"], text: "Dream here", run: dreamHere },
        { keys: ["[", "-"], text: "Smaller", run: () => controls.nudge("size", -1) },
        { keys: ["]", "="], text: "Larger; so does Ctrl and the wheel", run: () => controls.nudge("size", 1) },
        { keys: [","], text: "Weaker", run: () => controls.nudge("strength", -1) },
        { keys: ["."], text: "Stronger", run: () => controls.nudge("strength", 1) },
        { keys: ["H"], text: "Dream on hover, or not", run: () => controls.toggle("hover", "Dream on hover") },
        { keys: ["F"], text: "Fade back, or not", run: () => controls.toggle("fade", "Fade back") },
        { keys: ["B"], text: "Hold to see the photo", run: () => showPhoto(true), release: () => showPhoto(false) },
        { keys: ["U", "Ctrl+Z"], text: "Undo", run: undo },
        { keys: ["Ctrl+Shift+Z"], text: "Redo", run: redo },
        { keys: ["R"], text: "Reset to the photo", run: reset },
        { keys: ["S"], text: "Save PNG", run: save },
        { keys: ["Z"], text: "Fit or 100 %", run: zoom },
        {
          keys: ["Escape"],
          text: "Stop, and leave the picture",
          run: () => {
            stale();
            canvas.blur();
          },
        },
      ],
      { element: canvas },
    );

    const addAction = () => {
      if (window.nightmare.addResultAction) window.nightmare.addResultAction("Send to Brush", takeResult);
      else setTimeout(addAction, 50); // the viewer is not there yet
    };
    addAction();
    on("photo", (photo) => {
      offered = photo;
      offer();
    });
    on("place", () => {
      offer();
      drawRing();
    });
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
