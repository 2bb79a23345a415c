// @ts-check
// Requests a second of the API, beside the same framework that answers a constant of the same length.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import autocannon from 'autocannon';
import { summarize } from '../harness/statistics.mjs';

/** @param {import('../bench.mjs').Context} context */
export async function measure({ place, many, row, quick }) {
  const daemon = await place.daemon();
  const spec = { process: { args: ['/pause'] }, root: { path: place.root }, userns: /** @type {const} */ ('host') };
  const [id] = await daemon.fill(many(1000), spec);
  for (const { name, path, ratioAtLeast } of [
    { name: 'inspect', path: `/v1/containers/${id}`, ratioAtLeast: 0.4 },
    { name: 'stats', path: `/v1/containers/${id}/stats`, ratioAtLeast: 0.7 },
    { name: `list of ${many(1000)}`, path: '/v1/containers', ratioAtLeast: 0.7 },
  ]) {
    const text = await bodyOf(daemon.socket, path);
    const constant = await Constant.start(place, text);
    const rates = { own: /** @type {number[]} */ ([]), floor: /** @type {number[]} */ ([]) };
    for (let round = 0; round < (quick ? 1 : 3); round++) {
      rates.own.push(await rate(daemon.socket, path, quick));
      rates.floor.push(await rate(constant.socket, '/', quick));
    }
    await constant.stop();
    row({
      what: `API: ${name}`,
      unit: '1/s',
      measured: summarize(rates.own),
      floor: 'fastify, a constant of as many bytes',
      floorMeasured: summarize(rates.floor),
      ratioAtLeast,
      note: `${text.length} bytes`,
    });
  }
}

/**
 * @param {string} socketPath
 * @param {string} path
 * @param {boolean} quick
 */
async function rate(socketPath, path, quick) {
  const { requests, duration, non2xx } = await autocannon({
    url: `http://localhost${path}`,
    socketPath,
    connections: 8,
    duration: quick ? 1 : 3,
  });
  if (non2xx > 0) throw new Error(`${path}: ${non2xx} answers are no success`);
  return requests.total / duration;
}

/**
 * @param {string} socketPath
 * @param {string} path
 */
async function bodyOf(socketPath, path) {
  const { request } = await import('node:http');
  const [response] = await once(request({ socketPath, path }).end(), 'response');
  let text = '';
  for await (const piece of response.setEncoding('utf8')) text += piece;
  return text;
}

/** A server in a process of its own. */
class Constant {
  socket;
  #child;

  /**
   * @param {import('../harness/place.mjs').Place} place
   * @param {string} text
   */
  constructor(place, text) {
    this.socket = join(place.runDirectory, `constant-${text.length}.sock`);
    const answer = join(place.directory, 'answer');
    writeFileSync(answer, text);
    this.#child = spawn(process.execPath, [join(import.meta.dirname, '../floor/constant.mjs'), this.socket, answer], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  }

  /**
   * @param {import('../harness/place.mjs').Place} place
   * @param {string} text
   */
  static async start(place, text) {
    const constant = new Constant(place, text);
    await once(constant.#child.stdout, 'data');
    return constant;
  }

  async stop() {
    const ended = once(this.#child, 'exit');
    this.#child.kill();
    await ended;
  }
}
