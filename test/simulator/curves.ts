/** A load over time, and what its instances do. */
export interface Curve {
  readonly name: string;
  readonly seconds: number;
  /** The processors that all requests of this second need. */
  readonly load: (second: number) => number;
  readonly startSeconds?: number;
  readonly lifetimeSeconds?: number;
  /** An instance dies after so many seconds. */
  readonly leakSeconds?: number;
  /** Each so many seconds one instance is killed. */
  readonly killEvery?: number;
  readonly idleSeconds?: number;
}

const steady = (load: number) => () => load;
const step = (second: number) => (second < 60 || second > 300 ? 0.2 : 3);

/** What the simulator plays. An instance has half a processor, and there are ten slots. */
export const CURVES: readonly Curve[] = [
  { name: 'steady 0.15', seconds: 600, load: steady(0.15) },
  { name: 'steady 0.30, 60 % of one', seconds: 600, load: steady(0.3) },
  { name: 'steady 0.45, 90 % of one', seconds: 600, load: steady(0.45) },
  { name: 'steady 1', seconds: 600, load: steady(1) },
  { name: 'steady 2', seconds: 600, load: steady(2) },
  { name: 'more than the slots', seconds: 600, load: steady(8) },
  { name: 'step 0.2, 3, 0.2', seconds: 600, load: step },
  { name: 'square, 15 s', seconds: 600, load: (second) => (Math.floor(second / 15) % 2 ? 1.5 : 0.1) },
  { name: 'sine, 6 min', seconds: 720, load: (second) => 1 + 0.9 * Math.sin(second / 57.3) },
  {
    name: 'flash crowd from asleep',
    seconds: 600,
    load: (second) => (second < 60 ? 0 : 4 * Math.exp((60 - second) / 120)),
  },
  { name: 'now and then', seconds: 600, load: (second) => (second % 200 < 5 ? 0.1 : 0), idleSeconds: 30 },
  { name: 'starts of 10 s, step', seconds: 600, load: step, startSeconds: 10 },
  { name: 'memory leak, 45 s', seconds: 600, load: steady(1), leakSeconds: 45 },
  { name: 'one dies each 20 s', seconds: 600, load: steady(1.5), killEvery: 20 },
  { name: 'lifetimes of 90 s', seconds: 600, load: steady(1), lifetimeSeconds: 90 },
];
