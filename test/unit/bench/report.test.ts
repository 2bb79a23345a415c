import { describe, expect, it } from 'vitest';
import { BEGIN, END, intoDocument, makeRow, toMarkdown, toTable } from '../../bench/harness/report.mjs';

const of = (median: number) => ({ n: 3, median, p95: median + 1, p99: median + 2, max: median + 3 });
const input = { what: 'start', unit: 'us', floor: 'C', measured: of(300), floorMeasured: of(200) };

describe('makeRow', () => {
  it('divides the medians', () => {
    expect(makeRow('start', input)).toMatchObject({
      family: 'start',
      subject: 'niwa',
      ratio: 1.5,
      goal: '',
      met: null,
    });
  });

  it.each([
    [{ ratioAtMost: 1.5 }, 'at most 1.5 x', true],
    [{ ratioAtMost: 1.4 }, 'at most 1.4 x', false],
    [{ ratioAtLeast: 1.6 }, 'at least 1.6 x', false],
    [{ medianAtMost: 300 }, 'at most 300 us', true],
    [{ goal: 'p99 under 10 us', met: false }, 'p99 under 10 us', false],
  ])('judges %o', (goal, words, met) => {
    expect(makeRow('start', { ...input, ...goal })).toMatchObject({ goal: words, met });
  });

  it('judges nothing that was not measured', () => {
    const row = makeRow('start', {
      what: 'start',
      unit: 'us',
      subject: 'crun',
      ratioAtMost: 1,
      note: 'does not run here',
    });
    expect(row).toMatchObject({ measured: null, ratio: null, met: null });
    expect(toTable([row])).toContain(
      '| start | crun | us | - | - | - | - |  | - | - | at most 1 x |  | does not run here |',
    );
  });
});

describe('toMarkdown', () => {
  it('has the conditions and a line for each row, whatever is in its words', () => {
    const text = toMarkdown({ kernel: '6.1' }, [makeRow('logs', { ...input, note: 'a|b\nc' })]);
    expect(text).toMatch(/^- kernel: 6\.1\n\n\| what \| who/);
    expect(text).toContain('| 300 | 301 | 302 | C | 200 | 1.50 |  |  | a\\|b c |');
  });
});

describe('intoDocument', () => {
  it('replaces what is between the marks, and only that', () => {
    const document = `before\n${BEGIN}\nold\n${END}\nafter\n`;
    expect(intoDocument(document, 'new\n')).toBe(`before\n${BEGIN}\nnew\n${END}\nafter\n`);
  });

  it('refuses a document without them', () => {
    expect(() => intoDocument('text', 'new')).toThrow('lacks the marks');
  });
});
