// A scene that grows: at every edge and corner a model adds what might be there.

import { metadata, predict } from "./client.js";
import * as mosaics from "./mosaic.js";
import { displayed } from "./pixels.js";
import { download, pngOf } from "./png.js";
import * as state from "./state.js";

const element = (id) => document.getElementById(id);
const VARIANTS = 4;
const LARGEST = 1024; // pixels a side of an image to start from
const STEP = /^(start|[ns][ew]?|[ew])(\d*)(?:-(\d+))?$/; // side, variant, and a seed where it is another than before
let model, tell, size, channels, tile;
let history = []; // [{choices, chosen, side, first, seed}]: after every step the variants there were, and the one taken
let ahead = []; // steps of the address that are not taken yet
let turn = 0; // a new model or a new start makes answers of the old one void

export const serves = (model) => model.signatures.includes("extend");

export function start(told) {
  tell = told;
  element("extend-form").addEventListener("submit", (event) => event.preventDefault());
  element("start-empty").addEventListener("click", () => {
    if (!element("extend-form").reportValidity()) return;
    begin();
    step("start");
  });
  element("start-image").addEventListener("change", (event) => event.target.files[0] && take(event.target.files[0]));
  element("undo").addEventListener("click", undo);
  element("outlines").addEventListener("change", draw);
  element("scene-download").addEventListener("click", save);
  for (const button of document.querySelectorAll("#edges button")) {
    button.addEventListener("click", () => element("extend-form").reportValidity() && step(button.value));
  }
  element("extend").addEventListener("drop", (event) => event.dataTransfer.files[0] && take(event.dataTransfer.files[0]));
  for (const kind of ["dragover", "drop"]) window.addEventListener(kind, hold);
}

// A browser opens a file that is dropped anywhere, and the scene would be gone.
function hold(event) {
  if (!event.dataTransfer.types.includes("Files")) return;
  event.preventDefault();
  if (!event.target.closest?.("#extend")) event.dataTransfer.dropEffect = "none";
}

// Shows a model, and goes the way that the address tells of.
export async function open(chosen) {
  const mine = ++turn;
  [model, history] = [chosen, []];
  const shape = (await metadata(model)).extend.inputs.image.tensor_shape.dim.map((one) => Number(one.size));
  if (mine !== turn) return;
  [size, channels] = [shape[1], shape[3]];
  tile = model.description.tile || size / 2;
  state.fill(element("from"));
  element("extend").hidden = false;
  begin(null, (state.read().get("way-grown") ?? "").split(".").filter(Boolean));
  let seed = Number(element("from").value);
  while (ahead.length) {
    const [, side, variant, other] = STEP.exec(ahead[0]) ?? [];
    if (!side || (side === "start") !== !history.length) return tell(`the address has "${ahead[0]}", which is no step`, true);
    if (other) element("from").value = seed = Number(other);
    if (!(await step(side, Number(variant), seed))) return;
  }
}

const now = () => history.at(-1)?.choices[history.at(-1).chosen];

function begin(mosaic, steps = []) {
  turn++;
  history = mosaic ? [{ choices: [mosaic], chosen: 0, side: "image" }] : [];
  ahead = steps;
  busy(false);
  show();
}

async function take(file) {
  if (model.description.dtype === "uint16" || ![1, 3].includes(channels)) {
    return tell(`${model.name} has other bands than a picture; experiments.extend takes its scenes`, true);
  }
  let picture;
  try {
    picture = await createImageBitmap(file);
  } catch {
    return tell(`${file.name} is no picture`, true);
  }
  if (Math.max(picture.width, picture.height) > LARGEST) {
    return tell(`${file.name} is larger than ${LARGEST} x ${LARGEST} pixels; cut a part out of it`, true);
  }
  const canvas = new OffscreenCanvas(picture.width, picture.height).getContext("2d");
  canvas.drawImage(picture, 0, 0);
  const { data } = canvas.getImageData(0, 0, picture.width, picture.height);
  const pixel = (at) => (channels === 3 ? [...data.slice(at, at + 3)] : [Math.round((data[at] + data[at + 1] + data[at + 2]) / 3)]);
  const rows = Array.from({ length: picture.height }, (_, y) =>
    Array.from({ length: picture.width }, (_, x) => pixel(4 * (y * picture.width + x))),
  );
  begin(mosaics.ofImage(rows));
  tell(`${file.name}: ${picture.width} x ${picture.height} pixels, all real; click an edge or a corner`);
}

