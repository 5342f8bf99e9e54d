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
    const names = parameters.get("with")?.split(",");
    if (names) read.with = [...new Set(names)].filter(Boolean).slice(0, most);
    if (!(read.mode in MODES)) read.mode = beginning.mode;
    return read;
  };

  const parametersOf = (state) => ({ ...state, with: state.with.join(",") });

  // What is to be done before there is something to compare, of `known` experiments; that there are too few of them is
  // certain when DVC has `answered`.
  const demand = (state, known, answered) => {
    if (state.with.length >= 2) return "";
    if (known >= 2) return "Choose two experiments or more.";
    return answered ? "Comparing takes two networks: run `make repro`, which trains those of this project." : "";
  };

  window.nightmare.compareState = { MODES, PHOTO, beside, first, parse, parametersOf, demand };
})();
