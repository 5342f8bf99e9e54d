// The brush's settings: sliders, switches and qualities, which the browser remembers.
(() => {
  "use strict";
  const { make, calm, kept, keep } = window.nightmare;
  const DEFAULTS = { hover: true, size: 224, strength: 10, softness: 50, fade: false, halfLife: 8, quality: "live" };
  const UNITS = { size: " px", strength: " %", softness: " %", halfLife: " s" };

  // `qualities` are [{name, title, note}]; `changed()` hears of every change.
  window.nightmare.brushControls = (element, qualities, say, changed) => {
    const find = (selector) => element.querySelector(selector);
    const control = (field) => find(`[name=${field}]`);
    const settings = { ...DEFAULTS, ...kept("brush") };
    if (!qualities.some(({ name }) => name === settings.quality)) settings.quality = DEFAULTS.quality;
    const measured = {}; // milliseconds by quality

    const drawSlider = (field, unit) => {
      const slider = control(field);
      slider.value = settings[field];
      slider.parentElement.querySelector("output").textContent = settings[field] + unit;
      slider.setAttribute("aria-valuetext", settings[field] + unit);
      const share = (settings[field] - slider.min) / (slider.max - slider.min);
      slider.style.setProperty("--nm-share", `${100 * share}%`);
    };

    const draw = () => {
      for (const [field, unit] of Object.entries(UNITS)) drawSlider(field, unit);
      control("hover").checked = settings.hover;
      control("fade").checked = settings.fade && !calm();
      control("fade").disabled = calm();
      find(".nm-calm").hidden = !calm();
      control("halfLife").parentElement.hidden = !settings.fade || calm();
      for (const radio of element.querySelectorAll("[name=quality]")) radio.checked = radio.value === settings.quality;
      keep("brush", settings);
      changed();
    };

    const drawTimes = () => {
      for (const { name } of qualities) {
        const time = measured[name];
        find(`[data-quality=${name}]`).textContent = time ? `${Math.round(time)} ms` : "";
      }
    };

    const set = (field, value) => {
      settings[field] = value;
      draw();
    };

    const nudge = (field, steps) => {
      const slider = control(field);
      slider.value = Number(slider.value) + steps * Number(slider.step);
      set(field, Number(slider.value));
      say(`${slider.parentElement.querySelector("span").textContent} ${settings[field]}${UNITS[field]}`);
    };

    const toggle = (field, text) => {
      if (control(field).disabled) return;
      set(field, !settings[field]);
      say(`${text} ${settings[field] ? "on" : "off"}.`, { urgent: true });
    };

    for (const { name, title, note } of qualities) {
      const radio = make("input", { type: "radio", name: "quality", value: name });
      radio.addEventListener("change", () => set("quality", name));
      const label = make("label", { className: "nm-switch" }, radio, title);
      const time = make("span", { className: "nm-hint nm-brush-time", "data-quality": name });
      const what = make("span", { className: "nm-hint" }, note);
      find(".nm-qualities").append(make("div", { className: "nm-brush-quality" }, label, what, time));
    }
    for (const field of Object.keys(UNITS)) {
      control(field).addEventListener("input", () => set(field, Number(control(field).value)));
    }
    for (const field of ["hover", "fade"]) {
      control(field).addEventListener("change", () => set(field, control(field).checked));
    }
    matchMedia("(prefers-reduced-motion: reduce)").addEventListener("change", draw);

    return { settings, measured, draw, drawTimes, nudge, toggle };
  };
})();
