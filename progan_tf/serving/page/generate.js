// Images of seeds, and the way from one seed to another.

import { bytesOf, predict } from "./client.js";
import { latentsOf, slerp } from "./latents.js";
import { draw } from "./pixels.js";
import { download, pngOf } from "./png.js";
import * as state from "./state.js";

const element = (id) => document.getElementById(id);
const FIELDS = ["seed", "grid", "truncation", "label", "to", "way"];
let model, tell;
let newest = 0; // of several answers the last one asked for counts

export const serves = (model) => model.signatures.includes("png_from_seed");

export function start(told) {
  tell = told;
  for (const form of [element("wanted"), element("between")]) form.addEventListener("submit", (event) => event.preventDefault());
  for (const id of ["seed", "grid", "truncation", "label"]) element(id).addEventListener("input", () => show().then(frame));
  for (const id of ["to", "way"]) element(id).addEventListener("input", frame);
  element("dice").addEventListener("click", () => {
    element("seed").value = crypto.getRandomValues(new Uint32Array(1))[0] % 1_000_000;
    show().then(frame);
  });
  element("frame-download").addEventListener("click", async () => {
    const { seed, to, way } = numbers();
    const said = { SYNTHETIC: synthetic(), Model: model.name, Version: model.version, Seed: `${seed} to ${to}`, Way: way };
    download(await pngOf(element("frame"), said), `${model.name}_${seed}_to_${to}_${way}.png`);
  });
}

// Shows a model, as the address says.
export async function open(chosen) {
  model = chosen;
  const labels = model.description.labels ?? [];
  element("label-choice").hidden = !labels.length;
  element("label").replaceChildren(
    ...["each in turn", ...labels].map((name, number) => new Option(name, number ? number - 1 : "all")),
  );
  const told = state.read();
  for (const id of FIELDS) if (told.has(id)) element(id).value = told.get(id);
  await show();
  await frame();
}

const synthetic = () => model.description.synthetic ?? "SYNTHETIC: this image is made up by a neural network";

function numbers() {
  const values = Object.fromEntries(FIELDS.map((id) => [id, element(id).value]));
  element("truncation-shown").value = values.truncation;
  element("way-shown").value = `${Math.round(100 * values.way)} %`;
  state.write({ ...values, label: element("label-choice").hidden ? null : values.label });
  return { ...values, seed: Number(values.seed), to: Number(values.to), grid: Number(values.grid), way: Number(values.way) };
}

const labelOf = (seed) => {
  const chosen = element("label").value;
  return chosen === "all" ? seed % model.description.labels.length : Number(chosen);
};

const labelled = (inputs, seeds) => (element("label-choice").hidden ? inputs : { ...inputs, labels: seeds.map(labelOf) });

async function show() {
  if (!element("wanted").reportValidity()) return;
  const { seed, grid, truncation } = numbers();
  const seeds = Array.from({ length: grid }, (_, place) => seed + place);
  const inputs = { seed: seeds, truncation: seeds.map(() => Number(truncation)) };
  const turn = ++newest;
  const begun = performance.now();
  tell(`${grid} images are on their way`);
  try {
    const images = await predict(model, "png_from_seed", labelled(inputs, seeds));
    if (turn !== newest) return;
    const old = [...document.querySelectorAll("#gallery img")].map((image) => image.src);
    element("gallery").style.setProperty("--columns", Math.ceil(Math.sqrt(grid)));
    element("gallery").replaceChildren(...images.map(({ b64 }, place) => item(bytesOf(b64), seeds[place])));
    old.forEach((url) => URL.revokeObjectURL(url));
    tell(`${grid} synthetic images of ${model.name}, version ${model.version}, in ${Math.round(performance.now() - begun)} ms`);
  } catch (error) {
    if (turn === newest) tell(error.message, true);
  }
}

function item(bytes, seed) {
  const image = new Image();
  image.src = URL.createObjectURL(new Blob([bytes], { type: "image/png" }));
  image.alt = `Synthetic image of seed ${seed}`;
  const link = document.createElement("a");
  link.href = image.src;
  link.download = `${model.name}_seed_${seed}.png`;
  link.title = "Download PNG";
  link.append(image, `seed ${seed}`);
  const entry = document.createElement("li");
  entry.append(link);
  return entry;
}

let asking = null; // one frame at a time: a scrubber asks faster than any model answers

async function frame() {
  if (!element("wanted").checkValidity() || !element("between").reportValidity()) return;
  numbers();
  if (asking) {
    asking.again = true;
    return;
  }
  asking = { again: false };
  try {
    do {
      asking.again = false;
      await drawFrame();
    } while (asking.again);
  } catch (error) {
    tell(error.message, true);
  } finally {
    asking = null;
  }
}

async function drawFrame() {
  const { seed, to, way } = numbers();
  const size = model.description.latent_size;
  const latents = slerp(latentsOf(seed, size), latentsOf(to, size), way);
  const [image] = await predict(model, "serving_default", labelled({ latents: [latents] }, [seed]));
  draw(element("frame"), image, model.description);
  element("frame").setAttribute("aria-label", `Synthetic image, ${Math.round(100 * way)} % of the way from seed ${seed} to ${to}`);
}
