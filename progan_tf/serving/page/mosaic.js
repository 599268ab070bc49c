// A mosaic of pixels that are real, made, or not known yet, and the windows that a model fills it by.
//
// {width, height, pixels, kinds}: pixels are rows of [C], or null where unknown; kinds are rows of UNKNOWN, REAL, MADE.

export const [UNKNOWN, REAL, MADE] = [0, 1, 2];

export function blank(width, height) {
  const rows = (value) => Array.from({ length: height }, () => Array(width).fill(value));
  return { width, height, pixels: rows(null), kinds: rows(UNKNOWN) };
}

// Of an image [H][W][C], all of it real.
export function ofImage(pixels) {
  const mosaic = blank(pixels[0].length, pixels.length);
  return { ...mosaic, pixels, kinds: mosaic.kinds.map((row) => row.map(() => REAL)) };
}

// With `tile` unknown rows or columns more where `side` says: any of the letters n, e, s, w.
export function grown(mosaic, side, tile) {
  const room = (letter) => (side.includes(letter) ? tile : 0);
  const larger = blank(mosaic.width + room("e") + room("w"), mosaic.height + room("n") + room("s"));
  return pasted(larger, mosaic, room("w"), room("n"));
}

function pasted(larger, mosaic, left, top) {
  for (let y = 0; y < mosaic.height; y++) {
    for (let x = 0; x < mosaic.width; x++) {
      larger.pixels[top + y][left + x] = mosaic.pixels[y][x];
      larger.kinds[top + y][left + x] = mosaic.kinds[y][x];
    }
  }
  return larger;
}

// Places [x, y] of windows, in order, that fill all that is unknown: each time the one that knows most already.
export function windows(mosaic, size, tile) {
  const known = mosaic.kinds.map((row) => row.map((kind) => kind !== UNKNOWN));
  let places = steps(mosaic.height, size, tile).flatMap((y) => steps(mosaic.width, size, tile).map((x) => [x, y]));
  const order = [];
  for (;;) {
    const open = places.map((place) => [place, ...counted(known, place, size)]).filter(([, , unknown]) => unknown);
    if (!open.length) return order;
    const [[x, y]] = open.reduce((best, one) => (one[1] > best[1] ? one : best));
    order.push([x, y]);
    places = open.map(([place]) => place);
    for (const row of known.slice(y, y + size)) row.fill(true, x, x + size);
  }
}

function steps(length, size, tile) {
  const last = Math.max(0, length - size);
  return [...Array.from({ length: Math.ceil(last / tile) }, (_, number) => number * tile), last];
}

function counted(known, [x, y], size) {
  const inside = known.slice(y, y + size).flatMap((row) => row.slice(x, x + size));
  const count = inside.filter(Boolean).length;
  return [count, inside.length - count];
}

// What a model is given for a window: an image [size][size][C] and a mask of what is known of it.
export function inputsOf(mosaic, [x, y], size, channels) {
  const nothing = Array(channels).fill(0);
  const side = Array.from({ length: size }, (_, place) => place);
  return {
    image: side.map((row) => side.map((column) => mosaic.pixels[y + row]?.[x + column] ?? nothing)),
    known: side.map((row) => side.map((column) => Number(Boolean(mosaic.pixels[y + row]?.[x + column])))),
  };
}

// The mosaic with the unknown pixels of a window taken from an image of it.
export function filled(mosaic, [x, y], image) {
  const copy = { ...mosaic, pixels: mosaic.pixels.map((row) => [...row]), kinds: mosaic.kinds.map((row) => [...row]) };
  image.forEach((row, down) =>
    row.forEach((pixel, right) => {
      if (copy.kinds[y + down]?.[x + right] !== UNKNOWN) return;
      copy.pixels[y + down][x + right] = pixel;
      copy.kinds[y + down][x + right] = MADE;
    }),
  );
  return copy;
}

// Where the real pixels lie, as "left,top,width,height"; "none" where there are none.
export function realPlace(mosaic) {
  const rows = mosaic.kinds.flatMap((row, y) => (row.includes(REAL) ? [y] : []));
  if (!rows.length) return "none";
  const [top, row] = [rows[0], mosaic.kinds[rows[0]]];
  const [left, right] = [row.indexOf(REAL), row.lastIndexOf(REAL)];
  return [left, top, right - left + 1, rows.length].join(",");
}
