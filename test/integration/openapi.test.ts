import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import openapiTypescript, { astToString, type OpenAPI3 } from 'openapi-typescript';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { raw } from './support/http.js';
import { makePlace, Niwad, type Place, removePlace } from './support/niwad.js';

/** The OpenAPI document of a real niwad: a linter accepts it, and a client that is generated from it works. */

interface Schema {
  $ref?: string;
  anyOf?: Schema[];
  examples?: unknown[];
}

interface Media {
  schema: Schema;
  example?: unknown;
  examples?: Record<string, { value: unknown }>;
}

interface Operation {
  operationId: string;
  requestBody?: { content: Record<string, Media> };
  responses: Record<string, { description: string; content?: Record<string, Media> }>;
}

interface Document {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
}

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));

let place: Place;
let niwad: Niwad;
let text: string;
let document: Document;

beforeAll(async () => {
  place = makePlace();
  niwad = await Niwad.start(place);
  ({ text } = await raw(niwad.socket, 'GET', '/v1/openapi.json'));
  document = JSON.parse(text) as Document;
});
afterAll(async () => {
  await niwad.stop();
  await removePlace(place);
});

const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ name: `${method} ${path}`, method, path, ...operation })),
  );

/** Gives the first example of a body; undefined if it has none. */
function exampleOf({ schema, example, examples = {} }: Media): unknown {
  return example ?? Object.values(examples)[0]?.value ?? exampleIn(schema);
}

function exampleIn({ $ref, anyOf = [], examples = [] }: Schema): unknown {
  const named = $ref === undefined ? undefined : document.components.schemas[$ref.split('/').at(-1) ?? ''];
  return examples[0] ?? (named && exampleIn(named)) ?? anyOf.map(exampleIn).find((example) => example !== undefined);
}

describe('the document', () => {
  test('has nothing that a linter finds', async () => {
    const config = await createConfig({
      extends: ['recommended-strict'],
      rules: {
        'operation-2xx-response': 'off', // execs and attached clients answer with 101
        'no-unused-components': 'off', // the record of the ledger is in files, no route sends it
        'operation-operationId': 'error',
        'operation-tag-defined': 'error',
        'operation-singular-tag': 'error',
        'parameter-description': 'error',
        'no-invalid-schema-examples': 'error',
        'no-required-schema-properties-undefined': 'error',
      },
    });
    const problems = await lintFromString({ source: text, absoluteRef: '/openapi.json', config });
    expect(problems.map(({ ruleId, message, location }) => `${ruleId}: ${message} ${location[0]?.pointer}`)).toEqual(
      [],
    );
  });

  test('describes each answer in words of its own', () => {
    const answers = operations().flatMap(({ name, responses }) =>
      Object.entries(responses).map(([status, { description = '' }]) => `${name} ${status} ${description}`),
    );
    expect(answers.filter((answer) => answer.endsWith(' ') || answer.includes('Default Response'))).toEqual([]);
  });

  test('has a body of JSON or a stream for each answer, errors included, and nothing else', () => {
    for (const { name, responses } of operations()) {
      expect(Object.keys(responses), name).toEqual(expect.arrayContaining(['4XX', '5XX']));
      expect(
        Object.keys(responses).some((status) => /^[12]/.test(status)),
        name,
      ).toBe(true);
      for (const [status, { content }] of Object.entries(responses))
        if (status === '101' || status === '204') expect(content, `${name} ${status}`).toBeUndefined();
        else expect(Object.values(content ?? {}).length, `${name} ${status}`).toBeGreaterThan(0);
    }
  });

  test('has an example for each body that is sent', () => {
    const bodies = operations().flatMap(({ name, requestBody }) => {
      const media = requestBody?.content['application/json'];
      return media === undefined ? [] : [{ name, media }];
    });
    expect(bodies.filter(({ media }) => exampleOf(media) === undefined).map(({ name }) => name)).toEqual([]);
    expect(bodies.length).toBeGreaterThan(5);
  });
});

describe('what no operation takes', () => {
  const pathOf = (path: string) => path.replace(/\{[^}]+\}/g, 'none');

  test('a field of the query that is not there is refused by every operation', async () => {
    for (const { name, method, path, requestBody } of operations()) {
      const [[type, media] = []] = Object.entries(requestBody?.content ?? {});
      const body = media && (exampleOf(media) ?? '');
      const options = type === undefined ? {} : { type, body: typeof body === 'string' ? body : JSON.stringify(body) };
      const { status, text: said } = await raw(niwad.socket, method.toUpperCase(), `${pathOf(path)}?nosuch=1`, options);
      expect(`${name} ${status} ${said}`).toMatch(/ 400 .*"path":"nosuch"/);
    }
  });

  test('a method that a path has not is refused with those that it has', async () => {
    for (const path of Object.keys(document.paths)) {
      // /v1/volumes/prune is also the path of the volume "prune".
      const same = Object.keys(document.paths).filter((one) =>
        new RegExp(`^${one.replaceAll(/\{[^}]+\}/g, '[^/]+')}$`).test(path),
      );
      const methods = same
        .flatMap((one) => Object.keys(document.paths[one] ?? {}))
        .map((method) => method.toUpperCase());
      for (const method of ['GET', 'PUT', 'POST', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'].filter(
        (one) => !methods.includes(one),
      )) {
        const { status, headers, text: said } = await raw(niwad.socket, method, pathOf(path));
        expect(`${method} ${path} ${status}`).toBe(`${method} ${path} 405`);
        expect(headers.allow?.split(', ')).toEqual(methods.sort());
        if (method !== 'HEAD') expect(JSON.parse(said)).toMatchObject({ code: 'METHOD_NOT_ALLOWED' });
      }
    }
    expect(await raw(niwad.socket, 'GET', '/v1/containerz')).toMatchObject({ status: 404 });
  });
});

