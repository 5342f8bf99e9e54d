// Photos that are brought to the page: chosen, dropped or pasted. The tab that is open takes them.
(() => {
  "use strict";
  const { place } = window.nightmare;
  const takers = new Map(); // by tab

  // `take(file)` hears of what is brought while `tab` is open; `element` has the button and the input to choose one.
  window.nightmare.takeFiles = (tab, element, take) => {
    const input = element.querySelector("input[type=file]");
    takers.set(tab, take);
    element.querySelector(".nm-choose").addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      if (input.files.length) take(input.files[0]);
      input.value = "";
    });
  };

  const taker = () => takers.get(place().tab);

  const invite = (on) => document.documentElement.classList.toggle("nm-dropping", on);

  const hasFiles = (event) => Boolean(event.dataTransfer?.types.includes("Files"));

  // Where no tab takes it a file goes nowhere: the browser would show it in place of the page, and with that a painting
  // that is not saved would be lost.
  document.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    if (taker()) invite(true);
    else event.dataTransfer.dropEffect = "none";
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) invite(false);
  });
  document.addEventListener("drop", (event) => {
    invite(false);
    if (!hasFiles(event)) return;
    event.preventDefault();
    const [file] = event.dataTransfer.files;
    if (file) taker()?.(file);
  });
  document.addEventListener("paste", (event) => {
    const [file] = event.clipboardData?.files ?? [];
    if (file) taker()?.(file);
  });
})();
