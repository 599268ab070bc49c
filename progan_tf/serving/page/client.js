// The server, over TensorFlow Serving's REST API.

const TOKEN = "progan-tf token";
let needToken; // comes back when the person has given another token

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export function start(asking) {
  needToken = asking;
}

export function setToken(token) {
  sessionStorage.setItem(TOKEN, token);
}

// A request that is refused for its token waits for another one, and is made again: nothing that was begun is lost.
async function ask(path, options = {}) {
  const token = sessionStorage.getItem(TOKEN);
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  let reply;
  try {
    reply = await fetch(path, { ...options, headers });
  } catch {
    throw new Refused(0, "the server does not answer; see that it runs and can be reached, and try again");
  }
  if (reply.status === 401) {
    if (token === sessionStorage.getItem(TOKEN)) await needToken(Boolean(token));
    return ask(path, options);
  }
  const answer = await reply.json().catch(() => ({ error: `the server answered ${reply.status}` }));
  if (!reply.ok) throw new Refused(reply.status, answer.error);
  return answer;
}

// What is served: [{name, version, labels, signatures, description}].
export async function served() {
  return (await ask("models")).models;
}

// The outputs of a signature for inputs by name, whole columns of them.
export async function predict(model, signature, inputs) {
  const body = JSON.stringify({ signature_name: signature, inputs });
  return (await askOf(model, ":predict", { method: "POST", body })).outputs;
}

// The signatures of a model by name, as the protocol shows them.
export async function metadata(model) {
  return (await askOf(model, "/metadata")).metadata.signature_def.signature_def;
}

// Of the version that the page tells of, so that a newer one never answers in its name.
async function askOf(model, what, options) {
  try {
    return await ask(`v1/models/${encodeURIComponent(model.name)}/versions/${model.version}${what}`, options);
  } catch (error) {
    if (error.status !== 404) throw error;
    throw new Refused(404, `version ${model.version} of ${model.name} is no longer served; reload the page for the newest`);
  }
}

export function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
