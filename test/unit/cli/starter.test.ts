import { expect, it } from 'vitest';
import { STARTER } from '../../../src/cli/starter.js';
import { SpecSchema } from '../../../src/protocol/spec.js';
import { parseSpec } from '../../../src/spec/spec.js';
import { parseYaml } from '../../../src/spec/yaml.js';

/**
 * Fields that a first spec need not have; whoever adds a field to the schema adds it to the starter or, if few use it,
 * here.
 */
const FOR_FEW = ['shmSize', 'sysctls', 'userns', 'seccomp', 'devices', 'autoRemove'];

const uncommented = STARTER.replaceAll(/^( *)#(?=\S)/gm, '$1');
const fieldsOf = (text: string) => Object.keys(parseYaml(text, 'the starter') as object);

it('is a valid spec as it stands, on every host', () => {
  const spec = parseSpec(parseYaml(STARTER, 'the starter'), 'free');
  expect(spec).toMatchObject({ lifetimeUsec: 600e6, resources: { cpu: {}, memory: {}, io: [] } });
  expect(fieldsOf(STARTER)).toEqual(['process', 'lifetime']);
});

it('is valid with every line uncommented', () => {
  const spec = parseSpec(parseYaml(uncommented, 'the starter'), 'free');
  expect(spec).toMatchObject({ id: 'hello', resources: { cpu: { max: 0.5 }, pids: 100 }, root: { path: '/srv/root' } });
  expect(spec.mounts).toHaveLength(2);
});

it('is valid with any one of its optional fields uncommented, with those below it', () => {
  const names = [...STARTER.matchAll(/^#(\w+):/gm)].map(([, name]) => name ?? '');
  expect(names.length).toBeGreaterThan(10);
  for (const name of names) {
    const block = new RegExp(`^#${name}:.*\\n(?: +#.*\\n)*`, 'm');
    const text = STARTER.replace(block, (lines) => lines.replaceAll(/^( *)#(?=\S)/gm, '$1'));
    expect(fieldsOf(text)).toContain(name);
    parseSpec(parseYaml(text, name), 'free');
  }
});

it('has every field of the schema but those for few', () => {
  const missing = Object.keys(SpecSchema.properties).filter((name) => !fieldsOf(uncommented).includes(name));
  expect(FOR_FEW).toEqual(expect.arrayContaining(missing));
});
