import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { type Import, importsOf, includesOf, readText, sourceFiles } from './imports.js';

/**
 * Who may know whom, types included: a file imports from its own folder and from the lines below it, never from above;
 * the folders of one line do not know each other. docs/architecture.md says what each of them is for, in the same
 * order.
 */
const LAYERS = [
  ['src/cli'], // speaks to niwad through src/client; commands that need no niwad use src/host and src/plan
  ['src/daemon'],
  ['src/api'],
  ['src/oci'], // the socket of niwa-oci, and the configs of container engines
  ['src/services'], // services: decide/ (pure) says what to do, the rest does it with the operations on containers
  ['src/pools'], // containers that are made ahead
  ['src/containers'], // all of them: what is asked of them, what happens to them, take-over
  ['src/access'], // who asks, and what may be asked
  ['src/engine'], // one container, without a daemon; the five folders below it have one topic each
  ['src/hooks', 'src/images', 'src/volumes', 'src/logs', 'src/accounting', 'src/network'],
  ['src/host'],
  ['src/kernel'], // the one seam to native code: an interface by topic, and the addon behind it
  ['src/plan'], // pure, as is src/spec
  ['src/spec'],
  ['src/client'], // other programs import it: of niwa it knows the protocol alone
  ['src/turns', 'src/kept', 'src/installation', 'src/test-hooks'],
  ['src/protocol'], // what crosses the socket; imports typebox and nothing else
  ['native/addon/face'], // JavaScript values in and out
  // niwad's part in C++, and the two programs that niwad starts beside itself
  ['native/addon', 'native/keeper', 'native/reach', 'native/files', 'native/oci'],
  ['native/core'], // what these three share
  ['native/boot'], // the addon includes the format of its reports
];

/** The imports that go up today. The list only shrinks: whoever mends one strikes it off. */
const EXCEPTIONS: Record<string, string[]> = {};

