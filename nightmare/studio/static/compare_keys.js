// The keys of the Compare tab, which work while its pictures have the focus.
(() => {
  "use strict";
  const { addKeys } = window.nightmare;

  // `act` does what is wished for: focusCard(index), iterations(by), octaves(by), flip(), zoom(by), move(across, down)
  // by percent.
  window.nightmare.compareKeys = (cards, act) => {
    const card = (number) => ({
      keys: [String(number)],
      text: `Go to picture ${number}`,
      run: () => act.focusCard(number - 1),
    });
    const move = (key, where, across, down) => ({
      keys: [`Shift+${key}`],
      text: `Move to the ${where}`,
      run: () => act.move(across, down),
    });
    addKeys(
      "Comparison, while its pictures have the focus",
      [
        ...[1, 2, 3, 4, 5, 6].map(card),
        { keys: ["ArrowLeft"], text: "Fewer iterations", run: () => act.iterations(-1) },
        { keys: ["ArrowRight"], text: "More iterations", run: () => act.iterations(1) },
        { keys: ["ArrowUp"], text: "More octaves", run: () => act.octaves(1) },
        { keys: ["ArrowDown"], text: "Fewer octaves", run: () => act.octaves(-1) },
        { keys: ["Space"], text: "Flip", run: act.flip },
        { keys: ["+", "="], text: "Zoom in", run: () => act.zoom(1) },
        { keys: ["-"], text: "Zoom out", run: () => act.zoom(-1) },
        move("ArrowLeft", "left", -10, 0),
        move("ArrowRight", "right", 10, 0),
        move("ArrowUp", "top", 0, -10),
        move("ArrowDown", "bottom", 0, 10),
      ],
      { element: cards },
    );
  };
})();
