// What the Compare tab shows, as one object, and as the part of the address behind `#compare?`.
(() => {
  "use strict";
  const TEXTS = ["photo", "base", "mode", "against", "album"];
  const NUMBERS = ["octaves", "iterations", "side", "seed", "split", "zoom", "x", "y"];
  const MODES = { grid: "Grid", slider: "Slider", flip: "Flip", difference: "Difference" };
  const PHOTO = "photo"; // what pictures are held against, where it is no experiment

  // `values` with `value` among them, in order.
  const beside = (values, value) => [...new Set([...values, value])].sort((one, other) => one - other);

  const first = (props) => ({
    with: props.networks.slice(0, 2).map((each) => each.name),
    photo: props.samples[0] ?? "",
    base: props.looks[0],
    octaves: props.octaves[0],
    iterations: props.iterations[1],
    side: props.sides[1],
    seed: 0,
    mode: "grid",
    against: PHOTO,
    split: 50,
    zoom: 1,
    x: 50,
    y: 50,
    album: "",
  });

  // The state that `parameters` of an address tell; what they leave out is as at the `beginning`.
  const parse = (parameters, beginning, most) => {
    const read = { ...beginning };
    for (const name of TEXTS) read[name] = parameters.get(name) ?? beginning[name];
    for (const name of NUMBERS) {
      const number = Number.parseFloat(parameters.get(name));
      if (Number.isFinite(number)) read[name] = number;
    }
    read.zoom = Math.max(1, read.zoom);
    if (parameters.has("with")) read.with = [...new Set(parameters.get("with").split(","))].filter(Boolean).slice(0, most);
    if (!(read.mode in MODES)) read.mode = beginning.mode;
    return read;
  };

  const parametersOf = (state) => ({ ...state, with: state.with.join(",") });

  window.nightmare.compareState = { MODES, PHOTO, beside, first, parse, parametersOf };
})();
