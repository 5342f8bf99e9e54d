// The controls of the Dream tab, which are Gradio's: looks set them, the browser remembers them, the button says what
// they cost.
(() => {
  "use strict";
  const { keep, kept, on, emit, postJson } = window.nightmare;
  const CUSTOM = "Custom";

  // `names` are those of the controls in the order in which Gradio hands over their values; `looks` what each look sets
  // them to; `load()` makes Gradio ask for `given()`.
  window.nightmare.form = (names, looks, models, load) => {
    let wanted = kept("dream");
    let current = {};
    let asked = null;
    let waiting = []; // for controls that are to show something: {settings, resolve}

    const values = (settings, now) => names.map((name, place) => (name in settings ? settings[name] : now[place]));

    const whole = (settings) => {
      const base = looks[settings.base];
      const same = base && Object.keys(base).every((name) => name === "strength" || base[name] === settings[name]);
      const known = models.includes(settings.model) ? {} : { model: models[0] };
      return { ...settings, ...known, look: same ? settings.base : CUSTOM };
    };

    const expect = async () => {
      asked?.abort();
      asked = new AbortController();
      try {
        const { signal } = asked;
        const { seconds } = await postJson("/api/expected", { ...form.wish(), photo: photo?.key ?? "" }, { signal });
        emit("expected", seconds);
      } catch {
        emit("expected", null); // the dream itself will say what is wrong
      }
    };

    const shows = (settings) => Object.entries(settings).every(([name, value]) => current[name] === value);

    let timer = null;
    const expectSoon = () => {
      clearTimeout(timer);
      timer = setTimeout(expect, 200);
    };

    let photo = null;
    on("photo", (brought) => {
      photo = brought;
      if ("stage" in current) expectSoon();
    });
    on("settings", (settings) => {
      wanted = whole({ ...current, ...settings });
      load();
    });

    const form = {
      // What the controls are to show, for Gradio: what was wanted, or what they show.
      given: (...now) => {
        const settings = wanted && Object.keys(wanted).every((name) => names.includes(name)) ? whole(wanted) : {};
        wanted = null;
        return values(settings, now);
      },
      // What they are to show after another look was chosen.
      choose: (...now) => {
        const look = now[names.indexOf("look")];
        return values(look === CUSTOM ? {} : { ...looks[look], base: look }, now);
      },
      // Remember what they show.
      keep: (...now) => {
        current = Object.fromEntries(names.map((name, place) => [name, now[place]]));
        keep("dream", current);
        emit("strength", current.strength / 100);
        expectSoon();
        const there = waiting.filter(({ settings }) => shows(settings));
        waiting = waiting.filter((each) => !there.includes(each));
        for (const { resolve } of there) resolve();
      },
      // Set some of them, and resolve when they show it: Gradio takes its time, and says nothing where all is as it was.
      set: (settings) =>
        new Promise((resolve) => {
          emit("settings", settings);
          if (shows(settings)) resolve();
          else waiting.push({ settings, resolve });
        }),
      // What they show, as the server wants it. A number that was emptied counts as the look has it, a seed as 0; no
      // channel is a choice.
      wish: () => {
        const { look, strength, ...wish } = current;
        const otherwise = { seed: 0, ...looks[wish.base] };
        for (const [name, value] of Object.entries(wish)) wish[name] = value ?? otherwise[name] ?? null;
        return wish;
      },
      refresh: expectSoon,
    };
    Object.assign(window.nightmare.form, form);
    load();
  };
})();
