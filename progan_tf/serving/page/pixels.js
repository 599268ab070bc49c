// Pixels of a model as they are shown: its display bands, as eight bits.

// An image [H][W][C] of the model onto a canvas.
export function draw(canvas, image, description) {
  const [height, width] = [image.length, image[0].length];
  canvas.width = width;
  canvas.height = height;
  const shown = new ImageData(width, height);
  let place = 0;
  for (const row of image) {
    for (const pixel of row) {
      shown.data.set(displayed(pixel, description), place);
      place += 4;
    }
  }
  canvas.getContext("2d").putImageData(shown, 0, 0);
}

// Red, green, blue and alpha of a pixel [C].
export function displayed(pixel, description) {
  const bands = description.display_bands ?? (pixel.length >= 3 ? [0, 1, 2] : [0]);
  const shift = description.dtype === "uint16" ? 8 : 0;
  const [red, green = red, blue = red] = bands.map((band) => pixel[band] >> shift);
  return [red, green, blue, 255];
}
