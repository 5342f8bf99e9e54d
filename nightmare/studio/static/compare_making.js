// Dreams that the Compare tab asks for, one after the other, so that others find a place in line between them.
(() => {
  "use strict";
  const { request, getJson, lines, Failure } = window.nightmare;

  const LOST = "The dream was lost on the way. Make it again.";

  // What the server is asked for. It was put together when somebody wished for it: they may have chosen another photo
  // by the time that it is its turn.
  const bodyOf = ({ album, name, octaves, iterations }) => JSON.stringify({ album, model: name, octaves, iterations });

  const same = (one, other) => Boolean(one) && bodyOf(one) === bodyOf(other);

  const notKept = ({ title }, ended) => `${title}: ${ended}; it is not kept.`;

  const sentenceOf = ({ place, step, steps }) => (place ? `${place} before it in line` : `step ${step} of ${steps}`);

  // `changed()` is awaited when one begins or has ended, `moved(share)` hears how far it is, `say` and `complain` of
  // its words. What is wanted has an album, a name, a title, octaves and iterations.
  window.nightmare.compareMaking = ({ changed, moved, say, complain }) => {
    let working = false;
    let now = null;
    let waiting = [];
    let job = "";
    let letGo = null; // ends a request of which nothing is known yet

    const make = async (wanted, signal) => {
      const options = { method: "POST", body: bodyOf(wanted), type: "application/json", signal };
      const answer = await request("/api/compare/dreams", options);
      let last = null;
      for await (const progress of lines(answer)) {
        last = progress;
        job = progress.job;
        if (progress.status !== 200) throw new Failure(progress.status, progress.ended);
        moved(progress.share);
        say(`${wanted.title}: ${sentenceOf(progress)}${waiting.length ? `, ${waiting.length} more to come` : ""}`);
      }
      if (!last?.ended) throw new TypeError(LOST);
      say(last.whole ? `${wanted.title} is made.` : notKept(wanted, last.ended), { urgent: true });
    };

    const tried = async (wanted, signal) => {
      try {
        await make(wanted, signal);
      } catch (failure) {
        if (signal.aborted) {
          say(notKept(wanted, "Stopped"), { urgent: true });
          return;
        }
        // Where the server is busy or gone the others fare no better; a network that is broken is alone with that.
        if (failure instanceof TypeError || failure.status === 503) waiting = [];
        say("", { urgent: true });
        complain(failure instanceof TypeError ? LOST : `${wanted.title}: ${failure.message}`);
      }
    };

    const work = async () => {
      if (working) return;
      working = true;
      complain("");
      while (waiting.length) {
        now = waiting.shift();
        letGo = new AbortController();
        const { signal } = letGo;
        await changed();
        await tried(now, signal);
        now = null;
        job = "";
        await changed();
      }
      working = false;
    };

    return {
      busy: () => now !== null,
      makes: (wanted) => same(now, wanted),
      want: (...wanted) => {
        waiting.push(...wanted.filter((one) => ![now, ...waiting].some((other) => same(other, one))));
        work();
      },
      stop: async () => {
        waiting = [];
        if (!job) letGo?.abort();
        else await getJson(`/api/dreams/${job}/stop`, { method: "POST" }).catch((failure) => complain(failure.message));
      },
    };
  };
})();