// Grows to a side, or starts from nothing: all variants, or the one that the address asks for. Whether it did.
async function step(side, only = null, seed = Number(element("from").value)) {
  const [mine, focused] = [turn, document.activeElement];
  const place = history.length;
  const from = side === "start" ? mosaics.blank(size, size) : mosaics.grown(now(), side, tile);
  const numbers = only === null ? Array.from({ length: VARIANTS }, (_, number) => number) : [only];
  const seedOf = (variant, number) => seed + 100_000 * place + 1000 * variant + number;
  let choices = numbers.map(() => from);
  const begun = performance.now();
  busy(true);
  try {
    for (const [number, window] of mosaics.windows(from, size, tile).entries()) {
      tell(only === null ? `${VARIANTS} variants are being made` : "the scene of the address is being made");
      const inputs = choices.map((one) => mosaics.inputsOf(one, window, size, channels));
      const images = await predict(model, "extend", {
        image: inputs.map((one) => one.image),
        known: inputs.map((one) => one.known),
        seed: numbers.map((variant) => seedOf(variant, number)),
      });
      if (mine !== turn) return false;
      choices = choices.map((one, variant) => mosaics.filled(one, window, images[variant]));
    }
    history.push({ choices, chosen: 0, side, first: numbers[0], seed });
    ahead = only === null ? [] : ahead.slice(1);
    const { width, height } = now();
    tell(`${width} x ${height} pixels of ${model.name}, version ${model.version}, in ${Math.round(performance.now() - begun)} ms`);
    return true;
  } catch (error) {
    if (mine === turn) tell(error.message, true);
    return false;
  } finally {
    if (mine === turn) {
      busy(false);
      show();
      if (document.activeElement === document.body) focused.focus(); // a button that is disabled loses it
    }
  }
}

function undo() {
  history.pop();
  ahead = [];
  show();
  tell(now() ? `back to ${now().width} x ${now().height} pixels` : "back to nothing");
}

function busy(is) {
  for (const button of document.querySelectorAll("#extend button")) button.disabled = is;
}

function show() {
  const there = Boolean(history.length);
  for (const button of document.querySelectorAll("#edges button")) button.disabled = !there;
  element("undo").disabled = !(history.length > 1 || history[0]?.side === "start");
  element("scene-download").disabled = !there;
  const { from = element("from").value, steps } = way();
  const leads = history[0]?.side !== "image"; // a picture of one's own is in no address
  state.write({ from, "way-grown": leads ? [...steps, ...ahead].join(".") : null });
  const { choices = [], chosen = 0 } = history.at(-1) ?? {};
  const several = choices.length > 1 ? choices : [];
  element("variants").hidden = !several.length;
  element("variants").replaceChildren(
    Object.assign(document.createElement("legend"), { textContent: "Variants" }),
    ...several.map((mosaic, number) => variant(mosaic, number, number === chosen)),
  );
  draw();
}

// The seed of the first step, and the steps as STEP reads them.
function way() {
  const made = history.filter(({ side }) => side !== "image");
  const other = ({ seed }, place) => (place && seed !== made[place - 1].seed ? `-${seed}` : "");
  const steps = made.map((one, place) => `${one.side}${one.first + one.chosen}${other(one, place)}`);
  return { from: made[0]?.seed, steps };
}

