// "Add to Compare" below a dream of the Dream tab. It is there before the Compare tab is built, which hears of it then.
(() => {
  "use strict";
  const { on, emit, go, postJson } = window.nightmare;
  const photos = new Set();

  const add = async ({ job, strength }) => {
    try {
      emit("compared", await postJson(`/api/compare/results/${job}?strength=${strength}`, { photos: [...photos] }));
    } catch (failure) {
      emit("compared", { failure: failure.message });
    }
    go("compare");
  };

  const offer = () => {
    const { addResultAction } = window.nightmare;
    if (addResultAction) addResultAction("Add to Compare", add);
    else setTimeout(offer, 50); // the viewer is not built yet
  };

  on("photo", ({ key }) => photos.add(key));
  offer();
})();
