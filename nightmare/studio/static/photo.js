// The photo to dream on: samples, and what is chosen, dropped or pasted. Its value is the key of the photo.
(() => {
  "use strict";
  const { make, emit, ask, getJson } = window.nightmare;
  const LOAD = "Load its settings";
  const USE = "Use as photo";

  window.nightmare.photo = (element, props) => {
    const samples = element.querySelector(".nm-samples");
    const remark = element.querySelector("[role=status]");
    const complaint = element.querySelector("[role=alert]");
    let file = null; // what was brought, in case the server forgets it
    let about = ""; // its name, and what there is to say of it
    let chosen = 0; // counts what was chosen, so that a late answer to an older one is let go

    const mark = (key) => {
      for (const button of samples.children) button.setAttribute("aria-pressed", String(button.dataset.key === key));
    };

    const use = (photo) => {
      props.value = photo.key;
      mark(photo.key);
      about = [photo.sample ? "" : photo.name, photo.remark ?? ""].filter(Boolean).join(". ");
      remark.textContent = about;
      complaint.textContent = "";
      emit("photo", photo);
    };

    const bring = (blob, signal) =>
      getJson(`/api/photos?name=${encodeURIComponent(blob.name ?? "photo")}`, {
        method: "POST",
        body: blob,
        type: "application/octet-stream",
        signal,
      });

    const take = async (blob) => {
      complaint.textContent = "";
      if (blob.size > props.upload_bytes) {
        complaint.textContent = `That photo is over ${props.upload_bytes / 1e6} MB.`;
        return;
      }
      chosen += 1;
      const mine = chosen;
      remark.textContent = "Looking at the photo …";
      try {
        const photo = await bring(blob);
        if (mine !== chosen) return;
        remark.textContent = about; // of the photo before it, unless this one takes its place
        const choice = await choose(photo);
        if (mine !== chosen) return;
        if (choice === LOAD) emit("settings", photo.settings);
        if (choice === USE) {
          file = blob;
          use(photo);
        }
      } catch (failure) {
        if (mine !== chosen) return;
        remark.textContent = about;
        complaint.textContent = failure.message;
      }
    };

    const choose = async (photo) => {
      if (photo.settings) return ask("That picture is a dream that was made here.", [LOAD, USE, "Cancel"]);
      if (photo.unloadable) return ask(photo.unloadable, [USE, "Cancel"]);
      return USE;
    };

    // The key of a photo that the server has; one that it forgot, since it was started anew, is brought again.
    window.nightmare.photoReady = async (signal) => {
      const { known } = await getJson(`/api/photos/known?key=${encodeURIComponent(props.value)}`, { signal });
      if (!known && file) {
        const before = chosen;
        const photo = await bring(file, signal);
        if (before === chosen) use(photo);
      }
      return props.value;
    };

    // Take a picture that the page itself has made, and tell whether no newer one was chosen meanwhile.
    window.nightmare.bringPhoto = async (blob) => {
      chosen += 1;
      const mine = chosen;
      const photo = await bring(blob);
      if (mine !== chosen) return false;
      file = blob;
      use(photo);
      return true;
    };
    window.nightmare.takePhoto = take;

    for (const sample of props.samples) {
      const image = make("img", { src: `/api/photos/${sample.key}.jpg?pixels=192`, alt: sample.key, loading: "lazy" });
      const button = make("button", { type: "button", title: sample.credit, "aria-pressed": "false" }, image);
      button.dataset.key = sample.key;
      button.addEventListener("click", () => {
        chosen += 1;
        use({ key: sample.key, name: sample.key, sample: true });
      });
      samples.append(button);
    }
    window.nightmare.takeFiles("dream", element, take);

    const first = props.samples.find((sample) => sample.key === props.value);
    if (first) use({ key: first.key, name: first.key, sample: true });
  };
})();
