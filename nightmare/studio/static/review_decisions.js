// What a person decides about pictures: each decision is sent before the next picture is shown, and can be taken back.
(() => {
  "use strict";
  const { ask, postJson } = window.nightmare;
  const DONE = { keep: "Kept", remove: "Removed" };
  const ORDERS = { keep: "Keep", remove: "Remove" };

  // Of the pictures of `queue`; `page` has attempt(work), which shows why it failed, reviewer(), open(reason, number),
  // draw(), move(steps), focus() and say.
  window.nightmare.reviewDecisions = (queue, page) => {
    const { attempt, draw, move, say } = page;
    const undone = []; // what was decided on this page: {changes, reason, number}
    let waiting = Promise.resolve(); // decisions are sent one after another
    let busy = false;

    const send = (decisions, reason) => {
      const mine = queue.opened;
      const sent = waiting.then(() =>
        postJson(`/api/review?${queue.query()}`, { reason, reviewer: page.reviewer(), decisions }),
      );
      waiting = sent.catch(() => {});
      return sent.then((answer) => {
        queue.overview = answer;
        if (mine !== queue.opened) return;
        for (const { id, decision } of decisions) queue.mark(id, decision === "undo" ? null : decision);
      });
    };

    const progressWords = () => {
      const { reviewed, count } = queue.entry ?? {};
      return count ? ` ${reviewed} of ${count} reviewed.` : "";
    };

    // One thing at a time: a key that is held down decides about no picture that was not seen.
    const alike = (work) => async (event) => {
      if (busy || event?.repeat) return;
      busy = true;
      await attempt(work);
      busy = false;
    };

    const decide = (decision) =>
      alike(async () => {
        const { current: item, reason, number } = queue;
        if (!item) return;
        const before = item.decision;
        await send([{ id: item.id, decision }], reason);
        undone.push({ changes: [{ id: item.id, before }], reason, number });
        const last = queue.number >= queue.total - 1;
        draw();
        if (!last) await move(1);
        page.focus();
        const end = last ? " That was the last one here; G opens the next reason." : "";
        say(`${DONE[decision]}.${progressWords()}${end}`, { urgent: true });
      });

    const undo = alike(async () => {
      const last = undone.at(-1);
      const item = queue.current;
      if (last) {
        // A decision from before is written down again; where there was none, the picture is left to the machine.
        await send(last.changes.map(({ id, before }) => ({ id, decision: before ?? "undo" })), last.reason);
        undone.pop();
        if (last.reason !== queue.reason) await page.open(last.reason, last.number);
        else queue.number = Math.min(last.number, queue.total - 1);
        await queue.ready(queue.number);
      } else if (item?.decision) {
        await send([{ id: item.id, decision: "undo" }], queue.reason);
      } else {
        say("Nothing to undo.", { urgent: true });
        return;
      }
      draw();
      page.focus();
      say(`Undone.${progressWords()}`, { urgent: true });
    });

    const wholePage = alike(async () => {
      const { reason, number } = queue;
      const shown = queue.page.map(queue.item).filter((item) => item && !item.decision);
      if (!shown.length) {
        say("Every picture of this page is decided about.", { urgent: true });
        return;
      }
      const pictures = shown.length === 1 ? "one picture" : `${shown.length} pictures`;
      const agree = queue.entry?.agree ?? "keep";
      const labels = Object.fromEntries(
        [agree, agree === "keep" ? "remove" : "keep"].map((each) => [`${ORDERS[each]} ${shown.length}`, each]),
      );
      const chosen = await ask(
        `What of the ${pictures} on this page that nobody has decided about: this one and those of the strip?`,
        [...Object.keys(labels), "Cancel"],
      );
      if (!labels[chosen]) return;
      await send(shown.map(({ id }) => ({ id, decision: labels[chosen] })), reason);
      undone.push({ changes: shown.map(({ id }) => ({ id, before: null })), reason, number });
      draw();
      await move(queue.page.length);
      page.focus();
      say(`${DONE[labels[chosen]]}: ${pictures}.${progressWords()}`, { urgent: true });
    });

    return { keep: decide("keep"), remove: decide("remove"), undo, wholePage };
  };
})();
