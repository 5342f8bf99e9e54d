// The queue of pictures that Review goes through: for which reason, at which picture, and those around it that were
// brought.
(() => {
  "use strict";
  const { getJson, kept, keep } = window.nightmare;
  const STRIP = 12; // pictures after the one that is looked at
  const WINDOW = 24; // pictures that are asked for at once

  const newSeed = () => Math.floor(Math.random() * 2 ** 31);

  window.nightmare.reviewQueue = () => {
    let items = new Map(); // those that were brought, by number
    let seed = kept("review.seed");

    // Other pictures for the second look.
    const shuffle = () => {
      seed = newSeed();
      keep("review.seed", seed);
    };
    if (seed === null) shuffle();

    const queue = {
      overview: null, // of all queues
      reason: "",
      number: 0, // of the picture that is looked at
      total: 0,
      alone: "", // a picture that is looked at by itself
      opened: 0, // counts the queues that were opened, so that a late answer to an older one is let go

      get current() { return items.get(queue.number); },
      get entry() { return queue.overview?.queues.find((each) => each.reason === queue.reason); },
      get last() { return Math.min(queue.number + STRIP, queue.total - 1); },
      // Numbers of the pictures from the one that is looked at to the last of its strip.
      get page() { return Array.from({ length: queue.last - queue.number + 1 }, (_, place) => queue.number + place); },
      item: (number) => items.get(number),
      shuffle,
      query: (more = {}) => new URLSearchParams({ seed, alone: queue.alone, ...more }),

      // Begin another queue, and return its count.
      begin: (reason) => {
        items = new Map();
        Object.assign(queue, { reason, number: 0, total: 0 });
        queue.opened += 1;
        return queue.opened;
      },

      look: async () => {
        const answer = await getJson(`/api/review?${queue.query()}`);
        if (!answer.missing) queue.overview = answer;
        return answer;
      },

      bring: async (from) => {
        const { opened, reason } = queue;
        const offset = Math.max(0, from);
        const answer = await getJson(`/api/review/items?${queue.query({ reason, offset, limit: WINDOW })}`);
        if (opened !== queue.opened) return answer;
        queue.total = answer.total;
        for (const [place, item] of answer.items.entries()) items.set(offset + place, item);
        return answer;
      },

      // What is shown beside picture `at`, with some to come.
      ready: async (at) => {
        for (let each = at; each <= Math.min(at + STRIP, queue.total - 1); each += 1) {
          if (!items.has(each)) await queue.bring(each === at ? at - 2 : each);
        }
      },

      mark: (id, decision) => {
        for (const item of items.values()) if (item.id === id) item.decision = decision;
      },
    };
    return queue;
  };
})();
