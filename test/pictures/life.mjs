// @ts-check
// Draws the life of a service from its history: a line for each instance, coloured by its phase, and above them the share
// of time in which the instances were throttled.

/** @typedef {{ id: string, phase: string }} Instance */
/** @typedef {{ at: number, state: string, throttled_share: number | null, connections: number, instances: Instance[] }} Sample */
/** @typedef {{ at: string, step: string, instance: string | null, why: string }} Decision */
/** @typedef {{ from: number, samples: Sample[], decisions: Decision[], requests: number, failed: number, first: string, thawed: string, slots: number }} Life */

const WIDTH = 920;
const LEFT = 150;
const RIGHT = 20;
const LANE = 26;
const TOP = 120;

/** @type {Record<string, string>} */
const COLOURS = {
  starting: '#f0b429',
  ready: '#f0b429',
  routed: '#2f9e66',
  unrouted: '#9fb3c8',
  frozen: '#5ba8e5',
  thawing: '#f0b429',
  ending: '#d9534f',
};
const WORDS = [
  ['starting', 'starts'],
  ['routed', 'serves'],
  ['unrouted', 'finishes its connections'],
  ['frozen', 'frozen'],
  ['ending', 'is stopped'],
];

/**
 * @param {Life} life
 * @returns {string} an SVG
 */
export function lifeOfService({ samples, decisions, requests, failed, first, thawed, slots }) {
  const end = samples.at(-1)?.at ?? 1;
  const x = (/** @type {number} */ at) => LEFT + ((WIDTH - LEFT - RIGHT) * at) / end;
  const ids = [...new Set(samples.flatMap(({ instances }) => instances.map(({ id }) => id)))];
  const height = TOP + ids.length * LANE + 60;
  const lanes = ids.flatMap((id, i) => laneOf(id, TOP + i * LANE, samples, x));
  const marks = ticksOf(end, height - 44, x);
  const told = `A service of at most ${slots} instances: ${requests} requests under load, ${failed === 0 ? 'none failed' : `${failed} failed`}`;
  const later = decisions.some(({ step }) => step === 'thaw') ? 'the one that found it frozen' : 'one after a pause';
  const wakes = `in an emulated machine, some ten times slower: the first request was answered after ${seconds(first)}, ${later} after ${seconds(thawed)}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">
<title>${told}</title>
<rect width="100%" height="100%" rx="6" fill="#ffffff"/>
<text x="16" y="24" font-size="15" font-weight="bold" fill="#1f2933">${told}</text>
<text x="16" y="43" fill="#52606d">${wakes}</text>
${legend().join('\n')}
<text x="16" y="${TOP - 16}" fill="#52606d">throttled</text>
${throttledArea(samples, x)}
${lanes.join('\n')}
${marks.join('\n')}
</svg>
`;
}

function legend() {
  let at = 16;
  return WORDS.flatMap(([phase = '', word = '']) => {
    const here = at;
    at += 30 + word.length * 7;
    return [
      `<rect x="${here}" y="56" width="12" height="12" rx="2" fill="${COLOURS[phase]}"/>`,
      `<text x="${here + 17}" y="66" fill="#1f2933">${word}</text>`,
    ];
  });
}

/** @param {string} id @param {number} y @param {Sample[]} samples @param {(at: number) => number} x */
function laneOf(id, y, samples, x) {
  /** @type {{ phase: string, at: number, until: number }[]} */
  const runs = [];
  for (const [i, { at, instances }] of samples.entries()) {
    const phase = instances.find((one) => one.id === id)?.phase;
    const until = samples[i + 1]?.at ?? at;
    const last = runs.at(-1);
    if (phase === undefined) continue;
    if (last !== undefined && last.phase === phase && last.until === at) last.until = until;
    else runs.push({ phase, at, until });
  }
  return [
    `<text x="16" y="${y + 15}" fill="#1f2933" font-family="monospace">${id}</text>`,
    ...runs.map(({ phase, at, until }) => {
      const width = Math.max(1, x(until) - x(at)).toFixed(1);
      return `<rect x="${x(at).toFixed(1)}" y="${y + 3}" width="${width}" height="${LANE - 8}" fill="${COLOURS[phase]}"><title>${phase}</title></rect>`;
    }),
  ];
}

/** @param {Sample[]} samples @param {(at: number) => number} x */
function throttledArea(samples, x) {
  const base = TOP - 8;
  const points = samples.map(
    ({ at, throttled_share: share }) => `${x(at).toFixed(1)},${(base - 26 * (share ?? 0)).toFixed(1)}`,
  );
  return `<polygon points="${x(0)},${base} ${points.join(' ')} ${x(samples.at(-1)?.at ?? 0).toFixed(1)},${base}" fill="#d9534f" opacity="0.35"/>
<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${base}" y2="${base}" stroke="#cbd2d9"/>`;
}

/** @param {number} end @param {number} y @param {(at: number) => number} x */
function ticksOf(end, y, x) {
  const marks = [];
  for (let at = 0; at <= end; at += 10_000)
    marks.push(
      `<line x1="${x(at)}" x2="${x(at)}" y1="${y}" y2="${y + 5}" stroke="#52606d"/>`,
      `<text x="${x(at)}" y="${y + 19}" text-anchor="middle" fill="#52606d">${at / 1000} s</text>`,
    );
  return marks;
}

/** @param {string} text */
function seconds(text) {
  const ms = Number(text) * 1000;
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
