import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { birthBody, FRAME, PROTOCOL_VERSION, readRequest, readUnborn } from '../../../src/oci/messages.js';

const text = (words: string | Buffer) => {
  const bytes = Buffer.from(words as string);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return Buffer.concat([length, bytes]);
};
const bodyOf = (...texts: (string | Buffer)[]) => Buffer.concat(texts.map(text));

describe('a request', () => {
  it('has a verb and the values of each name in their order', () => {
    const { verb, values } = readRequest(
      bodyOf(`version=${PROTOCOL_VERSION}`, 'verb=kill', 'argument=a', 'argument=9', 'config={"a":"="}'),
    );
    expect(verb).toBe('kill');
    expect(Object.fromEntries(values)).toEqual({ argument: ['a', '9'], config: ['{"a":"="}'] });
  });

  it('is read in a time that grows with its length alone', () => {
    const body = bodyOf(`version=${PROTOCOL_VERSION}`, 'verb=kill', ...Array<string>(100_000).fill('argument=a'));
    const begun = performance.now();
    expect(readRequest(body).values.get('argument')).toHaveLength(100_000);
    expect(performance.now() - begun).toBeLessThan(1000);
  });

  it('is refused from a command of another version, with what to do', () => {
    expect(() => readRequest(bodyOf('version=1', 'verb=state'))).toThrow(/install niwa-oci and niwad of the same niwa/);
  });

  it.each([
    ['a length that is cut off', bodyOf(`version=${PROTOCOL_VERSION}`).subarray(0, 3)],
    ['a text that is cut off', bodyOf(`version=${PROTOCOL_VERSION}`).subarray(0, 8)],
    ['a text without a name', bodyOf('=1')],
    ['bytes that are no UTF-8', bodyOf(Buffer.from([0x61, 0x3d, 0xff]))],
  ])('is refused with %s', (reason, body) => {
    expect(() => readRequest(body)).toThrow(reason);
  });
});

it('reads where the making of a process has failed', () => {
  const body = Buffer.alloc(12);
  body.writeUInt32LE(3, 0);
  body.writeInt32LE(2, 4);
  body.writeInt32LE(9, 8);
  expect(readUnborn(body)).toEqual({ step: 3, errno: 2, signal: 9 });
  expect(() => readUnborn(body.subarray(1))).toThrow('a failure of another length');
});

it('writes the flags of the clone, the words behind their length, and the program', () => {
  const [flags, program] = [0x7c02_0000, Buffer.from('program')];
  const head = '\u0000\u0000\u0002\u007c\u0000\u0000\u0000\u0000';
  const body = (words: [string, string][]) => Buffer.from(birthBody(flags, words, program)).toString('latin1');
  expect(body([])).toBe(`${head}\u0000\u0000\u0000\u0000program`);
  expect(body([['a', '1=2']])).toBe(`${head}\u0009\u0000\u0000\u0000\u0005\u0000\u0000\u0000a=1=2program`);
});

it('has the numbers that the command has', () => {
  const header = readFileSync(new URL('../../../native/oci/wire.h', import.meta.url), 'utf8');
  const kinds = [...header.matchAll(/FRAME_(\w+) = (\d+)/g)].map(([, name, number]) => [
    name?.toLowerCase(),
    Number(number),
  ]);
  expect(Object.fromEntries(kinds)).toEqual(FRAME);
  expect(header).toContain(`#define PROTOCOL_VERSION "${PROTOCOL_VERSION}"`);
});

it('tells the version of the package', () => {
  const header = readFileSync(new URL('../../../native/oci/version.h', import.meta.url), 'utf8');
  const manifest = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));
  expect(header).toContain(`#define NIWA_VERSION "${manifest.version}"`);
});