function variant(mosaic, number, chosen) {
  const radio = Object.assign(document.createElement("input"), { type: "radio", name: "variant", value: number, checked: chosen });
  radio.addEventListener("change", () => {
    history.at(-1).chosen = number;
    show();
    document.querySelector(`#variants input[value="${number}"]`).focus();
  });
  const label = document.createElement("label");
  label.append(radio, picture(mosaic, document.createElement("canvas")), `variant ${number + 1}`);
  return label;
}

function picture(mosaic, canvas) {
  [canvas.width, canvas.height] = [mosaic.width, mosaic.height];
  const shown = new ImageData(mosaic.width, mosaic.height);
  mosaic.pixels.flat().forEach((pixel, place) => pixel && shown.data.set(displayed(pixel, model.description), 4 * place));
  canvas.getContext("2d").putImageData(shown, 0, 0);
  return canvas;
}

function draw() {
  const scene = element("scene");
  const mosaic = now() ?? mosaics.blank(size, size);
  const scale = Math.max(1, Math.floor(512 / Math.max(mosaic.width, mosaic.height)));
  [scene.width, scene.height] = [scale * mosaic.width, scale * mosaic.height];
  const context = scene.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(picture(mosaic, document.createElement("canvas")), 0, 0, scene.width, scene.height);
  const real = mosaics.realPlace(mosaic);
  const said = real === "none" ? "all synthetic" : `real at left, top, width, height ${real}, the rest synthetic`;
  scene.setAttribute("aria-label", now() ? `Scene of ${mosaic.width} x ${mosaic.height} pixels, ${said}` : "No scene yet");
  if (element("outlines").checked) outline(context, mosaic, scale);
}

// Lines around what is real, and dashed ones around what is made: as wide in scenes of any size, as these are shown
// equally large, whole at the scene's edges too, and on a ground of their own, whatever there is in the picture.
function outline(context, { width, height, kinds }, scale) {
  const wide = (scale * Math.max(width, height)) / 128;
  for (const [kind, colour, dash] of [[mosaics.MADE, "--made", [2 * wide, 3 * wide]], [mosaics.REAL, "--real", []]]) {
    const is = (x, y) => kinds[y]?.[x] === kind;
    const inside = (place, end) => Math.min(Math.max(place * scale, wide / 2), end * scale - wide / 2);
    const point = (x, y) => [inside(x, width), inside(y, height)];
    context.beginPath();
    lines(context, width, height, (x, y) => is(x, y) !== is(x, y - 1), point);
    lines(context, height, width, (y, x) => is(x, y) !== is(x - 1, y), (y, x) => point(x, y));
    context.lineWidth = wide;
    context.lineCap = "square"; // corners are whole, and dashes longer by their width
    for (const [ink, pattern] of [["--ground", []], [colour, dash]]) {
      context.strokeStyle = resolved(ink);
      context.setLineDash(pattern);
      context.stroke();
    }
  }
}

// Straight lines along which two sides differ, each in one piece: dashes begin anew with every piece.
function lines(context, length, rows, differ, point) {
  for (let row = 0; row <= rows; row++) {
    for (let at = 0; at < length; at++) {
      if (!differ(at, row)) continue;
      if (!differ(at - 1, row)) context.moveTo(...point(at, row));
      if (!differ(at + 1, row)) context.lineTo(...point(at + 1, row));
    }
  }
}

// A canvas knows no light-dark(); what an element makes of a colour it does.
function resolved(name) {
  const probe = document.body.appendChild(document.createElement("i"));
  probe.style.color = `var(${name})`;
  const made = getComputedStyle(probe).color;
  probe.remove();
  return made;
}

async function save() {
  const mosaic = now();
  const { from, steps } = way();
  const said = {
    SYNTHETIC: model.description.synthetic ?? "SYNTHETIC: made up by a neural network, but for what Real tells of",
    Model: model.name,
    Version: model.version,
    ...(steps.length ? { Seed: from } : {}),
    Steps: [...(history[0].side === "image" ? ["image"] : []), ...steps].join("."),
    Real: mosaics.realPlace(mosaic),
  };
  download(await pngOf(picture(mosaic, document.createElement("canvas")), said), `${model.name}_scene.png`);
}
