// What comes under the brush and what leaves it: photos of one's own, those of the Dream tab and its dreams; saving,
// and sending to the Dream tab.
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
    let reading = 0; // of what is brought here
    let wished = 0; // counts what is to come under the brush,
    let put = 0; // and is the number of what came: an older one that comes later is let go

    const next = () => {
      wished += 1;
      return wished;
    };

    const enable = () => {
      saveButton.disabled = sendButton.disabled = !picture.width;
    };

    // Put the picture in `blob` under the brush, unless one of a higher `number` is there by then. Whoever has painted
    // is asked first.
    const bring = async (blob, called, number) => {
      const late = () => number < put;
      complaint.textContent = "";
      try {
        const image = await window.nightmare.brushPhoto(blob, props);
        if (late()) return false;
        if (unsaved && picture.painted) {
          const sentence = "What is painted is not saved. Replace it with the new photo?";
          if ((await ask(sentence, ["Keep painting", REPLACE])) !== REPLACE || late()) return false;
        }
        const shrink = Math.min(1, props.side / Math.max(image.naturalWidth, image.naturalHeight));
        const [width, height] = [image.naturalWidth, image.naturalHeight].map((side) =>
          Math.max(props.smallest_side, Math.round(side * shrink)),
        );
        act.leave();
        picture.load(image, width, height);
        put = number;
      } catch (failure) {
        if (!late()) complaint.textContent = failure.message;
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
      reading += 1;
      if (await bring(file, (file.name ?? "photo").replace(/\.[^.]*$/, ""), next())) {
        own = true;
        shown = "";
      }
      reading -= 1;
      offer();
    };

    const takeOffered = async () => {
      const number = next();
      try {
        const key = await window.nightmare.photoReady();
        const wanted = offered; // the one of that key, though another was offered meanwhile
        const blob = await (await request(`/api/photos/${key}.jpg?pixels=${props.side}`)).blob();
        if (await bring(blob, wanted.name, number)) {
          own = false;
          shown = wanted.key;
        }
      } catch (failure) {
        if (number < put) return;
        complaint.textContent = failure.message;
        own = true; // it is tried again when somebody asks for it
        shown = "";
      }
      offer();
    };

    const offer = () => {
      const another = offered !== null && offered.key !== shown;
      followButton.hidden = !another;
      if (another && !own && !reading && !picture.painted && place().tab === "brush") {
        shown = offered.key;
        takeOffered();
      }
    };

    const takeResult = async ({ job, strength }) => {
      own = true;
      go("brush");
      const number = next();
      try {
        const blob = await (await request(`/api/results/${job}.png?strength=${strength.toFixed(2)}`)).blob();
        if (await bring(blob, "dream", number)) shown = "";
      } catch (failure) {
        if (number >= put) complaint.textContent = failure.message;
      }
      offer();
    };

    const save = async () => {
      if (!picture.width) return; // the key has nothing to save either
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
        const file = new File([blob], `${name}-brush.png`, { type: "image/png" });
        if (await window.nightmare.bringPhoto(file)) {
          unsaved = false;
          go("dream");
        }
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
