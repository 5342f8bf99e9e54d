// What comes under the brush and what leaves it: photos of one's own, those of the Dream tab and its dreams; saving, and
// sending to the Dream tab.
(() => {
  "use strict";
  const { make, on, ask, request, place, go } = window.nightmare;
  const REPLACE = "Replace it";

  // `act.leave()` is told before another picture takes the place of the one under the brush, `act.arrived()` after it;
  // `act.say` speaks.
  window.nightmare.brushExchange = (element, props, picture, act) => {
    const find = (selector) => element.querySelector(selector);
    const [complaint, saveButton, sendButton, followButton] = [
      "[role=alert]", ".nm-save", ".nm-send", ".nm-follow",
    ].map(find);

    let name = "";
    let unsaved = false;
    let offered = null; // by the Dream tab
    let shown = ""; // key of the one that is on show, if it is from there
    let own = false; // brought here, so that the Dream tab's does not take its place

    const enable = () => {
      saveButton.disabled = sendButton.disabled = !picture.width;
    };

    // Put the picture in `blob` under the brush. Whoever has painted is asked first.
    const bring = async (blob, called) => {
      complaint.textContent = "";
      try {
        const image = await window.nightmare.brushPhoto(blob, props);
        if (unsaved && picture.painted) {
          const sentence = "What is painted is not saved. Replace it with the new photo?";
          if ((await ask(sentence, ["Keep painting", REPLACE])) !== REPLACE) return false;
        }
        const shrink = Math.min(1, props.side / Math.max(image.naturalWidth, image.naturalHeight));
        const [width, height] = [image.naturalWidth, image.naturalHeight].map((side) =>
          Math.max(props.smallest_side, Math.round(side * shrink)),
        );
        act.leave();
        picture.load(image, width, height);
      } catch (failure) {
        complaint.textContent = failure.message;
        return false;
      }
      name = called;
      unsaved = false;
      enable();
      act.arrived();
      find(".nm-brush").dataset.photo = name;
      return true;
    };

    const take = async (file) => {
      if (!(await bring(file, (file.name ?? "photo").replace(/\.[^.]*$/, "")))) return;
      own = true;
      shown = "";
      offer();
    };

    const takeOffered = async () => {
      const wanted = offered;
      try {
        const key = await window.nightmare.photoReady();
        const blob = await (await request(`/api/photos/${key}.jpg?pixels=${props.side}`)).blob();
        if (wanted !== offered && wanted.key !== key) return; // another one was chosen meanwhile
        if (await bring(blob, wanted.name)) {
          own = false;
          shown = wanted.key;
        }
      } catch (failure) {
        complaint.textContent = failure.message;
        own = true; // it is tried again when somebody asks for it
        shown = "";
      }
      offer();
    };

    const offer = () => {
      const another = offered !== null && offered.key !== shown;
      followButton.hidden = !another;
      if (another && !own && !picture.painted && place().tab === "brush") {
        shown = offered.key;
        takeOffered();
      }
    };

    const takeResult = async ({ job, strength }) => {
      own = true;
      go("brush");
      try {
        const blob = await (await request(`/api/results/${job}.png?strength=${strength.toFixed(2)}`)).blob();
        if (await bring(blob, "dream")) shown = "";
      } catch (failure) {
        complaint.textContent = failure.message;
      }
      offer();
    };

    const save = async () => {
      const link = make("a", { href: URL.createObjectURL(await picture.png()), download: `${name}-brush.png` });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
      unsaved = false;
      act.say("Saved.", { urgent: true });
    };

    const send = async () => {
      sendButton.disabled = true;
      complaint.textContent = "";
      try {
        const blob = await picture.png();
        await window.nightmare.bringPhoto(new File([blob], `${name}-brush.png`, { type: "image/png" }));
        unsaved = false;
        go("dream");
      } catch (failure) {
        complaint.textContent = failure.message;
      }
      enable();
    };

    const addAction = () => {
      if (window.nightmare.addResultAction) window.nightmare.addResultAction("Send to Brush", takeResult);
      else setTimeout(addAction, 50); // the viewer is not there yet
    };

    saveButton.addEventListener("click", save);
    sendButton.addEventListener("click", send);
    followButton.addEventListener("click", takeOffered);
    window.nightmare.takeFiles("brush", element, take);
    addAction();
    on("photo", (photo) => {
      offered = photo;
      offer();
    });
    on("place", offer);
    enable();

    return {
      save,
      painted: () => (unsaved = true),
    };
  };
})();
