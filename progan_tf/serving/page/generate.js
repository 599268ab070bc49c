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
let framed = null; // what the frame shows: {name, said}, of a PNG of it

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
    const { name, said } = framed;
    download(await pngOf(element("frame"), said), name);
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
  for (const id of FIELDS) state.fill(element(id));
  element("gallery").replaceChildren();
  present(null);
  element("generate").hidden = false;
  await show();
  await frame();
}

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
  const plural = grid === 1 ? "image" : "images";
  tell(`${grid} ${plural} on the way`);
  try {
    const images = await predict(model, "png_from_seed", labelled(inputs, seeds));
    if (turn !== newest) return;
    const old = [...document.querySelectorAll("#gallery img")].map((image) => image.src);
    element("gallery").style.setProperty("--columns", Math.ceil(Math.sqrt(grid)));
    element("gallery").replaceChildren(...images.map(({ b64 }, place) => item(bytesOf(b64), seeds[place])));
    old.forEach((url) => URL.revokeObjectURL(url));
    tell(`${grid} synthetic ${plural} of ${model.name}, version ${model.version}, in ${Math.round(performance.now() - begun)} ms`);
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
  if (!element("wanted").checkValidity()) return;
  const truncated = Number(numbers().truncation) !== 1; // latents of one's own are never truncated
  element("between").hidden = truncated;
  element("untruncated").hidden = !truncated;
  if (truncated) return present(null);
  if (!element("between").reportValidity()) return;
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
  const asked = model;
  const { name, version, description } = asked;
  const { seed, to, way } = numbers();
  const size = description.latent_size;
  const latents = slerp(latentsOf(seed, size), latentsOf(to, size), way);
  const inputs = labelled({ latents: [latents] }, [seed]); // one class all the way, as there is nothing between two
  const [image] = await predict(asked, "serving_default", inputs);
  if (asked !== model || element("between").hidden) return;
  draw(element("frame"), image, description);
  const [label] = inputs.labels ?? [];
  const throughout = label === undefined ? "" : `, ${description.labels[label]} throughout`;
  present({
    caption: `${Math.round(100 * way)} % of the way from seed ${seed} to ${to}${throughout}`,
    name: `${name}_${seed}_to_${to}_${way}.png`,
    said: {
      SYNTHETIC: description.synthetic ?? "SYNTHETIC: this image is made up by a neural network",
      Model: name,
      Version: version,
      Seed: `${seed} to ${to}`,
      Way: way,
      Truncation: 1,
      ...(label === undefined ? {} : { Labels: label }), // as the server says it in the PNG of a seed
    },
  });
}

function present(shown) {
  framed = shown;
  element("framed").hidden = !shown;
  element("frame-download").disabled = !shown;
  element("frame-said").textContent = shown?.caption ?? "";
  element("frame").setAttribute("aria-label", shown ? `Synthetic image, ${shown.caption}` : "No image yet");
}
