// The page: which model, and what can be done with it.

import * as client from "./client.js";
import * as extend from "./extend.js";
import * as generate from "./generate.js";
import * as state from "./state.js";

const element = (id) => document.getElementById(id);
const USUAL = "these images are made up by a neural network and show no real place";
let models = [];

function tell(message, failed = false) {
  element("status").textContent = failed ? `That did not work: ${message}` : message;
  element("status").classList.toggle("failed", failed);
}

async function open() {
  const model = models.find(({ name }) => name === element("model").value);
  const { resolution, kimg, training_data: data } = model.description;
  const facts = [`version ${model.version}`];
  if (resolution) facts.push(`${resolution} x ${resolution} pixels`);
  if (data?.name) facts.push(`trained on ${data.name}`);
  if (kimg) facts.push(`${Math.round(kimg).toLocaleString("en")} thousand images seen`);
  element("facts").textContent = facts.join(", ");
  const usual = extend.serves(model) ? "what a dashed line surrounds is made up by a neural network and shows no real place" : USUAL;
  const said = (model.description.synthetic ?? usual).replace(/^SYNTHETIC: /, "");
  element("synthetic").textContent = `${said[0].toUpperCase()}${said.slice(1)}.`;
  state.write({ model: model.name });
  for (const id of ["generate", "extend"]) element(id).hidden = true; // a view shows itself once it can be used
  try {
    for (const view of [generate, extend]) if (view.serves(model)) await view.open(model);
  } catch (error) {
    if (!(error instanceof client.Refused)) throw error;
    tell(error.message, true);
  }
}

// Comes back when another token was given.
function askForToken(refused) {
  element("entry").hidden = false;
  element("entry").scrollIntoView({ block: "nearest" });
  tell(refused ? "the server does not take this token; enter another one" : "a token is needed", refused);
  return new Promise((done) => element("entry").addEventListener("submit", done, { once: true }));
}

async function enter() {
  try {
    models = await client.served();
  } catch (error) {
    return tell(error.message, true);
  }
  element("main").hidden = false;
  if (!models.length) return tell("the models are still loading; reload the page in a moment");
  element("model").replaceChildren(...models.map(({ name }) => new Option(name)));
  const wanted = state.read().get("model");
  if (models.some(({ name }) => name === wanted)) element("model").value = wanted;
  await open();
}

client.start(askForToken);
generate.start(tell);
extend.start(tell);
element("model").addEventListener("change", open);
element("entry").addEventListener("submit", (event) => {
  event.preventDefault();
  client.setToken(element("token").value);
  element("entry").reset();
  element("entry").hidden = true;
  tell("");
});
window.addEventListener("hashchange", enter); // of a link; what the page itself writes there does not come here
enter();
