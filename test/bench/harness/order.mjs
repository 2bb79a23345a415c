// @ts-check
// Programs in C that measure on order (floor/floor.h), and the taking of turns.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const SOURCES = join(import.meta.dirname, '../floor');
const FLAGS = ['-D_GNU_SOURCE', '-std=c11', '-O2', '-Wall', '-Wextra', '-Werror', '-static', '-pthread'];
const NS_PER_USEC = 1000;

/**
 * Something that can be measured a number of times: gives each time in microseconds, and of the whole; `cpu` is the
 * processor time that it took, where that is measured.
 * @typedef {(count: number, threads: number) => Promise<{ times: number[], wall: number, cpu?: number }>} Measure
 */

/**
 * One turn: how many times, how long in all, and the processor time, in microseconds; 0 where it was not measured.
 * @typedef {{ count: number, wall: number, cpu: number }} Turn
 */

/**
 * Compiles a program of floor/.
 * @param {string} name
 * @param {string} path of the program
 * @throws {Error} with the compiler's words
 */
export function compile(name, path) {
  const { status, stderr } = spawnSync('cc', [...FLAGS, join(SOURCES, `${name}.c`), '-o', path], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`cannot compile ${name}.c: ${stderr}`);
}

/** A program of floor/ that waits for orders. */
export class Floor {
  #child;
  #lines;
  #complaint = '';
  /** @type {AsyncIterator<string>} */
  #reading;

  /**
   * @param {string} directory for the program
   * @param {string} name
   * @param {string[]} args
   */
  constructor(directory, name, args) {
    mkdirSync(directory, { recursive: true });
    this.#child = spawn(join(directory, name), args, { stdio: 'pipe' });
    this.#child.stdin.on('error', () => {}); // it has ended: the next answer says why
    this.#child.stderr.setEncoding('utf8').on('data', (text) => {
      this.#complaint = (this.#complaint + text).slice(-400);
    });
    this.#lines = createInterface({ input: this.#child.stdout });
    this.#reading = this.#lines[Symbol.asyncIterator]();
  }

  /**
   * @type {Measure}
   * @throws {Error} with what the program said, where it has ended
   */
  measure = async (count, threads = 1) => {
    this.#child.stdin.write(`${count} ${threads}\n`);
    const times = [];
    for (;;) {
      const { value, done } = await this.#reading.next();
      if (done) throw new Error(this.#complaint.trim().split('\n').at(-1) || 'it ended without a word');
      if (value.startsWith('done ')) return { times, wall: Number(value.slice(5)) / NS_PER_USEC };
      times.push(Number(value) / NS_PER_USEC);
    }
  };

  close() {
    this.#child.stdin.end();
    this.#child.kill();
  }
}

/**
 * Measures several things in turn, each `count` times a round, so that whatever else the machine does meets all alike;
 * in every second round in the opposite order, so that none is always the first.
 * @param {Record<string, Measure>} subjects
 * @param {{ rounds: number, count: number, threads?: number }} much
 * @returns {Promise<Record<string, { times: number[], wall: number, turns: Turn[], error: string }>>} all times of each;
 *   `error` where one could not be measured
 */
export async function takeTurns(subjects, { rounds, count, threads = 1 }) {
  const results = Object.fromEntries(
    Object.keys(subjects).map((name) => {
      const [times, turns] = [/** @type {number[]} */ ([]), /** @type {Turn[]} */ ([])];
      return [name, { times, wall: 0, turns, error: '' }];
    }),
  );
  for (let round = -1; round < rounds; round++) {
    const order = Object.entries(subjects);
    for (const [name, measure] of round % 2 === 0 ? order : order.reverse()) {
      const result = results[name];
      if (result === undefined || result.error !== '') continue;
      try {
        const { times, wall, cpu = 0 } = await measure(round < 0 ? Math.min(count, 5) : count, threads);
        if (round < 0) continue; // warmed up
        result.times.push(...times);
        result.wall += wall;
        result.turns.push({ count: times.length, wall, cpu });
      } catch (error) {
        result.error = error instanceof Error ? error.message : String(error);
      }
    }
  }
  return results;
}
