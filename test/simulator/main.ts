import { CURVES } from './curves.js';
import { type Outcome, simulate } from './simulate.js';

const EACH = 10;

/** The instances of each ten seconds as one character: `.` for none, `a` for ten. */
function drawn(slots: readonly number[]): string {
  const most = slots.flatMap((_, index) => (index % EACH ? [] : [Math.max(...slots.slice(index, index + EACH))]));
  return most.map((count) => (count === 0 ? '.' : count.toString(36))).join('');
}

function row(name: string, { slots, reaction, turns, cost, oracle, lost, refused }: Outcome): string {
  const figures = [
    String(Math.max(...slots)),
    reaction === null ? '-' : `${reaction} s`,
    String(turns),
    (cost / oracle).toFixed(2),
    `${(lost * 100).toFixed(1)} %`,
    String(refused),
  ];
  return `${name.padEnd(26)}${figures.map((text) => text.padStart(9)).join('')}  ${drawn(slots)}`;
}

const titles = ['most', 'reaction', 'turns', 'cost', 'lost', 'refused'].map((text) => text.padStart(9)).join('');
console.log(`${''.padEnd(26)}${titles}  most instances in each ${EACH} s (a is 10)`);
for (const curve of CURVES) console.log(row(curve.name, simulate(curve)));
console.log(`
most      instances routed at once, of 10 slots; an instance has half a processor
reaction  from the first second with more load than the instances have quota, to the decision for more of them
turns     changes of direction: from more instances to fewer, or back
cost      instance-seconds, divided by those of an oracle that has exactly what each second needs
lost      share of the processor time that was asked for and given up, or came while nothing was routed`);
