// The brush's keys, which work while the picture has the focus.
(() => {
  "use strict";
  const { addKeys } = window.nightmare;

  // `act` does what is not of the `pointers` or the `controls`: move(across, down) by pixels, dream(), photo(on),
  // undo(), redo(), reset(), save(), zoom() and leave().
  window.nightmare.brushKeys = (canvas, pointers, controls, act) => {
    const arrow = (key, across, down, text) => ({
      keys: [key, `Shift+${key}`],
      text,
      run: (event) => {
        const pixels = event.shiftKey ? 64 : 16;
        act.move(across * pixels, down * pixels);
      },
    });
    addKeys(
      "Brush, while the picture has the focus",
      [
        arrow("ArrowLeft", -1, 0, "Move the ring 16 pixels to the left, with Shift 64"),
        arrow("ArrowRight", 1, 0, "To the right"),
        arrow("ArrowUp", 0, -1, "Up"),
        arrow("ArrowDown", 0, 1, "Down"),
        {
          keys: ["Space"],
          text: "Dream here; with the mouse pressed, move the picture",
          run: pointers.space,
          release: pointers.spaceUp,
        },
        { keys: ["Enter"], text: "Dream here", run: act.dream },
        { keys: ["[", "-"], text: "Smaller", run: () => controls.nudge("size", -1) },
        { keys: ["]", "="], text: "Larger; so does Ctrl and the wheel", run: () => controls.nudge("size", 1) },
        { keys: [","], text: "Weaker", run: () => controls.nudge("strength", -1) },
        { keys: ["."], text: "Stronger", run: () => controls.nudge("strength", 1) },
        { keys: ["H"], text: "Dream on hover, or not", run: () => controls.toggle("hover", "Dream on hover") },
        { keys: ["F"], text: "Fade back, or not", run: () => controls.toggle("fade", "Fade back") },
        { keys: ["B"], text: "Hold to see the photo", run: () => act.photo(true), release: () => act.photo(false) },
        { keys: ["U", "Ctrl+Z"], text: "Undo", run: act.undo },
        { keys: ["Ctrl+Shift+Z"], text: "Redo", run: act.redo },
        { keys: ["R"], text: "Reset to the photo", run: act.reset },
        { keys: ["S"], text: "Save PNG", run: act.save },
        { keys: ["Z"], text: "Fit or 100 %", run: act.zoom },
        { keys: ["Escape"], text: "Stop, and leave the picture", run: act.leave },
      ],
      { element: canvas },
    );
  };
})();
