// What is shown stands in the address, so that a link leads to the same images.

export function read() {
  return new URLSearchParams(location.hash.slice(1));
}

// Puts what the address says into the field of that name; what is usual where it says nothing, or nothing on offer.
export function fill(field) {
  const options = [...(field.options ?? [])];
  const usual = field.options ? (options.find((one) => one.defaultSelected) ?? options[0]).value : field.defaultValue;
  const said = read().get(field.id);
  const fits = field.options ? options.some(({ value }) => value === said) : said && isFinite(said);
  field.value = fits ? said : usual;
  if (!field.validity.valid) field.value = usual;
}

export function write(changes) {
  const state = read();
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "") state.delete(name);
    else state.set(name, value);
  }
  history.replaceState(null, "", `#${state}`);
}
