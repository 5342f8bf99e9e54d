// A dream beside its photo: how far it is, and what can be done with the result. It follows a dream by the lines of
// POST /api/dreams, which nightmare/studio/dreams.py makes.
(() => {
  "use strict";
  const { make, on, request, getJson, lines, speaker, calm, addKeys, keep, awake } = window.nightmare;
  const PLACES = ["", "Next", "Second", "Third", "Fourth", "Fifth", "Sixth", "Seventh", "Eighth"];
  const LOST = "The dream was lost on the way. Dream again.";

  const about = (seconds) => {
    if (seconds >= 90) return `about ${Math.round(seconds / 60)} min`;
    return `about ${Math.max(1, Math.round(seconds))} s`;
  };

  const brief = (name) => (name.length > 24 ? `${name.slice(0, 23)}…` : name);

  const sentenceOf = (progress) => {
    const { place, seconds, octave, octaves, iteration, iterations, ended, step, steps, left_out: leftOut } = progress;
    const small = leftOut === 1 ? "One octave was" : `${leftOut} octaves were`;
    const left = leftOut ? ` ${small} too small and left out.` : "";
    if (ended === "Done") return `Done.${left}`;
    if (ended) return `${ended} at step ${step} of ${steps}.`;
    if (place) return `${PLACES[place] ?? `Number ${place}`} in line${seconds ? `, ${about(seconds)}` : ""}`;
    if (!step) return "Beginning …";
    return `Octave ${octave} of ${octaves}, step ${iteration} of ${iterations}, ${about(seconds)} left`;
  };

  window.nightmare.viewer = (element, props, trigger) => {
    const find = (selector) => element.querySelector(selector);
    const viewer = find(".nm-viewer");
    const [button, further, smaller, save, copy, bar, complaint] = [
      ".nm-dream-button", ".nm-further", ".nm-smaller", ".nm-save", ".nm-copy", "progress", "[role=alert]",
    ].map(find);
    const say = speaker(find(".nm-status"));
    const stage = window.nightmare.stage(viewer);

    let state = "waking"; // waking, idle, waiting for news of a dream that was asked for: running
    let job = ""; // of the dream that is shown or running
    let known = false; // to the server, as far as we have heard: then it can be asked to stop
    let letGo = null; // ends following it, whatever the server does
    let stopping = false;
    let strength = 1;
    let expected = null;
    let chosen = null; // the photo of the next dream
    let asked = ""; // key of the photo of the dream that runs
    let shown = ""; // and of that on show
    const photos = new Map(); // the same of the dreams of this session

    const frameUrl = (number) => `/api/frames/${job}/${number}.jpg`;

    const setStrength = (value) => {
      strength = value;
      stage.setStrength(value);
      if (viewer.dataset.result) offer(); // with the strength in its address
    };

    // ---- the buttons

    const label = () => {
      if (state === "waking") return ["Waking the model …", ""];
      if (state === "running") return [stopping ? "Stopping …" : "Stop", "Esc"];
      const another = chosen && chosen.key !== shown ? `over ${brief(chosen.name)}` : "";
      return ["Dream", [another, expected ? `${about(expected)} here` : ""].filter(Boolean).join(", ")];
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
      known = stopping = false;
      letGo = new AbortController();
      complaint.textContent = "";
      withdraw();
      say("Asking for a place …", { urgent: true });
      draw();
      if (find(".nm-stage").getBoundingClientRect().top > innerHeight / 2) {
        viewer.scrollIntoView({ behavior: calm() ? "auto" : "smooth" });
      }
    };

    // The photo of the next dream takes the place of what is on show.
    const showChosen = () => {
      if (!chosen || chosen.key === shown) return;
      shown = chosen.key;
      job = "";
      stage.showPhoto(`/api/photos/${chosen.key}.jpg`, `The photo ${chosen.name}`);
      draw();
    };

    // Ask for a dream with `path` and `wish(signal)`, and follow it to its end.
    const follow = async (path, wish) => {
      begin();
      const { signal } = letGo;
      let last = null;
      try {
        const body = JSON.stringify(await wish(signal));
        const answer = await request(path, { method: "POST", body, type: "application/json", signal });
        for await (const progress of lines(answer)) news((last = progress));
        if (!last?.ended) throw new TypeError("It ended without an end.");
      } catch (failure) {
        if (last?.ended) return; // and another one may run by now
        const lost = failure instanceof TypeError;
        if (lost) await back(signal);
        end();
        say(signal.aborted && !lost ? "Stopped before it began." : "", { urgent: true });
        if (lost || !signal.aborted) complaint.textContent = lost ? LOST : failure.message;
        showChosen();
      }
    };

    // After a connection that broke: wait until the server lives again, or nobody wishes to wait.
    const back = (signal) => {
      known = false;
      if (stopping) letGo.abort(); // what was asked to stop is gone
      const given = new Promise((resolve) => signal.addEventListener("abort", resolve));
      return signal.aborted ? null : Promise.race([awake(), given]);
    };

    const dream = () => {
      if (state !== "idle") return;
      bar.value = 0;
      job = "";
      stage.begin();
      follow("/api/dreams", async (signal) => {
        const wish = window.nightmare.form.wish();
        asked = await window.nightmare.photoReady(signal);
        return { ...wish, photo: asked };
      });
    };

    const goFurther = () => {
      asked = shown;
      follow(`/api/dreams/${job}/further`, () => ({}));
    };

    // A dream that is known ends after its step, and its last picture comes. Of another nothing would come, and while
    // the server is away nobody hears us: then we hang up, which stops it as well.
    const stop = async () => {
      if (state !== "running" || stopping) return;
      if (!known) {
        letGo.abort();
        return;
      }
      stopping = true;
      draw();
      const { signal } = letGo;
      try {
        await getJson(`/api/dreams/${job}/stop`, { method: "POST", signal });
      } catch (failure) {
        if (signal.aborted) return;
        complaint.textContent = failure.message;
        stopping = false;
        draw();
      }
    };

    // ---- news of the dream

    const news = (progress) => {
      known = true;
      if (progress.job !== job) {
        job = progress.job;
        stage.begin();
      }
      viewer.dataset.step = String(progress.step);
      if (progress.status !== 200) {
        end();
        complaint.textContent = progress.ended;
        say("", { urgent: true });
        offerSmaller(progress.smaller);
        showChosen();
        return;
      }
      bar.value = Math.max(bar.value, progress.share);
      say(sentenceOf(progress), { urgent: progress.frame === 0 || Boolean(progress.ended) });
      if (progress.frame === 0) {
        shown = asked;
        stage.showPhoto(frameUrl(0), "The photo");
      } else if (progress.ended || !calm()) stage.showFrame(frameUrl(progress.frame), progress.frame);
      if (progress.ended) {
        end();
        if (progress.frame > 0) finish(progress);
        else showChosen();
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
      photos.set(job, shown);
      try {
        await results.add(job, progress.whole, [frameUrl(0), frameUrl(progress.frame)]);
      } catch {
        // the frames are gone already: then there is no thumbnail
      }
    };

    const offerSmaller = (side) => {
      smaller.hidden = !side;
      smaller.textContent = `Dream at ${side}`;
      smaller.onclick = async () => {
        smaller.hidden = true;
        await window.nightmare.form.set({ side }); // else the large one would be dreamt again
        dream();
      };
    };

    const show = async (result) => {
      if (state === "running") return;
      job = result.job;
      await stage.showBoth(result.photo, result.dreamt);
      offer();
      further.hidden = result.whole;
      shown = photos.get(job) ?? "";
      say("", { urgent: true });
      draw();
    };

    const results = window.nightmare.results(find(".nm-results"), props.most_results, (result) =>
      show(result).catch(() => {}),
    );

    // ---- connections

    on("expected", (seconds) => {
      expected = seconds;
      draw();
    });
    on("strength", setStrength);
    on("photo", (photo) => {
      chosen = photo;
      if (state === "running") return; // the dream stays, and the button says over which photo the next one is
      withdraw();
      say("", { urgent: true });
      shown = ""; // a result over the same photo makes room for it, too
      showChosen();
    });
    button.addEventListener("click", () => (state === "running" ? stop() : dream()));
    further.addEventListener("click", goFurther);
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

    draw();
    awake().then(() => {
      if (state === "waking") state = "idle";
      draw();
      window.nightmare.form.refresh?.();
      results.restore().catch(() => {});
    });
    window.nightmare.form(props.names, props.looks, props.models, () => trigger("settings"));
  };
})();
