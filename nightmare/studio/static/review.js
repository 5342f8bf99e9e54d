// Review: what culling removed, picture by picture, and what a person decides. The server writes each decision down
// before the next picture is shown.
(() => {
  "use strict";
  const { make, on, getJson, addKeys, speaker, kept, keep, place, go } = window.nightmare;
  const { attempted, framed, holdKey, percent, showMissing, words } = window.nightmare.pictures;
  const { balance, figures, leftOut, score, shares, zoom } = window.nightmare.evidence;
  const LEFT_OUT = "left out by ingest";
  const SECOND_LOOK = "second look";
  const ALONE = "one picture";

  window.nightmare.review = (element) => {
    const find = (selector) => element.querySelector(selector);
    const review = find(".nm-review");
    const card = find(".nm-review-card");
    const complaint = find(".nm-alert");
    const say = speaker(find(".nm-review-main .nm-status"));
    const signature = find(".nm-field input");
    const buttons = Object.fromEntries(
      ["keep", "remove", "undo", "zoom-pictures", "whole"].map((name) => [name, find(`.nm-${name}`)]),
    );

    const queue = window.nightmare.reviewQueue();
    let opened = false;

    signature.value = kept("review.reviewer", "");
    signature.addEventListener("change", () => keep("review.reviewer", signature.value));

    const focusCard = () => card.focus({ preventScroll: true });

    const attempt = (work) => attempted(work, complaint);

    // ---- opening ------------------------------------------------------------------------------------------------

    const look = async () => {
      const answer = await queue.look();
      const missing = find(".nm-missing");
      find(".nm-review-columns").hidden = Boolean(answer.missing);
      missing.hidden = !answer.missing;
      if (answer.missing) showMissing(missing, answer);
      return !answer.missing;
    };

    const remember = () => {
      const { reason, alone } = queue;
      const parameters = { reason, ...(reason === ALONE ? { id: alone } : {}) };
      if (place().tab === "review") go("review", parameters);
    };

    // Open the queue of `wanted` at picture `at`, or at the first that nobody has decided about.
    const open = async (wanted, at = null) =>
      attempt(async () => {
        const mine = queue.begin(wanted);
        const late = () => mine !== queue.opened;
        remember();
        if (wanted === LEFT_OUT) {
          const answer = await getJson("/api/review/left-out");
          if (!late()) showLeftOut(answer);
          return;
        }
        const first = await queue.bring(at ?? 0);
        if (late()) return;
        queue.number = Math.min(at ?? first.undecided, queue.total - 1);
        await queue.ready(queue.number);
        if (!late()) draw();
      });

    const start = async ({ parameters }) =>
      attempt(async () => {
        const identity = parameters.get("id") ?? "";
        const wanted = parameters.get("reason") ?? "";
        queue.alone = "";
        if (!(await look())) return;
        drawSides();
        if (identity) {
          const found = await getJson(`/api/review/place?${new URLSearchParams({ identity })}`);
          if (found.reason === ALONE) {
            queue.alone = identity;
            await look();
          }
          await open(found.reason, found.number);
          return;
        }
        const { queues, left_out: files } = queue.overview;
        const known = [...queues.map((each) => each.reason), ...(files ? [LEFT_OUT] : [])];
        const left = queues.find((each) => each.reviewed < each.count);
        const chosen = known.includes(wanted) ? wanted : (left ?? queues[0])?.reason ?? known[0];
        if (chosen) await open(chosen);
        else find(".nm-review-head h2").textContent = "Nothing was removed, and nothing is doubtful.";
      });

    // ---- drawing ----------------------------------------------------------------------------------------------

    const drawReasons = () => {
      const list = find(".nm-reasons ul");
      const { queues, left_out: files } = queue.overview;
      const entries = [
        ...queues.map(({ reason, count, reviewed }) => [reason, `${reviewed} of ${count}`]),
        ...(files ? [[LEFT_OUT, String(files)]] : []),
      ];
      list.replaceChildren(
        ...entries.map(([name, count]) => {
          const button = make(
            "button",
            { type: "button", className: "nm-button", "aria-pressed": String(name === queue.reason) },
            make("span", {}, name),
            make("small", {}, count),
          );
          button.addEventListener("click", () => choose(name));
          return make("li", {}, button);
        }),
      );
      if (queue.reason !== SECOND_LOOK) return;
      const another = make("button", { type: "button", className: "nm-button" }, "Draw 50 others");
      another.addEventListener("click", () => {
        queue.shuffle();
        attempt(async () => (await look()) && open(SECOND_LOOK));
      });
      list.append(make("li", {}, another));
    };

    const drawSides = () => {
      drawReasons();
      find(".nm-balance tbody").replaceChildren(...balance(queue.overview.classes));
    };

    const stripButton = (number) => {
      const item = queue.item(number);
      const mark = item.decision ? make("small", {}, item.decision === "keep" ? "K" : "R") : "";
      const fate = { keep: ", kept", remove: ", removed" }[item.decision] ?? "";
      const title = `${words(item.label)}${fate}`;
      const button = make("button", { type: "button", title }, framed(item.id, title), mark);
      button.addEventListener("click", () => move(number - queue.number));
      return make("li", {}, button);
    };

    const drawStrip = () => {
      const next = queue.page.slice(1).filter(queue.item);
      find(".nm-strip").replaceChildren(...next.map(stripButton));
    };

    const draw = () => {
      drawSides();
      const { current: item, number, total } = queue;
      const parts = [card, find(".nm-decide"), find(".nm-strip"), find(".nm-review-head progress")];
      for (const part of parts) part.hidden = !item;
      find(".nm-left-out").hidden = true;
      find(".nm-review-head h2").textContent = queue.reason;
      if (!item) return;
      const { reviewed, count } = queue.entry ?? { reviewed: 0, count: total };
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
      find(".nm-score").replaceChildren(...score(item, queue.overview.threshold));
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
        const target = Math.max(0, Math.min(queue.number + steps, queue.total - 1));
        if (!queue.total || target === queue.number) return;
        if (!queue.item(target)) await queue.ready(target);
        queue.number = target;
        draw();
        more();
      });

    // Bring what the strip lacks, while the person looks.
    const more = () =>
      attempt(async () => {
        const { opened: mine, number } = queue;
        await queue.ready(number);
        if (mine === queue.opened && number === queue.number) drawStrip();
      });

    const choose = async (name) => {
      await open(name);
      focusCard();
    };

    const nextReason = () => {
      const names = queue.overview?.queues.map((each) => each.reason) ?? [];
      if (names.length) choose(names[(names.indexOf(queue.reason) + 1) % names.length]);
    };

    const enlarge = () => {
      if (queue.current) zoom(queue.current, focusCard);
    };

    // ---- what starts it all -----------------------------------------------------------------------------------

    const decisions = window.nightmare.reviewDecisions(queue, {
      attempt,
      reviewer: () => signature.value,
      open,
      draw,
      move,
      focus: focusCard,
      say,
    });
    buttons.keep.addEventListener("click", decisions.keep);
    buttons.remove.addEventListener("click", decisions.remove);
    buttons.undo.addEventListener("click", decisions.undo);
    buttons["zoom-pictures"].addEventListener("click", enlarge);
    buttons.whole.addEventListener("click", decisions.wholePage);
    addKeys(
      "Review, while the picture has the focus", // elsewhere a letter that is not meant would write a decision
      [
        { keys: ["K", "1"], text: "Keep the picture, or bring it back", run: decisions.keep },
        { keys: ["R", "0"], text: "Remove it", run: decisions.remove },
        { keys: ["U"], text: "Undo the last decision", run: decisions.undo },
        { keys: ["ArrowLeft"], text: "The picture before", run: () => move(-1) },
        { keys: ["ArrowRight"], text: "The next picture", run: () => move(1) },
        { keys: ["Space"], text: "Zoom; the arrows then switch between copies", run: enlarge },
        { keys: ["Shift+A"], text: "Decide about the whole page", run: decisions.wholePage },
        { keys: ["G"], text: "The next reason", run: nextReason },
        holdKey(review),
      ],
      { element: card },
    );

    on("place", (now) => {
      if (now.tab !== "review") return;
      const named = now.parameters.get("id");
      const wanted = now.parameters.get("reason");
      const { reason, alone } = queue;
      const elsewhere = named ? named !== alone || (reason !== ALONE && !wanted) : wanted && wanted !== reason;
      if (!opened || elsewhere) {
        opened = true;
        start(now);
      } else if (!wanted) {
        remember();
      }
    });
  };
})();
