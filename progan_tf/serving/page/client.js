// The server, over TensorFlow Serving's REST API.

const TOKEN = "progan-tf token";

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export function setToken(token) {
  sessionStorage.setItem(TOKEN, token);
}

async function ask(path, options = {}) {
  const token = sessionStorage.getItem(TOKEN);
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  let reply;
  try {
    reply = await fetch(path, { ...options, headers });
  } catch {
    throw new Refused(0, "the server does not answer");
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
  const path = `v1/models/${encodeURIComponent(model.name)}/versions/${model.version}:predict`;
  return (await ask(path, { method: "POST", body })).outputs;
}

// The signatures of a model by name, as the protocol shows them.
export async function metadata(model) {
  const path = `v1/models/${encodeURIComponent(model.name)}/versions/${model.version}/metadata`;
  return (await ask(path)).metadata.signature_def.signature_def;
}

export function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
