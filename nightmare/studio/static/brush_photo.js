// A photo for the brush, decoded here: it never leaves the browser. The refusals are those of the server.
(() => {
  "use strict";
  const { Failure } = window.nightmare;
  const UNREADABLE = "That file is not a picture we can read (PNG, JPEG or WebP).";
  const FORMATS = /^(\x89PNG|\xff\xd8\xff|RIFF[^]{4}WEBP)/;

  const checkSize = ({ naturalWidth: width, naturalHeight: height }, limits) => {
    const [millions, most, least] = [Math.round((width * height) / 1e6), limits.megapixels, limits.smallest_side];
    if (width * height > most * 1e6) {
      throw new Failure(413, `${most} million pixels at most; this one has ${millions}.`);
    }
    if (Math.min(width, height) < least) {
      throw new Failure(422, `The photo is ${width} x ${height}; each side needs ${least} pixels.`);
    }
  };

  // The upright picture in `blob`, or a Failure with a sentence; `limits` has upload_bytes, megapixels, smallest_side.
  window.nightmare.brushPhoto = async (blob, limits) => {
    if (blob.size > limits.upload_bytes) throw new Failure(413, `That photo is over ${limits.upload_bytes / 1e6} MB.`);
    const start = new Uint8Array(await blob.slice(0, 12).arrayBuffer());
    if (!FORMATS.test(String.fromCharCode(...start))) throw new Failure(415, UNREADABLE);
    const image = new Image();
    const url = URL.createObjectURL(blob);
    try {
      await new Promise((resolve, reject) => Object.assign(image, { onload: resolve, onerror: reject, src: url }));
      checkSize(image, limits); // nothing is decoded yet
      await image.decode();
    } catch (failure) {
      throw failure instanceof Failure ? failure : new Failure(415, UNREADABLE);
    } finally {
      URL.revokeObjectURL(url);
    }
    return image;
  };
})();
