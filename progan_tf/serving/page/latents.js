// The latents of a seed, as the exported model draws them, and the way from one to another.
//
// TensorFlow's stateless normal numbers: Philox 4x32-10 (Salmon et al. 2011), keyed by the seed, and Box-Muller. They
// agree with the model's to about 1e-6, so that an interpolation begins and ends with the images of its seeds.

const PURPOSE = 0x5eed; // keeps these numbers apart from others drawn with the same seed

function philox(counter, key) {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const a = BigInt(c0) * 0xd2511f53n;
    const b = BigInt(c2) * 0xcd9e8d57n;
    [c0, c1, c2, c3] = [
      (Number(b >> 32n) ^ c1 ^ k0) >>> 0,
      Number(b & 0xffffffffn),
      (Number(a >> 32n) ^ c3 ^ k1) >>> 0,
      Number(a & 0xffffffffn),
    ];
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1, c2, c3];
}

// In [0, 1), from the low 23 bits.
const uniform = (bits) => (bits & 0x7fffff) / 0x800000;

function boxMuller(first, second) {
  const radius = Math.sqrt(-2 * Math.log(Math.max(uniform(first), 1e-7)));
  const angle = 2 * Math.PI * uniform(second);
  return [radius * Math.sin(angle), radius * Math.cos(angle)];
}

// Standard normal numbers [size] of an integer seed.
export function latentsOf(seed, size) {
  const words = BigInt.asUintN(64, BigInt(seed));
  const [low, high] = [Number(words & 0xffffffffn), Number(words >> 32n)];
  const mixed = philox([low, high, PURPOSE, 0], [0x3ec8f720, 0x02461e29]);
  const numbers = [];
  for (let block = 0; numbers.length < size; block++) {
    const [a, b, c, d] = philox([block, 0, mixed[2], mixed[3]], [mixed[0], mixed[1]]);
    numbers.push(...boxMuller(a, b), ...boxMuller(c, d));
  }
  return numbers.slice(0, size);
}

// The latents at `way` in [0, 1] from a to b along the great circle, their length going from one to the other.
export function slerp(a, b, way) {
  const length = (x) => Math.sqrt(x.reduce((sum, value) => sum + value * value, 0));
  const [lengthA, lengthB] = [length(a), length(b)];
  const cosine = a.reduce((sum, value, i) => sum + value * b[i], 0) / (lengthA * lengthB);
  const angle = Math.acos(Math.min(1, Math.max(-1, cosine)));
  if (Math.sin(angle) < 1e-6) return a.map((value, i) => value + (b[i] - value) * way);
  const [shareA, shareB] = [Math.sin((1 - way) * angle) / lengthA, Math.sin(way * angle) / lengthB];
  const scale = (lengthA + (lengthB - lengthA) * way) / Math.sin(angle);
  return a.map((value, i) => (shareA * value + shareB * b[i]) * scale);
}
