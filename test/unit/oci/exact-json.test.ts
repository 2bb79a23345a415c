import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseExact, writeExact } from '../../../src/oci/exact-json.js';

describe('JSON with exact integers', () => {
  it('keeps RLIM_INFINITY, which a double rounds', () => {
    expect(parseExact('it', '{"hard": 18446744073709551615, "soft": -9007199254740993}')).toEqual({
      hard: 18446744073709551615n,
      soft: -9007199254740993n,
    });
  });

  it('leaves digits in strings alone', () => {
    const text = '{"a": "18446744073709551615", "18446744073709551615": "x\\"18446744073709551615"}';
    expect(parseExact('it', text)).toEqual(JSON.parse(text));
  });

  it('leaves out what is null', () => {
    expect(parseExact('it', '{"a": null, "b": {"c": null}}')).toEqual({ b: {} });
  });

  it('refuses a string that imitates its mark', () => {
    expect(() => parseExact('config.json', '{"a": "\\u0000integer:7"}')).toThrow('config.json: a string may not begin');
  });

  it.each(['{', '{"a": 01}', ''])('refuses %j', (text) => {
    expect(() => parseExact('config.json', text)).toThrow('config.json is no JSON');
  });

  it('refuses a long text that is no JSON at once', () => {
    const began = performance.now();
    expect(() => parseExact('config.json', '\\"'.repeat(50_000))).toThrow('config.json is no JSON');
    expect(performance.now() - began).toBeLessThan(1000);
  });

  it('reads a text without large integers, null and NUL as one that has them beside it', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 2 }), (one) => {
        fc.pre(one !== null);
        const text = JSON.stringify(one);
        const beside = parseExact('it', `{"null": null, "value": ${text}}`) as { value?: unknown };
        expect(writeExact(parseExact('it', text))).toBe(writeExact(beside.value));
      }),
      { numRuns: 30 },
    );
  });

  it('reads all other JSON as JSON.parse does', () => {
    const value = fc.jsonValue({ noUnicodeString: false } as fc.JsonSharedConstraints);
    const hasNull = (text: string) => /null|\\u0000/.test(text);
    fc.assert(
      fc.property(value, (one) => {
        const text = JSON.stringify(one);
        fc.pre(!hasNull(text) && !/\d{16,}/.test(text.replace(/"(?:[^"\\]|\\.)*"/g, '')));
        expect(parseExact('it', text)).toEqual(JSON.parse(text));
      }),
    );
  });
});

it('writes what it has parsed, with integers of 64 bits', () => {
  const text = '{"hard":18446744073709551615,"low":-9223372036854775808,"text":"integer:1","none":{}}';
  expect(writeExact(parseExact('x', text))).toBe(text);
});

it('writes what has no large integers as JSON does', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 2 }), (one) => {
      expect(writeExact(one)).toBe(JSON.stringify(one));
    }),
  );
});
