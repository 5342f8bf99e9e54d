// The last dreams of this session as thumbnails, which bring one back.
(() => {
  "use strict";
  const { make, request, getJson, kept } = window.nightmare;

  const blobUrl = async (url) => URL.createObjectURL(await (await request(url)).blob());

  // `show(result)` hears which one is wished for: {job, whole, photo, dreamt}, the last two addresses of pictures. At
  // `most` so many are kept.
  window.nightmare.results = (list, most, show) => {
    const session = [];

    const forget = (place) => {
      const [{ photo, dreamt }] = session.splice(place, 1);
      list.children[place].remove();
      for (const url of [photo, dreamt]) URL.revokeObjectURL(url);
    };

    // Keep a dream, whose photo and picture are at `addresses` for now.
    const add = async (job, whole, addresses) => {
      const [photo, dreamt] = await Promise.all(addresses.map(blobUrl));
      const result = { job, whole, photo, dreamt };
      const old = session.findIndex((each) => each.job === job);
      if (old >= 0) forget(old);
      session.unshift(result);
      const image = make("img", { src: dreamt, alt: "A dream of this session", className: "nm-picture" });
      const choose = make("button", { type: "button", title: "Show this dream again" }, image);
      choose.addEventListener("click", () => show(result));
      list.prepend(make("li", {}, choose));
      if (session.length > most) forget(most);
      return result;
    };

    // Show the last dream before a reload, while the server still has it.
    const restore = async () => {
      const job = kept("result");
      if (!job) return;
      const { finished, whole } = await getJson(`/api/dreams/${job}`);
      if (!finished) return;
      show(await add(job, whole, [0, 1].map((share) => `/api/results/${job}.png?strength=${share}`)));
    };

    return { add, restore };
  };
})();
