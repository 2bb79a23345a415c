// @ts-check
// Changes inputs at random: as bytes, or as JSON where that is what they are. The same seed gives the same changes.

/**
 * @callback Random
 * @param {number} below
 * @returns {number} a whole number from 0 on
 */

const MOST_CHANGES = 6;
const MOST_REPEATS = 2000;
/** Repeats of repeats multiply. */
const FEW_REPEATS = 3;
/** Values at the edges of what fields take, or of no field's type. */
const VALUES = [
  ...[
    null,
    true,
    false,
    '',
    [],
    {},
    0,
    -1,
    0.5,
    1e308,
    2 ** 31,
    2 ** 53,
    4294967295,
    '0',
    '-1',
    '1e9',
    '99999999999999999999',
  ],
  ...[
    '__proto__',
    'constructor',
    'toString',
    '/',
    '..',
    '/../x',
    '\0',
    '\u001b[31m',
    '\ud800',
    'é',
    '1k',
    '10s',
    'x'.repeat(5000),
  ],
];

/**
 * Gives a source of random numbers (a linear congruence of 48 bits, see drand48(3)).
 * @param {number} seed
 * @returns {Random}
 */
export function randomFrom(seed) {
  let state = (BigInt(seed) << 16n) + 0x330en;
  return (below) => {
    state = (state * 0x5deece66dn + 11n) & 0xffffffffffffn;
    return Number((state >> 16n) % BigInt(Math.max(1, below)));
  };
}

/**
 * Gives a changed copy of an input.
 * @param {Random} random
 * @param {Buffer} input
 * @param {Buffer} other parts of it come in
 * @param {boolean} json whether the input may be changed as JSON, too
 * @returns {Buffer}
 */
export function mutate(random, input, other, json) {
  let bytes = input;
  const changes = 1 + random(MOST_CHANGES);
  if (json && random(4) > 0) {
    const changed = mutateJson(random, bytes, other, changes);
    if (changed !== null) return changed;
  }
  for (let i = 0; i < changes; i++) bytes = mutateBytes(random, bytes, other);
  return bytes;
}

/** @type {((random: Random, bytes: Buffer, other: Buffer) => Buffer)[]} */
const BYTE_CHANGES = [
  (random, bytes) => replaced(bytes, random(bytes.length), 1, Buffer.from([random(256)])),
  (random, bytes) => replaced(bytes, random(bytes.length), 1, Buffer.from([32 + random(95)])),
  (random, bytes) => {
    const at = random(bytes.length);
    return replaced(bytes, at, 1, Buffer.from([(bytes[at] ?? 0) ^ (1 << random(8))]));
  },
  (random, bytes) => replaced(bytes, placeOf(random, bytes, isDigit), 1, Buffer.from(String(random(10)))),
  (random, bytes) =>
    replaced(
      bytes,
      placeOf(random, bytes, (byte) => byte !== 0),
      1,
      Buffer.from([random(256)]),
    ),
  (random, bytes) => replaced(bytes, random(bytes.length), 1 + random(1 + random(bytes.length)), Buffer.alloc(0)),
  (random, bytes) => replaced(bytes, random(bytes.length + 1), 0, partOf(random, bytes)),
  (random, bytes, other) => replaced(bytes, random(bytes.length + 1), random(32), partOf(random, other)),
  (random, bytes) =>
    replaced(bytes, random(bytes.length), random(9), Buffer.alloc(1 + random(16), random(2) ? 0xff : 0)),
  (random, bytes) =>
    replaced(bytes, random(bytes.length + 1), random(4), Buffer.from(String(VALUES[random(VALUES.length)]))),
  (random, bytes) => {
    const part = partOf(random, bytes).subarray(0, 1 + random(16));
    return replaced(bytes, random(bytes.length + 1), 0, Buffer.concat(new Array(random(MOST_REPEATS)).fill(part)));
  },
];

/**
 * @param {Random} random
 * @param {Buffer} bytes
 * @param {Buffer} other
 */
function mutateBytes(random, bytes, other) {
  const change = BYTE_CHANGES[random(BYTE_CHANGES.length)];
  return change === undefined ? bytes : change(random, bytes, other);
}

/**
 * Gives a place of a byte of a kind; any place where there is none.
 * @param {Random} random
 * @param {Buffer} bytes
 * @param {(byte: number) => boolean} fits
 */
function placeOf(random, bytes, fits) {
  const places = [...bytes.keys()].filter((at) => fits(bytes[at] ?? 0));
  return places[random(places.length)] ?? random(bytes.length);
}

/** @param {number} byte */
function isDigit(byte) {
  return byte >= 0x30 && byte <= 0x39;
}

/**
 * @param {Buffer} bytes
 * @param {number} at
 * @param {number} length
 * @param {Buffer} by
 */
function replaced(bytes, at, length, by) {
  return Buffer.concat([bytes.subarray(0, at), by, bytes.subarray(at + length)]);
}

/**
 * @param {Random} random
 * @param {Buffer} bytes
 */
function partOf(random, bytes) {
  const at = random(bytes.length);
  return bytes.subarray(at, at + 1 + random(bytes.length - at));
}

/**
 * @param {Random} random
 * @param {Buffer} bytes
 * @param {Buffer} other
 * @param {number} changes
 * @returns {Buffer | null} null where it is no JSON of parts
 */
function mutateJson(random, bytes, other, changes) {
  const [value, foreign] = [parsed(bytes), parsed(other)];
  if (value === undefined) return null;
  const root = { value };
  for (let i = 0; i < changes; i++) {
    const { holder, key } = slotIn(random, root);
    changeAt(random, holder, key, foreign, i === 0 ? MOST_REPEATS : FEW_REPEATS);
  }
  return Buffer.from(JSON.stringify(root.value) ?? '');
}

/**
 * @param {Random} random
 * @param {any} holder
 * @param {string} key
 * @param {unknown} foreign
 * @param {number} repeats
 */
function changeAt(random, holder, key, foreign, repeats) {
  const now = holder[key];
  const taken = slotIn(random, { foreign });
  const set = (/** @type {unknown} */ value, at = key) => {
    holder[at] = value;
  };
  const list = Array.isArray(holder);
  const choices = [
    () => set(VALUES[random(VALUES.length)]),
    () => set(structuredClone(taken.holder[taken.key])),
    () => set(typeof now === 'number' ? now + random(3) - 1 : [now]),
    () => set(typeof now === 'string' ? mutateText(random, now) : { [key]: now }),
    () => (list ? holder.splice(Number(key), 1) : delete holder[key]),
    () => (list ? holder.push(...new Array(random(repeats)).fill(now)) : set(now, `${key}${random(9)}`)),
  ];
  choices[random(choices.length)]?.();
}

/**
 * @param {Random} random
 * @param {string} text
 */
function mutateText(random, text) {
  const bytes = Buffer.from(text);
  return mutateBytes(random, bytes, bytes).toString();
}

/**
 * Gives a place in a value: of its outer fields as often as of all that is deep in it.
 * @param {Random} random
 * @param {any} root an object of one field
 * @returns {{ holder: any, key: string }}
 */
function slotIn(random, root) {
  let [holder, key] = [root, Object.keys(root)[0] ?? ''];
  while (typeof holder[key] === 'object' && holder[key] !== null && random(4) > 0) {
    const keys = Object.keys(holder[key]);
    const inner = keys[random(keys.length)];
    if (inner === undefined) break;
    [holder, key] = [holder[key], inner];
  }
  return { holder, key };
}

/** @param {Buffer} bytes */
function parsed(bytes) {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}
