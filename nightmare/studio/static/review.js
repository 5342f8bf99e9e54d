// Review: what culling removed, picture by picture, and what a person decides. The server writes each decision down
// before the next picture is shown.
(() => {
  "use strict";
  const { make, on, ask, getJson, postJson, addKeys, speaker, kept, keep, place, go } = window.nightmare;
  const { attempted, framed, holdKey, percent, showMissing, words } = window.nightmare.pictures;
  const { balance, figures, leftOut, score, shares, zoom } = window.nightmare.evidence;
  const STRIP = 12; // pictures after the one that is looked at
  const WINDOW = 24; // pictures that are asked for at once
  const LEFT_OUT = "left out by ingest";
  const SECOND_LOOK = "second look";
  const ALONE = "one picture";
  const DONE = { keep: "Kept", remove: "Removed" };
  const ORDERS = { keep: "Keep", remove: "Remove" };

  const newSeed = () => Math.floor(Math.random() * 2 ** 31);

  window.nightmare.review = (element, props) => {
    const find = (selector) => element.querySelector(selector);
    const review = find(".nm-review");
    const card = find(".nm-review-card");
    const complaint = find(".nm-alert");
    const say = speaker(find(".nm-review-main .nm-status"));
    const signature = find(".nm-field input");
    const buttons = Object.fromEntries(
      ["keep", "remove", "undo", "zoom-pictures", "whole"].map((name) => [name, find(`.nm-${name}`)]),
    );

    let overview = null;
    let reason = "";
    let number = 0; // of the picture that is looked at in its queue
    let total = 0;
    let items = new Map(); // those of the queue that were brought, by number
    let alone = "";
    let seed = kept("review.seed");
    let undone = []; // what was decided on this page: {id, reason, before}
    let waiting = Promise.resolve(); // decisions are sent one after another
    let opened = false;
    let asked = 0; // counts the queues that were opened, so that a late answer to an older one is let go

    if (seed === null) {
      seed = newSeed();
      keep("review.seed", seed);
    }
    signature.value = kept("review.reviewer", "");
    signature.addEventListener("change", () => keep("review.reviewer", signature.value));

    const query = (more = {}) => new URLSearchParams({ seed, alone, ...more });
    const queue = () => overview?.queues.find((each) => each.reason === reason);
    const current = () => items.get(number);

    const focusCard = () => card.focus({ preventScroll: true });

    const attempt = (work) => attempted(work, complaint);

    // ---- bringing ---------------------------------------------------------------------------------------------

    const bring = async (from) => {
      const offset = Math.max(0, from);
      const answer = await getJson(`/api/review/items?${query({ reason, offset, limit: WINDOW })}`);
      total = answer.total;
      for (const [place, item] of answer.items.entries()) items.set(offset + place, item);
      return answer;
    };

    // What is shown beside picture `at`, with some to come.
    const ready = async (at) => {
      for (let each = at; each <= Math.min(at + STRIP, total - 1); each += 1) {
        if (!items.has(each)) {
          await bring(each === at ? at - 2 : each);
        }
      }
    };

    const look = async () => {
      const answer = await getJson(`/api/review?${query()}`);
      const missing = find(".nm-missing");
      find(".nm-review-columns").hidden = Boolean(answer.missing);
      missing.hidden = !answer.missing;
      if (answer.missing) {
        showMissing(missing, answer);
        return false;
      }
      overview = answer;
      return true;
    };

    const remember = () => {
      const parameters = { reason, ...(reason === ALONE ? { id: alone } : {}) };
      if (place().tab === "review") go("review", parameters);
    };

    // Open the queue of `wanted` at picture `at`, or at the first that nobody has decided about.
    const open = async (wanted, at = null) =>
      attempt(async () => {
        const mine = (asked += 1);
        reason = wanted;
        items = new Map();
        number = total = 0;
        remember();
        if (reason === LEFT_OUT) {
          const answer = await getJson("/api/review/left-out");
          if (mine === asked) showLeftOut(answer);
          return;
        }
        const first = await bring(at ?? 0);
        if (mine !== asked) return;
        number = Math.min(at ?? first.undecided, total - 1);
        await ready(number);
        if (mine === asked) draw();
      });

    const start = async ({ parameters }) =>
      attempt(async () => {
        const identity = parameters.get("id") ?? "";
        const wanted = parameters.get("reason") ?? "";
        alone = "";
        if (!(await look())) return;
        drawSides();
        if (identity) {
          const found = await getJson(`/api/review/place?${new URLSearchParams({ identity })}`);
          if (found.reason === ALONE) {
            alone = identity;
            await look();
          }
          await open(found.reason, found.number);
          return;
        }
        const known = [...overview.queues.map((each) => each.reason), ...(overview.left_out ? [LEFT_OUT] : [])];
        const left = overview.queues.find((each) => each.reviewed < each.count);
        const chosen = known.includes(wanted) ? wanted : (left ?? overview.queues[0])?.reason ?? known[0];
        if (chosen) await open(chosen);
        else find(".nm-review-head h2").textContent = "Nothing was removed, and nothing is doubtful.";
      });

    // ---- drawing ----------------------------------------------------------------------------------------------

    const drawReasons = () => {
      const list = find(".nm-reasons ul");
      const entries = [
        ...overview.queues.map(({ reason: name, count, reviewed }) => [name, `${reviewed} of ${count}`]),
        ...(overview.left_out ? [[LEFT_OUT, String(overview.left_out)]] : []),
      ];
      list.replaceChildren(
        ...entries.map(([name, count]) => {
          const button = make(
            "button",
            { type: "button", className: "nm-button", "aria-pressed": String(name === reason) },
            make("span", {}, name),
            make("small", {}, count),
          );
          button.addEventListener("click", () => choose(name));
          return make("li", {}, button);
        }),
      );
      if (!overview.queues.some((each) => each.reason === SECOND_LOOK)) return;
      const another = make("button", { type: "button", className: "nm-button" }, "Draw 50 others");
      another.addEventListener("click", () => {
        seed = newSeed();
        keep("review.seed", seed);
        attempt(async () => (await look()) && open(SECOND_LOOK));
      });
      if (reason === SECOND_LOOK) list.append(make("li", {}, another));
    };

    const drawSides = () => {
      drawReasons();
      find(".nm-balance tbody").replaceChildren(...balance(overview.classes));
    };

    const drawStrip = () => {
      const buttonsOf = [];
      for (let each = number + 1; each <= Math.min(number + STRIP, total - 1); each += 1) {
        const item = items.get(each);
        if (!item) continue;
        const mark = item.decision ? make("small", {}, item.decision === "keep" ? "K" : "R") : "";
        const title = `${words(item.label)}${item.decision ? `, ${DONE[item.decision].toLowerCase()}` : ""}`;
        const button = make("button", { type: "button", title }, framed(item.id, title), mark);
        button.addEventListener("click", () => move(each - number));
        buttonsOf.push(make("li", {}, button));
      }
      find(".nm-strip").replaceChildren(...buttonsOf);
    };

    const draw = () => {
      drawSides();
      const item = current();
      const parts = [card, find(".nm-decide"), find(".nm-strip"), find(".nm-review-head progress")];
      for (const part of parts) part.hidden = !item;
      find(".nm-left-out").hidden = true;
      find(".nm-review-head h2").textContent = reason;
      if (!item) return;
      const { reviewed, count } = queue() ?? { reviewed: 0, count: total };
      find(".nm-review-head progress").value = count ? reviewed / count : 0;
      find(".nm-progress-words").textContent = `${reviewed} of ${count} reviewed`;
      review.dataset.id = item.id;
      review.dataset.number = String(number);
      find("#nm-card-title").textContent =
        `${words(item.label)}${item.suggested ? `, like ${words(item.suggested)}` : ""}`;
      find(".nm-card-pictures").replaceChildren(...figures(item));
      card.dataset.copies = String(item.copies.length);
      const likely = Object.entries(item.evidence).filter(([, share]) => share !== null && share >= 0.01);
      find(".nm-verdict").textContent = [
        `Picture ${number + 1} of ${total}`,
        item.decision ? `you decided: ${item.decision}` : item.kept ? "kept so far" : `removed: ${item.reason}`,
        ...likely.map(([name, share]) => `${name} ${percent(share)}`),
      ].join(" · ");
      find(".nm-score").replaceChildren(...score(item, overview.threshold));
      find(".nm-shares").replaceChildren(...shares(item));
      find(".nm-source").textContent =
        `${item.source_id} · grade ${item.grade || "none"} · ${item.id}` +
        (item.more_copies ? ` · ${item.more_copies} more of its group` : "");
      buttons.keep.setAttribute("aria-pressed", String(item.decision === "keep"));
      buttons.remove.setAttribute("aria-pressed", String(item.decision === "remove"));
      drawStrip();
    };

    const showLeftOut = ({ rows, total: all }) => {
      draw();
      const first = rows.length < all ? `the first ${rows.length} of ` : "";
      find(".nm-progress-words").textContent = `${first}${all} files, of which no picture was made`;
      delete review.dataset.id;
      const box = find(".nm-left-out");
      box.hidden = false;
      box.replaceChildren(...leftOut(rows));
    };

    // ---- moving and deciding ----------------------------------------------------------------------------------

    const move = (steps) =>
      attempt(async () => {
        const target = Math.max(0, Math.min(number + steps, total - 1));
        if (!total || target === number) return;
        if (!items.has(target)) await ready(target);
        number = target;
        draw();
        more();
      });

    // Bring what the strip lacks, while the person looks.
    const more = () =>
      attempt(async () => {
        const [mine, at] = [asked, number];
        await ready(at);
        if (mine === asked && number === at) drawStrip();
      });

    const choose = async (name) => {
      await open(name);
      focusCard();
    };

    const send = (decisions, why) => {
      const mine = asked;
      const sent = waiting.then(() =>
        postJson(`/api/review?${query()}`, { reason: why, reviewer: signature.value, decisions }),
      );
      waiting = sent.catch(() => {});
      return sent.then((answer) => {
        overview = answer;
        for (const { id, decision } of decisions) {
          for (const item of mine === asked ? items.values() : []) {
            if (item.id === id) item.decision = decision === "undo" ? null : decision;
          }
        }
      });
    };

    const progressWords = () => {
      const { reviewed, count } = queue() ?? {};
      return count ? ` ${reviewed} of ${count} reviewed.` : "";
    };

    let busy = false;
    // One thing at a time: a key that is held down decides about no picture that was not seen.
    const alike = (work) => async (event) => {
      if (busy || event?.repeat) return;
      busy = true;
      await attempt(work);
      busy = false;
    };

    const decide = (decision) =>
      alike(async () => {
        const item = current();
        if (!item) return;
        const before = item.decision;
        await send([{ id: item.id, decision }], reason);
        undone.push({ changes: [{ id: item.id, before }], reason, number });
        const last = number >= total - 1;
        draw();
        if (!last) await move(1);
        focusCard();
        const end = last ? " That was the last one here; G opens the next reason." : "";
        say(`${DONE[decision]}.${progressWords()}${end}`, { urgent: true });
      });

    const undo = alike(async () => {
      const last = undone.at(-1);
      const item = current();
      if (last) {
        // A decision from before is written down again; where there was none, the picture is left to the machine.
        await send(last.changes.map(({ id, before }) => ({ id, decision: before ?? "undo" })), last.reason);
        undone.pop();
        if (last.reason !== reason) await open(last.reason, last.number);
        else number = Math.min(last.number, total - 1);
        await ready(number);
      } else if (item?.decision) {
        await send([{ id: item.id, decision: "undo" }], reason);
      } else {
        say("Nothing to undo.", { urgent: true });
        return;
      }
      draw();
      focusCard();
      say(`Undone.${progressWords()}`, { urgent: true });
    });

    const wholePage = alike(async () => {
      const page = [];
      for (let each = number; each <= Math.min(number + STRIP, total - 1); each += 1) {
        const item = items.get(each);
        if (item && !item.decision) page.push(item);
      }
      if (!page.length) {
        say("Every picture of this page is decided about.", { urgent: true });
        return;
      }
      const pictures = page.length === 1 ? "one picture" : `${page.length} pictures`;
      const agree = queue()?.agree ?? "keep";
      const labels = Object.fromEntries(
        [agree, agree === "keep" ? "remove" : "keep"].map((each) => [`${ORDERS[each]} ${page.length}`, each]),
      );
      const chosen = await ask(
        `What of the ${pictures} on this page that nobody has decided about: this one and those of the strip?`,
        [...Object.keys(labels), "Cancel"],
      );
      if (!labels[chosen]) return;
      await send(page.map(({ id }) => ({ id, decision: labels[chosen] })), reason);
      undone.push({ changes: page.map(({ id }) => ({ id, before: null })), reason, number });
      draw();
      await move(STRIP + 1);
      focusCard();
      say(`${DONE[labels[chosen]]}: ${pictures}.${progressWords()}`, { urgent: true });
    });

    const nextReason = () => {
      const names = overview?.queues.map((each) => each.reason) ?? [];
      if (names.length) choose(names[(names.indexOf(reason) + 1) % names.length]);
    };

    const enlarge = () => {
      if (current()) zoom(current(), focusCard);
    };

    // ---- what starts it all -----------------------------------------------------------------------------------

    const keepIt = decide("keep");
    const removeIt = decide("remove");
    buttons.keep.addEventListener("click", keepIt);
    buttons.remove.addEventListener("click", removeIt);
    buttons.undo.addEventListener("click", undo);
    buttons["zoom-pictures"].addEventListener("click", enlarge);
    buttons.whole.addEventListener("click", wholePage);
    addKeys(
      "Review, while the picture has the focus", // elsewhere a letter that is not meant would write a decision
      [
        { keys: ["K", "1"], text: "Keep the picture, or bring it back", run: keepIt },
        { keys: ["R", "0"], text: "Remove it", run: removeIt },
        { keys: ["U"], text: "Undo the last decision", run: undo },
        { keys: ["ArrowLeft"], text: "The picture before", run: () => move(-1) },
        { keys: ["ArrowRight"], text: "The next picture", run: () => move(1) },
        { keys: ["Space"], text: "Zoom; the arrows then switch between copies", run: enlarge },
        { keys: ["Shift+A"], text: "Decide about the whole page", run: wholePage },
        { keys: ["G"], text: "The next reason", run: nextReason },
        holdKey(review),
      ],
      { element: card },
    );

    on("place", (now) => {
      if (now.tab !== "review") return;
      const named = now.parameters.get("id");
      const wanted = now.parameters.get("reason");
      const elsewhere = named ? named !== alone || reason !== ALONE && !wanted : wanted && wanted !== reason;
      if (!opened || elsewhere) {
        opened = true;
        start(now);
      } else if (!wanted) {
        remember();
      }
    });
  };
})();
