// One picture of the data set with its facts, in a dialog of the Dataset tab.
(() => {
  "use strict";
  const { make, getJson, request, go } = window.nightmare;
  const { framed, holdInDialog, words } = window.nightmare.pictures;
  const { relatives, table } = window.nightmare.facts;

  // It has the focus first: a link further down would scroll the picture away.
  const heading = ({ label, source_id: name }) => {
    const properties = { id: "nm-detail-title", tabIndex: -1, autofocus: true };
    return make("h2", properties, `${words(label)} `, make("small", {}, name));
  };

  const button = (text, run, more = "") => {
    const made = make("button", { type: "button", className: `nm-button${more}` }, text);
    made.addEventListener("click", run);
    return made;
  };

  // `attempt(work)` shows why something failed; `wanted()` is the id in the address, which `open(id)` changes, with ""
  // for none; `around(id, count)` is the id so many pictures on; `closed(id)` hears that somebody closed it.
  window.nightmare.detail = ({ attempt, wanted, open, around, closed }) => {
    let dialog = null;

    const useAsPhoto = (facts) =>
      attempt(async () => {
        const answer = await request(`/api/thumbs/${facts.id}.webp?whole=true`);
        const name = `${facts.label} ${facts.id.slice(0, 6)}.webp`;
        const file = new File([await answer.blob()], name, { type: "image/webp" });
        open("");
        go("dream");
        await window.nightmare.takePhoto(file);
      });

    const buttons = (facts, element) => {
      const review = button("Open in Review", () => {
        open("");
        go("review", { id: facts.id });
      });
      review.disabled = facts.side === "test"; // never culled
      const use = button("Use as photo", () => useAsPhoto(facts));
      return [use, review, button("Close", () => element.close(), " nm-primary")];
    };

    const close = () => {
      const opened = dialog;
      dialog = null;
      opened?.close();
      opened?.remove();
    };

    const show = (id) =>
      attempt(async () => {
        if (dialog?.dataset.id === id) return;
        const facts = await getJson(`/api/data/${encodeURIComponent(id)}`);
        if (wanted() !== id) return;
        close();
        const opened = make("dialog", { className: "nm-dialog nm-detail", "aria-labelledby": "nm-detail-title" });
        opened.dataset.id = id;
        dialog = opened;
        opened.append(
          heading(facts),
          make("div", { className: "nm-detail-body" }, framed(id, words(facts.label), { whole: true }), table(facts)),
          relatives(facts, open),
          make("div", { className: "nm-dialog-buttons" }, ...buttons(facts, opened)),
        );
        holdInDialog(opened);
        opened.addEventListener("keydown", (event) => {
          const count = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
          const next = count && around(id, count);
          if (!next) return;
          event.preventDefault();
          open(next);
        });
        opened.addEventListener("close", () => {
          if (dialog !== opened) return;
          close();
          closed(id);
        });
        document.body.append(opened);
        opened.showModal();
      });

    return { show, close };
  };
})();