/** A program with a generated client, as a user would write one; openapi-fetch sends over the fetch that it is given. */
const PROGRAM = `
import createClient from 'openapi-fetch';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import type { components, paths } from './niwa.js';

async function overSocket(input: Request): Promise<Response> {
  const { pathname, search } = new URL(input.url);
  const call = request({
    socketPath: process.argv[2],
    path: pathname + search,
    method: input.method,
    headers: Object.fromEntries(input.headers),
  });
  const body = Buffer.from(await input.arrayBuffer());
  call.end(body.length > 0 ? body : undefined);
  const [answer] = (await once(call, 'response')) as [IncomingMessage];
  const status = answer.statusCode ?? 0;
  const data = await buffer(answer);
  return new Response(status === 204 ? null : new Uint8Array(data), { status, headers: answer.headers as Record<string, string> });
}

const niwa = createClient<paths>({ baseUrl: 'http://niwa', fetch: overSocket });
const path = { id: 'generated' };

const spec: components['schemas']['SpecInput'] = { id: 'generated', process: { args: ['sh', '-c', 'exit 3'] }, lifetime: '5s' };
const made = await niwa.POST('/v1/containers', { body: spec, params: { query: { start: true, wait: true } } });
const code: number | null | undefined = made.data?.exit?.code;
const list = await niwa.GET('/v1/containers', { params: { query: { state: 'exited', limit: 10 } } });
const details = await niwa.GET('/v1/containers/{id}', { params: { path } });
const removed = await niwa.DELETE('/v1/containers/{id}', { params: { path } });
const missing = await niwa.GET('/v1/containers/{id}', { params: { path } });
const error: components['schemas']['ErrorCode'] | undefined = missing.error?.code;
const wrong = await niwa.POST('/v1/containers', { body: { process: { args: [] } } });
// @ts-expect-error: arguments are a list
const untyped = await niwa.POST('/v1/containers', { body: { process: { args: 'true' } } });
const plan = await niwa.POST('/v1/plan', { body: spec });
const info = await niwa.GET('/v1/info');
const usage = await niwa.GET('/v1/usage', { params: { query: { by: 'container' } } });
console.log(
  JSON.stringify({
    code,
    ids: list.data?.map(({ id }) => id),
    args: details.data?.spec.process.args,
    removed: removed.response.status,
    error,
    problems: wrong.error?.problems?.map((problem) => problem.path),
    untyped: untyped.error?.code,
    steps: (plan.data?.steps.length ?? 0) > 0,
    ready: info.data?.doctor.ok,
    rows: usage.data?.rows.length,
  }),
);
`;

describe('a client that is generated from the document', () => {
  let directory: string;
  const run = promisify(execFile);

  beforeAll(() => {
    mkdirSync(join(PROJECT, 'build'), { recursive: true });
    directory = mkdtempSync(join(PROJECT, 'build', 'generated-client-')); // Node.js finds the packages from there
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  test('has the types of a program, and does what the program says', async () => {
    writeFileSync(join(directory, 'niwa.ts'), astToString(await openapiTypescript(document as unknown as OpenAPI3)));
    writeFileSync(join(directory, 'program.ts'), PROGRAM);
    writeFileSync(join(directory, 'package.json'), JSON.stringify({ type: 'module' }));
    const options = [
      '--strict',
      '--target',
      'es2022',
      '--module',
      'nodenext',
      '--types',
      'node',
      '--skipLibCheck',
      '--ignoreConfig',
    ];
    const tsc = join(PROJECT, 'node_modules/typescript/bin/tsc');
    await run(process.execPath, [tsc, ...options, 'program.ts'], { cwd: directory }).catch(
      (error: { stdout?: string }) => {
        throw new Error(error.stdout ?? String(error), { cause: error });
      },
    );
    const { stdout } = await run(process.execPath, [join(directory, 'program.js'), niwad.socket], { timeout: 30_000 });
    expect(JSON.parse(stdout)).toEqual({
      code: 3,
      ids: ['generated'],
      args: ['sh', '-c', 'exit 3'],
      removed: 204,
      error: 'NOT_FOUND',
      problems: ['process.args'],
      untyped: 'SPEC_INVALID',
      steps: true,
      ready: true,
      rows: 1,
    });
  });
});
