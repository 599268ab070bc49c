// What is shown stands in the address, so that a link leads to the same images.

export function read() {
  return new URLSearchParams(location.hash.slice(1));
}

export function write(changes) {
  const state = read();
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "") state.delete(name);
    else state.set(name, value);
  }
  history.replaceState(null, "", `#${state}`);
}
