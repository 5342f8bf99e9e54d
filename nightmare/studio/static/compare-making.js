// Dreams that the Compare tab asks for, one after the other, so that others find a place in line between them.
(() => {
  "use strict";
  const { request, getJson, lines, Failure } = window.nightmare;

  const LOST = "The dream was lost on the way. Make it again.";

  const same = (one, other) =>
    Boolean(one) && ["name", "octaves", "iterations"].every((name) => one[name] === other[name]);

  const sentenceOf = ({ place, step, steps }) => (place ? `${place} before it in line` : `step ${step} of ${steps}`);

  // `bodyOf(wanted)` is what the server is asked for; `changed()` is awaited when one begins or has ended, `moved(share)`
  // hears how far it is, `say` and `complain` of its words. What is wanted has a name, a title, octaves and iterations.
  window.nightmare.compareMaking = ({ bodyOf, changed, moved, say, complain }) => {
    let now = null;
    let waiting = [];
    let job = "";

    const make = async (wanted) => {
      const body = JSON.stringify(bodyOf(wanted));
      const answer = await request("/api/compare/dreams", { method: "POST", body, type: "application/json" });
      let last = null;
      for await (const progress of lines(answer)) {
        last = progress;
        job = progress.job;
        if (progress.status !== 200) throw new Failure(progress.status, progress.ended);
        moved(progress.share);
        say(`${wanted.title}: ${sentenceOf(progress)}${waiting.length ? `, ${waiting.length} more to come` : ""}`);
      }
      if (!last?.ended) throw new TypeError(LOST);
      say(last.whole ? `${wanted.title} is made.` : `${wanted.title}: ${last.ended}; it is not kept.`, { urgent: true });
    };

    const work = async () => {
      complain("");
      while (waiting.length) {
        now = waiting.shift();
        await changed();
        try {
          await make(now);
        } catch (failure) {
          // Where the server is busy or gone the others fare no better; a network that is broken is alone with that.
          if (failure instanceof TypeError || failure.status === 503) waiting = [];
          say("", { urgent: true });
          complain(failure instanceof TypeError ? LOST : `${now.title}: ${failure.message}`);
        }
        now = null;
        job = "";
        await changed();
      }
    };

    return {
      busy: () => now !== null,
      makes: (wanted) => same(now, wanted),
      want: (...wanted) => {
        waiting.push(...wanted.filter((one) => ![now, ...waiting].some((other) => same(other, one))));
        if (!now) work();
      },
      stop: async () => {
        waiting = [];
        if (job) await getJson(`/api/dreams/${job}/stop`, { method: "POST" }).catch((failure) => complain(failure.message));
      },
    };
  };
})();
