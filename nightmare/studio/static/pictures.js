// What Review and Dataset share: how a picture of the data set is shown, and what stands where there is none.
(() => {
  "use strict";
  const { make } = window.nightmare;

  window.nightmare.pictures = {
    percent: (share) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`,

    words: (label) => label.replaceAll("_", " "),

    // A picture that is blurred until it is held. Its frame is what may have the focus or be pressed: the focus alone
    // shows nothing.
    framed: (identity, alt, { whole = false } = {}) => {
      const src = `/api/thumbs/${identity}.webp${whole ? "?whole=true" : ""}`;
      const image = make("img", { className: "nm-picture", src, alt, loading: "lazy", draggable: false });
      return make("span", { className: "nm-framed" }, image);
    },

    // A bar that is `share` full; the number stands beside it.
    bar: (share) => {
      const bar = make("span", { className: "nm-bar", "aria-hidden": "true" }, make("span"));
      bar.firstChild.style.width = `${100 * share}%`;
      return bar;
    },

    // Pictures within `element` are sharp while V is down. Returns what `addKeys` takes.
    holdKey: (element) => ({
      keys: ["V"],
      text: "Hold to see blurred pictures",
      run: () => element.classList.add("nm-held"),
      release: () => element.classList.remove("nm-held"),
    }),

    // The same for a dialog, which the keys of the page do not reach.
    holdInDialog: (dialog) => {
      for (const name of ["keydown", "keyup"]) {
        dialog.addEventListener(name, (event) => {
          if (event.key.toLowerCase() === "v") dialog.classList.toggle("nm-held", name === "keydown");
        });
      }
    },

    // What `work` gives; where it fails null, and `complaint` says why.
    attempted: async (work, complaint) => {
      complaint.textContent = "";
      try {
        return await work();
      } catch (failure) {
        complaint.textContent = failure.message;
        return null;
      }
    },

    // One sentence, the command that makes what is absent, and where to read on.
    showMissing: (element, { missing, command, guide }) =>
      element.replaceChildren(`${missing} `, make("code", {}, command), "; see ", make("code", {}, guide), "."),
  };
})();