const files = ['src', 'native'].flatMap(sourceFiles);
const all = files.flatMap((file) => (file.endsWith('.ts') ? importsOf(file) : includesOf(file)));
const imports = all.filter(({ to }) => /^(src|native)\//.test(to) || to.startsWith('..'));
const packages = all.filter((one) => !imports.includes(one));
const excepted = Object.entries(EXCEPTIONS).flatMap(([from, list]) => list.map((to) => `${from} -> ${to}`));

it('has a place for every file, and no place without one', () => {
  expect(files.filter((file) => placeOf(file) === undefined)).toEqual([]);
  expect(LAYERS.flat().filter((place) => !files.some((file) => placeOf(file) === place))).toEqual([]);
  expect(imports.filter(({ to }) => !files.includes(to))).toEqual([]);
});

it('imports downwards', () => {
  const up = imports.filter(goesUp).map(asText);
  expect(up.filter((text) => !excepted.includes(text))).toEqual([]);
  expect(
    excepted.filter((text) => !up.includes(text)),
    'exceptions that are not needed any more',
  ).toEqual([]);
});

it('has no circles of files', () => {
  expect(circlesOf(imports.filter((one) => !excepted.includes(asText(one))))).toEqual([]);
});

it('lets the client know the protocol alone, and load nothing but Node.js', () => {
  const known = imports.filter(({ from, to }) => placeOf(from) === 'src/client' && placeOf(to) !== 'src/client');
  expect(known.filter(({ to }) => placeOf(to) !== 'src/protocol')).toEqual([]);
  const loaded = new Set(files.filter((file) => placeOf(file) === 'src/client'));
  for (const file of loaded) // the loop also visits what is added to the set meanwhile
    for (const { to } of imports.filter(({ from, loads }) => loads && from === file)) loaded.add(to);
  const needed = packages.filter(({ from, loads }) => loads && loaded.has(from));
  expect(needed.filter(({ to }) => !to.startsWith('node:'))).toEqual([]);
});

it('lets the protocol import typebox and nothing else', () => {
  const wanted = packages.filter(({ from }) => placeOf(from) === 'src/protocol');
  expect(wanted.filter(({ to }) => to !== 'typebox')).toEqual([]);
});

it('lets spec and plan import nothing that reaches out of the process', () => {
  const pure = packages.filter(({ from }) => ['src/spec', 'src/plan'].includes(placeOf(from) ?? ''));
  // Of Node.js they take how addresses and paths are written, and constants.
  const known = ['fastest-levenshtein', 'node:net', 'node:os', 'node:path', 'typebox', 'yaml'];
  expect(pure.map(({ to }) => to.split('/')[0] ?? '').filter((name) => !known.includes(name))).toEqual([]);
});

it('loads the addon in one file', () => {
  expect(packages.filter(({ to }) => to === 'node:module').map(({ from }) => from)).toEqual(['src/kernel/addon.ts']);
});

it('is drawn in docs/architecture.md in the same order', () => {
  const [, drawing = ''] = /^## Layers$(.*?)^\*\*Import rule/ms.exec(readText('docs/architecture.md')) ?? [];
  expect([...drawing.matchAll(/^ {4}((?:src|native)\/[^ ]+?)\/? /gm)].map(([, place]) => place)).toEqual(LAYERS.flat());
});

it('has no file that is too long to read at once', () => {
  const lines = (file: string) => readText(file).split('\n').length - 1;
  expect(files.filter((file) => lines(file) > 300).map((file) => `${file}: ${lines(file)} lines`)).toEqual([]);
});

it('has no line of a comment with more than 120 characters', () => {
  const wide = (file: string) =>
    readText(file)
      .match(/^ *(?:\*|\/\/|\/\*).*/gm)
      ?.filter((line) => line.length > 120);
  expect(files.flatMap((file) => wide(file)?.map((line) => `${file}: ${line}`) ?? [])).toEqual([]);
});

it('has every file that the documents name', () => {
  const known = ['src', 'native', 'test', 'bin'].flatMap(sourceFiles).map((file) => `/${file}`);
  const documents = [
    'docs/architecture.md',
    'docs/network.md',
    'docs/security.md',
    'CONTRIBUTING.md',
    'test/README.md',
  ];
  const named = documents.flatMap((document) =>
    [...readText(document).matchAll(/`([\w./-]+\.(?:ts|cc|c|h))`/g)].map(([, file]) => `${document}: ${file}`),
  );
  expect(named.filter((text) => !known.some((file) => file.endsWith(`/${text.split(': ')[1]}`)))).toEqual([]);
});

it('lets `npm test` load no package before it has installed them', () => {
  const loaded = new Set(['test/run.mjs', 'test/vm/vm.mjs']);
  const found: string[] = [];
  for (const file of loaded) // the loop also visits files that are added to the set meanwhile
    for (const [, name = ''] of readText(file).matchAll(/^import .*'([^']+)';$/gm))
      if (name.startsWith('.')) loaded.add(join(dirname(file), name));
      else if (!name.startsWith('node:')) found.push(`${file}: ${name}`);
  expect(loaded.size).toBeGreaterThan(4);
  expect(found).toEqual([]);
});

/** Gives the folder or file of {@link LAYERS} that a file is in. */
function placeOf(file: string): string | undefined {
  return LAYERS.flat().find((place) => file === place || file.startsWith(`${place}/`));
}

function goesUp({ from, to }: Import): boolean {
  const [source, target] = [placeOf(from), placeOf(to)];
  const layerOf = (place: string | undefined) =>
    LAYERS.findIndex((layer) => place !== undefined && layer.includes(place));
  return source !== target && layerOf(target) <= layerOf(source);
}

function asText({ from, to }: Import): string {
  return `${from} -> ${to}`;
}

/** Gives one way around for each circle that there is. */
function circlesOf(edges: readonly Import[]): string[] {
  const targets = new Map<string, string[]>();
  for (const { from, to } of edges) targets.set(from, [...(targets.get(from) ?? []), to]);
  const done = new Set<string>();
  const follow = (file: string, way: readonly string[]): string[] => {
    const start = way.indexOf(file);
    if (start >= 0) return [[...way.slice(start), file].join(' -> ')];
    if (done.has(file)) return [];
    const found = (targets.get(file) ?? []).flatMap((to) => follow(to, [...way, file]));
    done.add(file);
    return found;
  };
  return [...targets.keys()].flatMap((file) => follow(file, []));
}
