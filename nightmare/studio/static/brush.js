// Hover to dream: the picture under the pointer dreams, again and again. Painting is done here; the server only dreams
// over the patch that it is sent (POST /api/patch, nightmare/studio/brush.py).
(() => {
  "use strict";
  const { make, on, ask, request, awake, Failure, speaker, calm, pause, addKeys, kept, keep, place, go } =
    window.nightmare;
  const DEFAULTS = { hover: true, size: 224, strength: 10, softness: 50, fade: false, halfLife: 8, quality: "live" };
  const CONTEXT = 128; // pixels a side that are sent at least
  const REST = 2; // seconds of rest after which a visit has ended
  const FADE_EVERY = 0.1;
  const TAP = 90; // ms in which a second finger may come
  const UNREADABLE = "That file is not a picture we can read (PNG, JPEG or WebP).";
  const FORMATS = /^(\x89PNG|\xff\xd8\xff|RIFF[^]{4}WEBP)/;
  const REPLACE = "Replace it";

  window.nightmare.brush = (element, props) => {
    const find = (selector) => element.querySelector(selector);
    const [brush, stage, box, canvas, ring, complaint, input] = [
      ".nm-brush", ".nm-brush-stage", ".nm-brush-box", "canvas", ".nm-ring", "[role=alert]", "input[type=file]",
    ].map(find);
    const [undoButton, redoButton, resetButton, holdButton, zoomButton, saveButton, sendButton, followButton] = [
      ".nm-undo", ".nm-redo", ".nm-reset", ".nm-hold", ".nm-zoom", ".nm-save", ".nm-send", ".nm-follow",
    ].map(find);
    const say = speaker(find(".nm-status"));
    const picture = window.nightmare.brushPicture(canvas, props);
    const settings = { ...DEFAULTS, ...kept("brush") };
    const at = { x: 0, y: 0 }; // the ring, in pixels of the picture

    let ready = false;
    let name = "";
    let edition = 0; // goes up when what is under way no longer fits the picture
    let made = 0;
    let unsaved = false;
    let inside = false; // the pointer

    // ---- the ring

    const scale = () => canvas.clientWidth / canvas.width;

    const drawRing = () => {
      const [side, factor] = [settings.size * scale(), scale()];
      ring.style.width = ring.style.height = `${side}px`;
      ring.style.transform = `translate(${at.x * factor - side / 2}px, ${at.y * factor - side / 2}px)`;
      ring.hidden = !(picture.width && (inside || canvas.matches(":focus-visible")));
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
      resetButton.disabled = holdButton.disabled = !picture.painted;
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

    // Whether there was an answer, be it that no other is to be expected.
    const stamp = async (point) => {
      const [asked, there] = [edition, { ...point, size: settings.size }];
      const area = picture.around(there, there.size / 2, CONTEXT);
      const { width, height } = area;
      const seed = Math.floor(Math.random() * 2 ** 31);
      const model = window.nightmare.form.wish?.().model ?? "";
      const query = new URLSearchParams({ width, height, model, quality: settings.quality, seed });
      const begun = performance.now();
      try {
        const [body, type] = [picture.read(area), "application/octet-stream"];
        const answer = await request(`/api/patch?${query}`, { method: "POST", body, type });
        const dreamt = new Uint8Array(await answer.arrayBuffer());
        if (asked === edition) blend(area, dreamt, there, (performance.now() - begun) / 1000);
        if (complaint.textContent || waiting) say("");
        complaint.textContent = "";
        waiting = false;
        return true;
      } catch (failure) {
        return trouble(failure);
      } finally {
        refresh();
      }
    };

    let waiting = false;

    const trouble = async (failure) => {
      if (!(failure instanceof Failure)) {
        await awake(); // the connection broke in the middle of an answer
        return false;
      }
      waiting = failure.status === 503;
      if (waiting) say(`${failure.message} Waiting …`, { urgent: true });
      else complaint.textContent = failure.message;
      await pause(Math.max(waiting ? 1 : 2, failure.retryAfter));
      return !waiting;
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
      if (inside) resting = setTimeout(endVisit, 1000 * REST);
      else endVisit();
      drawQualities();
    };

    const stamps = window.nightmare.brushStamps(stamp, idle);
    const here = () => ({ ...at });
    const able = () => ready && picture.width > 0;

    const dreamHere = () => {
      if (able()) stamps.hover(here());
    };

    // ---- pointers

    let pressed = false;
    let pan = null; // {x, y} of the pointer that moves the picture
    let space = null; // while the key is down: whether it moved the picture
    let byPointer = false; // what moved the ring last
    const fingers = new Map();
    let tap = null; // a finger that may turn out to be one of two
    let scrolling = false; // with two fingers, until all are up

    const press = () => {
      if (!able()) return;
      endVisit();
      pressed = true;
      stamps.press(here());
    };

    const release = () => {
      pressed = false;
      stamps.release();
      if (!stamps.working) endVisit();
    };

    const confirmTap = () => {
      if (tap === null) return;
      clearTimeout(tap);
      tap = null;
      press();
    };

    const fingerDown = (event) => {
      fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      if (fingers.size === 1) {
        tap = setTimeout(confirmTap, TAP);
        return;
      }
      scrolling = true;
      clearTimeout(tap);
      tap = null;
      stamps.clear();
      release();
    };

    const scrollWith = (event) => {
      const finger = fingers.get(event.pointerId);
      const [across, down] = [finger.x - event.clientX, finger.y - event.clientY].map((way) => way / fingers.size);
      stage.scrollBy(across, down);
      scrollBy(0, down);
    };

    canvas.addEventListener("pointerdown", (event) => {
      canvas.focus({ preventScroll: true });
      canvas.setPointerCapture(event.pointerId);
      byPointer = inside = true;
      if (event.button === 1 || space !== null) {
        event.preventDefault();
        pan = { x: event.clientX, y: event.clientY };
        if (space !== null) space = true;
        return;
      }
      if (event.button !== 0) return;
      if (!scrolling) follow(event);
      if (event.pointerType === "touch") fingerDown(event);
      else press();
    });

    canvas.addEventListener("pointermove", (event) => {
      if (pan) {
        stage.scrollBy(pan.x - event.clientX, pan.y - event.clientY);
        pan = { x: event.clientX, y: event.clientY };
        return;
      }
      if (fingers.has(event.pointerId)) {
        if (scrolling) scrollWith(event);
        else confirmTap();
        fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
        if (scrolling) return;
      }
      byPointer = inside = true;
      follow(event);
      if (pressed) stamps.drag(here(), settings.size / 4);
      else if (event.pointerType === "mouse" && settings.hover && space === null) dreamHere();
    });

    const lift = (event) => {
      pan = null;
      if (event.type === "pointerup") confirmTap();
      fingers.delete(event.pointerId);
      if (!fingers.size) scrolling = false;
      if (event.pointerType !== "mouse") inside = false;
      if (pressed && !fingers.size) release();
      drawRing();
    };
    canvas.addEventListener("pointerup", lift);
    canvas.addEventListener("pointercancel", lift);
    canvas.addEventListener("pointerleave", () => {
      inside = false;
      endVisit();
      drawRing();
    });
    canvas.addEventListener("mousedown", (event) => {
      if (event.button === 1) event.preventDefault(); // else the browser scrolls by itself
    });
    canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      nudge("size", event.deltaY < 0 ? 1 : -1);
    }, { passive: false });
    canvas.addEventListener("focus", drawRing);
    canvas.addEventListener("blur", () => {
      space = null;
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

    const decoded = async (blob) => {
      if (blob.size > props.upload_bytes) throw new Failure(413, `That photo is over ${props.upload_bytes / 1e6} MB.`);
      const start = new Uint8Array(await blob.slice(0, 12).arrayBuffer());
      if (!FORMATS.test(String.fromCharCode(...start))) throw new Failure(415, UNREADABLE);
      const image = new Image();
      const url = URL.createObjectURL(blob);
      try {
        await new Promise((resolve, reject) => Object.assign(image, { onload: resolve, onerror: reject, src: url }));
        checkSize(image.naturalWidth, image.naturalHeight); // nothing is decoded yet
        await image.decode();
      } catch (failure) {
        throw failure instanceof Failure ? failure : new Failure(415, UNREADABLE);
      } finally {
        URL.revokeObjectURL(url);
      }
      return image;
    };

    const checkSize = (width, height) => {
      const [millions, most, least] = [Math.round((width * height) / 1e6), props.megapixels, props.smallest_side];
      if (width * height > most * 1e6) {
        throw new Failure(413, `${most} million pixels at most; this one has ${millions}.`);
      }
      if (Math.min(width, height) < least) {
        throw new Failure(422, `The photo is ${width} x ${height}; each side needs ${least} pixels.`);
      }
    };

    // Put the picture in `blob` under the brush. Whoever has painted is asked first.
    const bring = async (blob, called) => {
      complaint.textContent = "";
      try {
        const image = await decoded(blob);
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

    // ---- controls

    const measured = {}; // milliseconds by quality
    const sliders = { size: " px", strength: " %", softness: " %", halfLife: " s" };
    const control = (field) => find(`[name=${field}]`);

    const drawQualities = () => {
      for (const { name: quality } of props.qualities) {
        const time = measured[quality];
        find(`[data-quality=${quality}]`).textContent = time ? `${Math.round(time)} ms` : "";
      }
    };

    const drawControls = () => {
      for (const [field, unit] of Object.entries(sliders)) {
        const slider = control(field);
        slider.value = settings[field];
        slider.parentElement.querySelector("output").textContent = settings[field] + unit;
        slider.setAttribute("aria-valuetext", settings[field] + unit);
        const share = (settings[field] - slider.min) / (slider.max - slider.min);
        slider.style.setProperty("--nm-share", `${100 * share}%`);
      }
      control("hover").checked = settings.hover;
      control("fade").checked = settings.fade && !calm();
      control("fade").disabled = calm();
      find(".nm-calm").hidden = !calm();
      control("halfLife").parentElement.hidden = !settings.fade || calm();
      for (const radio of element.querySelectorAll("[name=quality]")) radio.checked = radio.value === settings.quality;
      keep("brush", settings);
      fadeAnew();
      drawRing();
    };

    const set = (field, value) => {
      settings[field] = value;
      drawControls();
    };

    const nudge = (field, steps) => {
      const slider = control(field);
      slider.value = Number(slider.value) + steps * Number(slider.step);
      set(field, Number(slider.value));
      say(`${slider.parentElement.querySelector("span").textContent} ${settings[field]}${sliders[field]}`);
    };

    const toggle = (field, text) => {
      if (control(field).disabled) return;
      set(field, !settings[field]);
      say(`${text} ${settings[field] ? "on" : "off"}.`, { urgent: true });
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

    for (const { name: quality, title, note } of props.qualities) {
      const radio = make("input", { type: "radio", name: "quality", value: quality });
      radio.addEventListener("change", () => set("quality", quality));
      find(".nm-qualities").append(
        make("div", { className: "nm-brush-quality" },
          make("label", { className: "nm-switch" }, radio, title),
          make("span", { className: "nm-hint" }, note),
          make("span", { className: "nm-hint nm-brush-time", "data-quality": quality })),
      );
    }
    if (!props.qualities.some(({ name: quality }) => quality === settings.quality)) settings.quality = DEFAULTS.quality;
    for (const field of Object.keys(sliders)) {
      control(field).addEventListener("input", () => set(field, Number(control(field).value)));
    }
    for (const field of ["hover", "fade"]) {
      control(field).addEventListener("change", () => set(field, control(field).checked));
    }
    matchMedia("(prefers-reduced-motion: reduce)").addEventListener("change", drawControls);
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
      zoomButton.textContent = brush.classList.toggle("nm-full") ? "Fit" : "100 %";
      drawRing();
    };
    zoomButton.addEventListener("click", zoom);

    find(".nm-choose").addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      if (input.files.length) take(input.files[0]);
      input.value = "";
    });
    const open = () => place().tab === "brush";
    document.addEventListener("dragover", (event) => {
      if (!open() || !event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      document.documentElement.classList.add("nm-dropping");
    });
    document.addEventListener("drop", (event) => {
      if (!open() || !event.dataTransfer?.files.length) return;
      event.preventDefault();
      take(event.dataTransfer.files[0]);
    });
    document.addEventListener("paste", (event) => {
      const [pasted] = [...(event.clipboardData?.files ?? [])];
      if (open() && pasted) take(pasted);
    });

    const step = (across, down) => (event) => {
      const pixels = event.shiftKey ? 64 : 16;
      byPointer = false;
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
          run: () => {
            if (!byPointer) dreamHere();
            else space ??= false;
          },
          release: () => {
            if (space === false) dreamHere();
            space = null;
          },
        },
        { keys: ["Enter"], text: "Dream here", run: dreamHere },
        { keys: ["[", "-"], text: "Smaller", run: () => nudge("size", -1) },
        { keys: ["]", "="], text: "Larger; so does Ctrl and the wheel", run: () => nudge("size", 1) },
        { keys: [","], text: "Weaker", run: () => nudge("strength", -1) },
        { keys: ["."], text: "Stronger", run: () => nudge("strength", 1) },
        { keys: ["H"], text: "Dream on hover, or only while pressed", run: () => toggle("hover", "Dream on hover") },
        { keys: ["F"], text: "Fade back, or not", run: () => toggle("fade", "Fade back") },
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
    drawControls();
    refresh();
    awake().then((health) => {
      ready = true;
      Object.assign(measured, health.patch_ms);
      drawQualities();
      brush.dataset.state = "ready";
      const hovers = settings.hover && matchMedia("(hover: hover)").matches;
      say(hovers ? "Move over the picture, and it dreams." : "Paint on the picture, and it dreams.");
    });
  };
})();
