// @ts-check
// node at-once.mjs HOST PORT COUNT: opens so many connections at once, asks each for a page, and prints as JSON how many
// were answered, and the errors of the others by their codes.
import { get } from 'node:http';

const [host, port, count] = process.argv.slice(2);

/** @returns {Promise<string>} "answered", or what went wrong */
function ask() {
  return new Promise((resolve) => {
    const request = get({ host, port, agent: false, timeout: 30_000 }, (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode === 200 ? 'answered' : `status ${response.statusCode}`));
      response.once('error', ({ message }) => resolve(message));
    });
    request.once('timeout', () => request.destroy(new Error('no answer in 30 s')));
    request.once('error', (error) => resolve('code' in error ? String(error.code) : error.message));
  });
}

const begin = performance.now();
/** @type {Record<string, number>} */
const ends = {};
for (const end of await Promise.all(Array.from({ length: Number(count) }, ask))) ends[end] = (ends[end] ?? 0) + 1;
console.log(JSON.stringify({ ends, ms: Math.round(performance.now() - begin) }));
