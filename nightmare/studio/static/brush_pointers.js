// Mouse, pen and fingers on the brush's canvas: what they mean, in terms of hovering, pressing and moving on.
(() => {
  "use strict";
  const TAP = 90; // ms in which a second finger may come

  // `act` is told: follow(event) where the ring is, then hover(), press(), drag(), release() and leave(); cancel() that
  // a stroke was none, and resize(steps). Space held makes a mouse move the picture within `stage`.
  window.nightmare.brushPointers = (canvas, stage, act) => {
    let inside = false;
    let pressed = false;
    let pan = null; // {x, y} of the pointer that moves the picture
    let space = null; // while the key is down: whether it moved the picture
    let byPointer = false; // what moved the ring last
    const fingers = new Map();
    let tap = null; // a finger that may turn out to be one of two
    let scrolling = false; // with two fingers, until all are up

    const press = () => {
      pressed = true;
      act.press();
    };

    const release = () => {
      if (pressed) act.release();
      pressed = false;
    };

    const confirmTap = () => {
      if (tap === null) return;
      clearTimeout(tap);
      tap = null;
      press();
    };

    const fingerDown = (event) => {
      fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      if (fingers.size === 1) {
        tap = setTimeout(confirmTap, TAP);
        return;
      }
      scrolling = true;
      clearTimeout(tap);
      tap = null;
      act.cancel();
      release();
    };

    const scrollWith = (event) => {
      const finger = fingers.get(event.pointerId);
      const [across, down] = [finger.x - event.clientX, finger.y - event.clientY].map((way) => way / fingers.size);
      stage.scrollBy(across, down);
      scrollBy(0, down);
    };

    canvas.addEventListener("pointerdown", (event) => {
      canvas.focus({ preventScroll: true });
      canvas.setPointerCapture(event.pointerId);
      byPointer = inside = true;
      if (event.button === 1 || space !== null) {
        pan = { x: event.clientX, y: event.clientY };
        if (space !== null) space = true;
        return;
      }
      if (event.button !== 0) return;
      if (!scrolling) act.follow(event);
      if (event.pointerType === "touch") fingerDown(event);
      else press();
    });

    canvas.addEventListener("pointermove", (event) => {
      if (pan) {
        stage.scrollBy(pan.x - event.clientX, pan.y - event.clientY);
        pan = { x: event.clientX, y: event.clientY };
        return;
      }
      if (fingers.has(event.pointerId)) {
        if (scrolling) scrollWith(event);
        else confirmTap();
        fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
        if (scrolling) return;
      }
      byPointer = inside = true;
      act.follow(event);
      if (pressed) act.drag();
      else if (event.pointerType === "mouse" && space === null) act.hover();
    });

    const lift = (event) => {
      pan = null;
      if (event.type === "pointerup") confirmTap();
      fingers.delete(event.pointerId);
      if (!fingers.size) {
        scrolling = false;
        release();
      }
      if (event.pointerType !== "mouse") leave();
    };

    const leave = () => {
      inside = false;
      act.leave();
    };

    canvas.addEventListener("pointerup", lift);
    canvas.addEventListener("pointercancel", lift);
    canvas.addEventListener("pointerleave", leave);
    canvas.addEventListener("mousedown", (event) => {
      if (event.button === 1) event.preventDefault(); // else the browser scrolls by itself
    });
    const wheel = (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      act.resize(event.deltaY < 0 ? 1 : -1);
    };
    canvas.addEventListener("wheel", wheel, { passive: false });
    canvas.addEventListener("blur", () => (space = null));

    return {
      get inside() { return inside; },
      get byKeys() { return !byPointer; },
      // Keys have moved the ring.
      keyed: () => (byPointer = false),
      // The space bar, which dreams at once where keys have moved the ring, else when it is let go of unused.
      space: () => {
        if (!byPointer) act.here();
        else space ??= false;
      },
      spaceUp: () => {
        if (space === false) act.here();
        space = null;
      },
    };
  };
})();
