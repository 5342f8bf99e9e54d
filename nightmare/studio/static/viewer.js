// A dream beside its photo: the picture as it changes, a handle between before and after, progress, and what can be
// done with the result. It follows a dream by the lines of POST /api/dreams, which nightmare/studio/dreams.py makes.
(() => {
  "use strict";
  const { make, on, emit, request, getJson, lines, speaker, calm, addKeys, kept, keep, awake } = window.nightmare;
  const RESULTS = 12;
  const PLACES = ["", "Next", "Second", "Third", "Fourth", "Fifth", "Sixth", "Seventh", "Eighth"];
  const LOST = "The dream was lost on the way. Dream again.";

  const about = (seconds) => {
    if (seconds >= 90) return `about ${Math.round(seconds / 60)} min`;
    return `about ${Math.max(1, Math.round(seconds))} s`;
  };

  const sentenceOf = (progress) => {
    const { place, seconds, octave, octaves, iteration, iterations, ended, step, steps, left_out: leftOut } = progress;
    const left = leftOut ? ` ${leftOut === 1 ? "One octave was" : `${leftOut} octaves were`} too small and left out.` : "";
    if (ended === "Done") return `Done.${left}`;
    if (ended) return `${ended} at step ${step} of ${steps}.`;
    if (place) return `${PLACES[place] ?? `Number ${place}`} in line${seconds ? `, ${about(seconds)}` : ""}`;
    if (!step) return "Beginning …";
    return `Octave ${octave} of ${octaves}, step ${iteration} of ${iterations}, ${about(seconds)} left`;
  };

  const loaded = (url) =>
    new Promise((resolve, reject) => {
      const image = new Image();
      image.onload = () => resolve(image);
      image.onerror = reject;
      image.src = url;
    });

  const blobUrl = async (url) => URL.createObjectURL(await (await request(url)).blob());

  window.nightmare.viewer = (element, props, trigger) => {
    const find = (selector) => element.querySelector(selector);
    const viewer = find(".nm-viewer");
    const [button, further, split, flip, zoom, save, copy] = [
      ".nm-dream-button", ".nm-further", ".nm-split", ".nm-flip", ".nm-zoom", ".nm-save", ".nm-copy",
    ].map(find);
    const [before, after, bar, complaint, results, smaller] = [
      ".nm-before", ".nm-after", "progress", "[role=alert]", ".nm-results", ".nm-smaller",
    ].map(find);
    const say = speaker(find(".nm-status"));

    let state = "waking"; // waking, idle, waiting for news of a dream that was asked for: running
    let job = ""; // of the dream that is shown or running
    let shown = -1; // number of the newest frame on show
    let queued = null; // a frame that waits while another one loads
    let loading = false;
    let stopping = false;
    let strength = 1;
    let expected = null;
    const session = [];

    // ---- pictures

    const size = (image) => {
      viewer.style.setProperty("--nm-ratio", image.naturalWidth / image.naturalHeight);
      viewer.style.setProperty("--nm-width", `${image.naturalWidth}px`);
    };

    const showBefore = async (url, alt) => {
      const image = await loaded(url);
      size(image);
      before.src = url;
      before.alt = alt;
    };

    const clearAfter = () => after.replaceChildren();

    // A new picture fades in over the old one, which then goes.
    const showAfter = async (url) => {
      const image = await loaded(url);
      image.alt = "The dream";
      image.className = "nm-frame";
      after.append(image);
      const old = [...after.children].slice(0, -1);
      if (!calm() && old.length) {
        await image.animate([{ opacity: 0 }, { opacity: 1 }], { duration: 150 }).finished.catch(() => {});
      }
      for (const each of old) each.remove();
    };

    const frameUrl = (number) => `/api/frames/${job}/${number}.jpg`;

    const showFrames = async () => {
      if (loading) return;
      loading = true;
      while (queued) {
        const { url, number } = queued;
        queued = null;
        try {
          await showAfter(url);
          shown = number;
          viewer.dataset.frame = String(number);
        } catch {
          // it made room for a newer one
        }
      }
      loading = false;
    };

    const setStrength = (value) => {
      strength = value;
      after.style.opacity = String(value);
      if (viewer.dataset.result) offer(); // with the strength in its address
    };

    const setSplit = () => viewer.style.setProperty("--nm-split", `${split.value}%`);

    const setFlip = (on) => {
      viewer.classList.toggle("nm-flipped", on);
      flip.setAttribute("aria-pressed", String(on));
    };

    // ---- the buttons

    const label = () => {
      if (state === "waking") return ["Waking the model …", ""];
      if (state === "running") return [stopping ? "Stopping …" : "Stop", "Esc"];
      return ["Dream", expected ? `${about(expected)} here` : ""];
    };

    const draw = () => {
      viewer.dataset.state = state;
      const [text, note] = label();
      button.replaceChildren(text, ...(note ? [make("small", {}, note)] : []));
      button.disabled = state === "waking" || stopping;
      bar.hidden = state !== "running";
    };

    const offer = () => {
      const query = `strength=${strength.toFixed(2)}`;
      save.href = `/api/results/${job}.png?${query}&save=true`;
      viewer.dataset.result = job;
    };

    const withdraw = () => {
      delete viewer.dataset.result;
      further.hidden = smaller.hidden = true;
    };

    const begin = () => {
      state = "running";
      stopping = false;
      complaint.textContent = "";
      withdraw();
      say("Asking for a place …", { urgent: true });
      draw();
      if (find(".nm-stage").getBoundingClientRect().top > innerHeight / 2) {
        viewer.scrollIntoView({ behavior: calm() ? "auto" : "smooth" });
      }
    };

    // Ask for a dream with `path` and `wish`, and follow it to its end.
    const follow = async (path, wish) => {
      begin();
      try {
        const body = JSON.stringify(await wish());
        const answer = await request(path, { method: "POST", body, type: "application/json" });
        for await (const progress of lines(answer)) news(progress);
        if (state === "running") throw new TypeError("It ended without an end.");
      } catch (failure) {
        // Of a connection that broke it is known when the server lives again.
        if (failure instanceof TypeError) await awake();
        end();
        say("", { urgent: true });
        complaint.textContent = failure instanceof TypeError ? LOST : failure.message;
      }
    };

    const dream = () => {
      if (state !== "idle") return;
      bar.value = 0;
      job = "";
      shown = -1;
      follow("/api/dreams", async () => ({ ...window.nightmare.form.wish(), photo: await window.nightmare.photoReady() }));
    };

    const goFurther = () => follow(`/api/dreams/${job}/further`, () => ({}));

    const stop = async () => {
      if (state !== "running" || stopping) return;
      stopping = true;
      draw();
      if (job) await stopJob();
    };

    const stopJob = async () => {
      try {
        await getJson(`/api/dreams/${job}/stop`, { method: "POST" });
      } catch (failure) {
        complaint.textContent = failure.message;
        stopping = false;
        draw();
      }
    };

    // ---- news of the dream

    const news = (progress) => {
      if (progress.job !== job) {
        job = progress.job;
        shown = -1;
        if (stopping && !progress.ended) stopJob(); // it was not known yet when Stop was pressed
      }
      viewer.dataset.step = String(progress.step);
      if (progress.status !== 200) {
        end();
        complaint.textContent = progress.ended;
        say("", { urgent: true });
        offerSmaller(progress.smaller);
        return;
      }
      bar.value = Math.max(bar.value, progress.share);
      say(sentenceOf(progress), { urgent: progress.frame === 0 || Boolean(progress.ended) });
      if (progress.frame === 0) {
        clearAfter();
        showBefore(frameUrl(0), "The photo").catch(() => {});
      }
      if (progress.frame > Math.max(0, shown) && (progress.ended || !calm())) {
        queued = { url: frameUrl(progress.frame), number: progress.frame };
        showFrames();
      }
      if (progress.ended) {
        end();
        if (progress.frame > 0) finish(progress);
      }
    };

    const end = () => {
      state = "idle";
      stopping = false;
      draw();
      window.nightmare.form.refresh?.();
    };

    const finish = async (progress) => {
      further.hidden = progress.whole;
      offer();
      keep("result", job);
      emit("result", { job, whole: progress.whole });
      try {
        const [photo, dreamt] = await Promise.all([blobUrl(frameUrl(0)), blobUrl(frameUrl(progress.frame))]);
        remember({ job: progress.job, whole: progress.whole, photo, dreamt });
      } catch {
        // the frames are gone already: then there is no thumbnail
      }
    };

    const offerSmaller = (side) => {
      smaller.hidden = !side;
      smaller.textContent = `Dream at ${side}`;
      smaller.onclick = () => {
        smaller.hidden = true;
        emit("settings", { side });
        setTimeout(dream, 300); // after Gradio has moved the slider
      };
    };

    // ---- the last results

    const show = async (result) => {
      if (state === "running") return;
      job = result.job;
      clearAfter();
      await Promise.all([showBefore(result.photo, "The photo"), showAfter(result.dreamt)]);
      offer();
      further.hidden = result.whole;
      say("", { urgent: true });
    };

    const remember = (result) => {
      const old = session.findIndex((each) => each.job === result.job);
      if (old >= 0) forget(old);
      session.unshift(result);
      const image = make("img", { src: result.dreamt, alt: "A dream of this session", className: "nm-picture" });
      const choose = make("button", { type: "button", title: "Show this dream again" }, image);
      choose.addEventListener("click", () => show(result).catch(() => {}));
      results.prepend(make("li", {}, choose));
      if (session.length > RESULTS) forget(RESULTS);
    };

    const forget = (place) => {
      const [{ photo, dreamt }] = session.splice(place, 1);
      results.children[place].remove();
      for (const url of [photo, dreamt]) URL.revokeObjectURL(url);
    };

    // The last dream before a reload, while the server still has it.
    const restore = async () => {
      const last = kept("result");
      if (!last) return;
      const { finished, whole } = await getJson(`/api/dreams/${last}`);
      if (!finished || state === "running") return;
      const [photo, dreamt] = await Promise.all(
        [0, 1].map((share) => blobUrl(`/api/results/${last}.png?strength=${share}`)),
      );
      const result = { job: last, whole, photo, dreamt };
      remember(result);
      await show(result);
    };

    // ---- connections

    on("expected", (seconds) => {
      expected = seconds;
      draw();
    });
    on("strength", setStrength);
    on("photo", (photo) => {
      if (state === "running") return;
      withdraw();
      job = "";
      clearAfter();
      say("", { urgent: true });
      showBefore(`/api/photos/${photo.key}.jpg`, `The photo ${photo.name}`).catch(() => {});
    });
    button.addEventListener("click", () => (state === "running" ? stop() : dream()));
    further.addEventListener("click", goFurther);
    split.addEventListener("input", setSplit);
    flip.addEventListener("click", () => setFlip(!viewer.classList.contains("nm-flipped")));
    zoom.addEventListener("click", () => {
      const full = viewer.classList.toggle("nm-full");
      zoom.textContent = full ? "Fit" : "100 %";
    });
    copy.addEventListener("click", async () => {
      try {
        const text = await (await request(`/api/results/${job}.json?strength=${strength.toFixed(2)}`)).text();
        await navigator.clipboard.writeText(text);
        say("Settings copied, as nightmare dream --recipe reads them.", { urgent: true });
      } catch (failure) {
        complaint.textContent = failure.message;
      }
    });
    window.nightmare.addResultAction = (text, run) => {
      const action = make("button", { type: "button", className: "nm-button" }, text);
      action.addEventListener("click", () => run({ job, strength }));
      find(".nm-actions").append(action);
    };

    addKeys(
      "Dream",
      [
        { keys: ["Ctrl+Enter"], text: "Dream", run: dream },
        { keys: ["Escape"], text: "Stop", run: stop },
      ],
      { tab: "dream" },
    );
    addKeys(
      "Picture, while it has the focus",
      [
        { keys: ["B"], text: "Hold to see the photo", run: () => setFlip(true), release: () => setFlip(false) },
        { keys: ["Z"], text: "Fit or 100 %", run: () => zoom.click() },
      ],
      { element: find(".nm-stage") },
    );

    setSplit();
    draw();
    awake().then(() => {
      if (state === "waking") state = "idle";
      draw();
      window.nightmare.form.refresh?.();
      restore().catch(() => {});
    });
    window.nightmare.form(props.names, props.looks, props.models, () => trigger("settings"));
  };
})();
