// A scene that grows: at every edge and corner a model adds what might be there.

import { metadata, predict } from "./client.js";
import * as mosaics from "./mosaic.js";
import { displayed } from "./pixels.js";
import { download, pngOf } from "./png.js";
import * as state from "./state.js";

const element = (id) => document.getElementById(id);
const VARIANTS = 4;
const LARGEST = 1024; // pixels a side of an image to start from
let model, tell, size, channels, tile;
let history = []; // [{choices, chosen, side}]: after every step the variants there were, and the one that was taken
let turn = 0; // a new model or a new start makes answers of the old one void

export const serves = (model) => model.signatures.includes("extend");

export function start(told) {
  tell = told;
  element("extend-form").addEventListener("submit", (event) => event.preventDefault());
  element("start-empty").addEventListener("click", () => begin().then(() => step("start")));
  element("start-image").addEventListener("change", (event) => event.target.files[0] && take(event.target.files[0]));
  element("undo").addEventListener("click", undo);
  element("outlines").addEventListener("change", draw);
  element("scene-download").addEventListener("click", save);
  for (const button of document.querySelectorAll("#edges button")) {
    button.addEventListener("click", () => step(button.value));
  }
  const edges = element("edges");
  edges.addEventListener("dragover", (event) => event.preventDefault());
  edges.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
  });
}

// Shows a model, and goes the way that the address tells of.
export async function open(chosen) {
  model = chosen;
  const shape = (await metadata(model)).extend.inputs.image.tensor_shape.dim.map((one) => Number(one.size));
  [size, channels] = [shape[1], shape[3]];
  tile = model.description.tile || size / 2;
  const told = state.read();
  if (told.has("from")) element("from").value = told.get("from");
  const way = (told.get("way-grown") ?? "").split(".").filter(Boolean);
  await begin();
  for (const word of way) {
    const [side, variant] = [word.replace(/\d+$/, ""), Number(word.match(/\d+$/)?.[0] ?? 0)];
    await step(side, variant);
  }
}

const now = () => history.at(-1)?.choices[history.at(-1).chosen];

async function begin(mosaic) {
  turn++;
  history = mosaic ? [{ choices: [mosaic], chosen: 0, side: "image" }] : [];
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
  await begin(mosaics.ofImage(rows));
  tell(`${file.name}: ${picture.width} x ${picture.height} pixels, all real; click an edge or a corner`);
}

// Grows to a side, or starts from nothing: all variants, or the one that is asked for.
async function step(side, only = null) {
  if (side === "start" ? history.length : !history.length) return;
  const mine = turn;
  const place = history.length;
  const from = side === "start" ? mosaics.blank(size, size) : mosaics.grown(now(), side, tile);
  const numbers = only === null ? Array.from({ length: VARIANTS }, (_, number) => number) : [only];
  const seedOf = (variant, number) => Number(element("from").value) + 100_000 * place + 1000 * variant + number;
  let choices = numbers.map(() => from);
  const begun = performance.now();
  busy(true);
  try {
    for (const [number, window] of mosaics.windows(from, size, tile).entries()) {
      tell(`${numbers.length} variants are being made`);
      const inputs = choices.map((one) => mosaics.inputsOf(one, window, size, channels));
      const images = await predict(model, "extend", {
        image: inputs.map((one) => one.image),
        known: inputs.map((one) => one.known),
        seed: numbers.map((variant) => seedOf(variant, number)),
      });
      if (mine !== turn) return;
      choices = choices.map((one, variant) => mosaics.filled(one, window, images[variant]));
    }
    history.push({ choices, chosen: 0, side, first: numbers[0] });
    const { width, height } = now();
    tell(`${width} x ${height} pixels of ${model.name}, version ${model.version}, in ${Math.round(performance.now() - begun)} ms`);
  } catch (error) {
    if (mine === turn) tell(error.message, true);
  } finally {
    busy(false);
    show();
  }
}

function undo() {
  if (history.length > 1 || history[0]?.side === "start") history.pop();
  show();
}

function busy(is) {
  for (const button of document.querySelectorAll("#extend button")) button.disabled = is;
}

function show() {
  const there = Boolean(history.length);
  for (const button of document.querySelectorAll("#edges button")) button.disabled = !there;
  element("undo").disabled = !(history.length > 1 || history[0]?.side === "start");
  element("scene-download").disabled = !there;
  const grown = history.filter(({ side }) => side !== "image").map(({ side, chosen, first }) => `${side}${first + chosen}`);
  const leads = history[0]?.side !== "image"; // a picture of one's own is in no address
  state.write({ from: element("from").value, "way-grown": leads ? grown.join(".") : null });
  const { choices = [], chosen = 0 } = history.at(-1) ?? {};
  const several = choices.length > 1 ? choices : [];
  element("variants").hidden = !several.length;
  element("variants").replaceChildren(
    Object.assign(document.createElement("legend"), { textContent: "Variants" }),
    ...several.map((mosaic, number) => variant(mosaic, number, number === chosen)),
  );
  draw();
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

// Lines around what is real, and dashed ones around what is made.
function outline(context, { width, height, kinds }, scale) {
  for (const [kind, colour, dash] of [[mosaics.MADE, "--made", [scale / 2, scale / 2]], [mosaics.REAL, "--real", []]]) {
    context.beginPath();
    const is = (x, y) => kinds[y]?.[x] === kind;
    for (let y = 0; y <= height; y++) {
      for (let x = 0; x <= width; x++) {
        if (is(x, y) !== is(x, y - 1)) line(context, [x, y], [x + 1, y], scale);
        if (is(x, y) !== is(x - 1, y)) line(context, [x, y], [x, y + 1], scale);
      }
    }
    context.strokeStyle = resolved(colour);
    context.lineWidth = 3;
    context.setLineDash(dash);
    context.stroke();
  }
}

function line(context, from, to, scale) {
  context.moveTo(from[0] * scale, from[1] * scale);
  context.lineTo(to[0] * scale, to[1] * scale);
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
  const said = {
    SYNTHETIC: model.description.synthetic ?? "SYNTHETIC: made up by a neural network, but for what Real tells of",
    Model: model.name,
    Version: model.version,
    Seed: element("from").value,
    Steps: history.map(({ side, chosen, first }) => (side === "image" ? side : `${side}${first + chosen}`)).join("."),
    Real: mosaics.realPlace(mosaic),
  };
  download(await pngOf(picture(mosaic, document.createElement("canvas")), said), `${model.name}_scene.png`);
}
