// The picture of the Dream tab: a photo, the dream over it as it grows, and the handle, the flip and the zoom to look
// at both.
(() => {
  "use strict";
  const { calm, addKeys } = window.nightmare;

  const loaded = (url) =>
    new Promise((resolve, reject) => {
      const image = new Image();
      image.onload = () => resolve(image);
      image.onerror = reject;
      image.src = url;
    });

  // `viewer` holds all of it; as data it says which frame is on show.
  window.nightmare.stage = (viewer) => {
    const [before, after, split, flip, zoom] = [".nm-before", ".nm-after", ".nm-split", ".nm-flip", ".nm-zoom"].map(
      (selector) => viewer.querySelector(selector),
    );
    let asked = 0; // counts photos, so that one that loads slowly does not come over a newer one
    let shown = -1; // number of the newest frame on show
    let queued = null; // a frame that waits while another one loads
    let loading = false;

    const showBefore = async (url, alt) => {
      asked += 1;
      const mine = asked;
      const image = await loaded(url);
      if (mine !== asked) return;
      viewer.style.setProperty("--nm-ratio", image.naturalWidth / image.naturalHeight);
      viewer.style.setProperty("--nm-width", `${image.naturalWidth}px`);
      before.src = url;
      before.alt = alt;
    };

    // A new picture fades in over the old one, which then goes.
    const showAfter = async (url) => {
      const image = await loaded(url);
      image.alt = "The dream";
      image.className = "nm-frame";
      after.append(image);
      const old = [...after.children].slice(0, -1);
      if (!calm() && old.length) {
        await image.animate([{ opacity: 0 }, { opacity: 1 }], { duration: 150 }).finished.catch(() => {});
      }
      for (const each of old) each.remove();
    };

    const showFrames = async () => {
      if (loading) return;
      loading = true;
      while (queued) {
        const { url, number } = queued;
        queued = null;
        try {
          await showAfter(url);
          shown = number;
          viewer.dataset.frame = String(number);
        } catch {
          // it made room for a newer one
        }
      }
      loading = false;
    };

    const setSplit = () => viewer.style.setProperty("--nm-split", `${split.value}%`);

    const setFlip = (on) => {
      viewer.classList.toggle("nm-flipped", on);
      flip.setAttribute("aria-pressed", String(on));
    };

    split.addEventListener("input", setSplit);
    flip.addEventListener("click", () => setFlip(!viewer.classList.contains("nm-flipped")));
    zoom.addEventListener("click", () => {
      zoom.textContent = viewer.classList.toggle("nm-full") ? "Fit" : "100 %";
    });
    addKeys(
      "Picture, while it has the focus",
      [
        { keys: ["B"], text: "Hold to see the photo", run: () => setFlip(true), release: () => setFlip(false) },
        { keys: ["Z"], text: "Fit or 100 %", run: () => zoom.click() },
      ],
      { element: viewer.querySelector(".nm-stage") },
    );
    setSplit();

    return {
      // The photo alone.
      showPhoto: (url, alt) => {
        after.replaceChildren();
        showBefore(url, alt).catch(() => {});
      },
      showBoth: (photo, dreamt) => {
        after.replaceChildren();
        return Promise.all([showBefore(photo, "The photo"), showAfter(dreamt)]);
      },
      // A frame of the dream, unless a newer one is on show. While one loads the newest of the others waits.
      showFrame: (url, number) => {
        if (number <= Math.max(0, shown)) return;
        queued = { url, number };
        showFrames();
      },
      // Frames that come are those of another dream.
      begin: () => (shown = -1),
      setStrength: (strength) => (after.style.opacity = String(strength)),
    };
  };
})();
