import { checkedLine, isChecked } from '../../host/checked-line.js';
import type { Content, Segment } from './segments.js';

/**
 * What one line of the journal says of a container. `state`: everything that is saved of a run, the first line of each
 * run. `change`: everything that may change during a run; it replaces the change of an earlier line. `removed`: the
 * container is forgotten.
 */
export type Kind = 'state' | 'change' | 'removed';

/** The beginning of a line. */
export interface Header {
  /** The number of the line; a later line has a greater one. A copy of a line has the number of the line. */
  n: number;
  id: string;
  run: string;
  kind: Kind;
}

/** A line that was read. `header` is null where not even the beginning is readable. */
export interface Line {
  header: Header | null;
  isWhole: boolean;
  /** The text of the line, without its newline. */
  text: Buffer;
  segment: Segment;
  /** Where the text begins in the segment, in bytes. */
  offset: number;
}

const NEWLINE = 10;
/** More bytes than the beginning of any line has. */
const HEADER_BYTES = 256;
const HEADER =
  /^\{"n":([0-9]{1,15}),"id":"([A-Za-z0-9][A-Za-z0-9_.-]{0,63})","run":"([0-9a-f-]*)","(state|change|removed)":/;
/** In a string of JSON the quotes are escaped, and no object that is saved has this member with a number. */
const BEGINNING = /\{"n":[0-9]{1,15},"id":"/g;

/** Writes a line. Pure. @param json what it says; `true` for a container that is forgotten */
export function toLine({ n, id, run, kind }: Header, json: string): string {
  return checkedLine(`{"n":${n},"id":"${id}","run":"${run}","${kind}":${json}`);
}

/**
 * Reads the lines of a segment. Where the newline between two lines is damaged, the second one is found all the same. A
 * segment that cannot be read (`bytes` is null) has one damaged line. Pure.
 */
export function readLines({ segment, bytes }: Content): Line[] {
  if (bytes === null) return [{ header: null, isWhole: false, text: Buffer.alloc(0), segment, offset: 0 }];
  const lines: Line[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const newline = bytes.indexOf(NEWLINE, offset);
    const end = newline === -1 ? bytes.length : newline;
    const line = readLine(bytes.subarray(offset, end), segment, offset);
    if (line.isWhole) lines.push(line);
    else if (line.text.length > 0) lines.push(...partsOf(line));
    offset = end + 1;
  }
  return lines;
}

/** Gives the JSON of a line; nothing if it is none. */
export function contentOf({ text }: Line): { state?: object; change?: object } {
  try {
    return (JSON.parse(text.toString()) as { state?: object; change?: object } | null) ?? {};
  } catch {
    return {};
  }
}

function readLine(text: Buffer, segment: Segment, offset: number): Line {
  const [, n, id = '', run = '', kind] = HEADER.exec(text.toString('latin1', 0, HEADER_BYTES)) ?? [];
  const header = n === undefined ? null : { n: Number(n), id, run, kind: kind as Kind };
  return { header, isWhole: header !== null && isChecked(text), text, segment, offset };
}

/** Gives the lines in what was read as one damaged line: the newline between them may be the damage. */
function partsOf({ text, segment, offset }: Line): Line[] {
  const begins = [...text.toString('latin1').matchAll(BEGINNING)].map(({ index }) => index).filter((at) => at > 0);
  const ends = [...begins, text.length];
  return [0, ...begins].map((begin, i) => readLine(text.subarray(begin, ends[i]), segment, offset + begin));
}
