// The picture under the brush: stamps blended into it, what it was before, and the way back to the photo. It knows
// nothing of pointers and servers.
(() => {
  "use strict";

  // How much of the dream a stamp shows at its middle: `strength` for each twentieth of a second that it stands for,
  // so that a slow machine paints at the pace of a quick one.
  const shareOf = (strength, seconds) => Math.min(0.7, 1 - (1 - strength) ** Math.max(1, 20 * seconds));

  // From 1 within the hard core to 0 at the edge; `distance` in radii.
  const falloff = (distance, softness) => {
    if (distance >= 1) return 0;
    const rest = (1 - distance) / Math.max(softness, 1e-6);
    return rest >= 1 ? 1 : rest * rest * (3 - 2 * rest);
  };

  const union = (a, b) => {
    if (!a || !b) return a ?? b;
    const [left, top] = [Math.min(a.left, b.left), Math.min(a.top, b.top)];
    const right = Math.max(a.left + a.width, b.left + b.width);
    const bottom = Math.max(a.top + a.height, b.top + b.height);
    return { left, top, width: right - left, height: bottom - top };
  };

  // The pixels of the rectangle `area`, a copy.
  const cut = (image, { left, top, width, height }) => {
    const pixels = new Uint8ClampedArray(4 * width * height);
    for (let row = 0; row < height; row += 1) {
      const start = 4 * ((top + row) * image.width + left);
      pixels.set(image.data.subarray(start, start + 4 * width), 4 * width * row);
    }
    return pixels;
  };

  const paste = (image, { left, top, width, height }, pixels) => {
    for (let row = 0; row < height; row += 1) {
      const part = pixels.subarray(4 * width * row, 4 * width * (row + 1));
      image.data.set(part, 4 * ((top + row) * image.width + left));
    }
  };

  // `limits` are {undo_steps, undo_bytes}.
  const brushPicture = (canvas, limits) => {
    const context = canvas.getContext("2d", { willReadFrequently: true });
    let photo = null; // ImageData
    let now = null;
    let changed = null; // the rectangle outside which the picture is the photo
    let before = null; // at the start of a visit: {data, width, changed}
    let touched = null; // by that visit
    let showing = false; // the photo, while it is held
    const past = []; // {area, pixels, changed} that undo puts back
    const future = [];

    const draw = ({ left, top, width, height }) => {
      context.putImageData(showing ? photo : now, 0, 0, left, top, width, height);
    };

    const whole = () => ({ left: 0, top: 0, width: now.width, height: now.height });

    const load = (source, width, height) => {
      Object.assign(canvas, { width, height });
      context.fillStyle = "#fff"; // under what is transparent
      context.fillRect(0, 0, width, height);
      context.imageSmoothingQuality = "high";
      context.drawImage(source, 0, 0, width, height);
      photo = context.getImageData(0, 0, width, height);
      now = context.getImageData(0, 0, width, height);
      changed = before = touched = null;
      past.length = future.length = 0;
    };

    // The square of a stamp that is sent: around the ring, moved into the picture where it stands at an edge. A small
    // ring has some of its surroundings sent, without which nothing has a form.
    const around = ({ x, y }, radius, smallest) => {
      const side = Math.max(2 * radius, smallest);
      const [width, height] = [Math.min(side, now.width), Math.min(side, now.height)];
      const within = (middle, length, most) => Math.round(Math.min(Math.max(middle - length / 2, 0), most - length));
      return { left: within(x, width, now.width), top: within(y, height, now.height), width, height };
    };

    // Blend `dreamt` (RGB, of the rectangle `area`) into the ring, `share` of it at the middle. Rounds at random in
    // proportion to what is rounded, so that changes far below one level add up.
    const blend = (area, dreamt, { x, y, radius, share, softness }) => {
      const { left, top, width, height } = area;
      const pixels = now.data;
      for (let row = 0; row < height; row += 1) {
        const down = top + row + 0.5 - y;
        if (Math.abs(down) >= radius) continue;
        let from = 3 * row * width;
        let to = 4 * ((top + row) * now.width + left);
        for (let column = 0; column < width; column += 1, from += 3, to += 4) {
          const alpha = share * falloff(Math.hypot(left + column + 0.5 - x, down) / radius, softness);
          if (!alpha) continue;
          for (let color = 0; color < 3; color += 1) {
            const old = pixels[to + color];
            pixels[to + color] = Math.floor(old + alpha * (dreamt[from + color] - old) + Math.random());
          }
        }
      }
      changed = union(changed, area);
      if (before) touched = union(touched, area);
      draw(area);
    };

    // Bring what was dreamt nearer to the photo: `left` of the difference is left.
    const fade = (left) => {
      if (!changed) return;
      const [from, to] = [new Uint32Array(photo.data.buffer), new Uint32Array(now.data.buffer)];
      let differs = false;
      for (let row = changed.top; row < changed.top + changed.height; row += 1) {
        const start = row * now.width + changed.left;
        for (let place = start; place < start + changed.width; place += 1) {
          if (from[place] === to[place]) continue;
          differs = true;
          for (let value = 4 * place; value < 4 * place + 3; value += 1) {
            const home = photo.data[value];
            now.data[value] = Math.floor(home + left * (now.data[value] - home) + Math.random());
          }
        }
      }
      draw(changed);
      if (!differs) changed = null;
    };

    const remember = (entry) => {
      past.push(entry);
      future.length = 0;
      const size = () => past.reduce((sum, { pixels }) => sum + pixels.length, 0);
      while (past.length > limits.undo_steps || (past.length > 1 && size() > limits.undo_bytes)) past.shift();
    };

    // A visit or a stroke, which one undo takes back.
    const begin = () => {
      before ??= { data: now.data.slice(), width: now.width, changed };
    };

    const end = () => {
      if (touched) remember({ area: touched, pixels: cut(before, touched), changed: before.changed });
      before = touched = null;
    };

    const swap = (from, to) => {
      end();
      const entry = from.pop();
      if (!entry) return false;
      to.push({ area: entry.area, pixels: cut(now, entry.area), changed });
      paste(now, entry.area, entry.pixels);
      changed = entry.changed;
      draw(entry.area);
      return true;
    };

    const reset = () => {
      end();
      if (!changed) return false;
      remember({ area: changed, pixels: cut(now, changed), changed });
      paste(now, changed, cut(photo, changed));
      draw(changed);
      changed = null;
      return true;
    };

    const show = (on) => {
      showing = on;
      if (now) draw(whole());
    };

    const png = async () => {
      const held = showing;
      show(false);
      const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
      show(held);
      return blob;
    };

    return {
      load, around, blend, fade, begin, end, reset, show, png,
      read: (area) => cut(now, area),
      undo: () => swap(past, future),
      redo: () => swap(future, past),
      get painted() { return Boolean(changed); },
      get undoable() { return past.length + (touched ? 1 : 0); },
      get redoable() { return touched ? 0 : future.length; },
      get width() { return now?.width ?? 0; },
      get height() { return now?.height ?? 0; },
    };
  };

  Object.assign(window.nightmare, { brushPicture, brushShare: shareOf });
})();
