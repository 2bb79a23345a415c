import { badTar, type TarEntry } from './entry.js';

/** The records of an extended header, in their order: keywords and the bytes of their values. */
export type PaxRecords = { key: string; value: Buffer }[];

const XATTR = 'SCHILY.xattr.';

/**
 * Reads the records "LENGTH KEY=VALUE\n" of an extended header, see pax(1) "pax Extended Header".
 * @throws NiwaError IMAGE_INVALID
 */
export function readPax(bytes: Buffer): PaxRecords {
  const records: PaxRecords = [];
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const digits = bytes.toString('latin1', at, Math.max(at, space));
    const end = at + Number(digits);
    const equals = bytes.indexOf(0x3d, space);
    if (
      !/^[1-9][0-9]{0,8}$/.test(digits) ||
      end > bytes.length ||
      bytes[end - 1] !== 0x0a ||
      equals < space ||
      equals >= end
    )
      throw badTar('a record of an extended header is cut');
    records.push({ key: bytes.toString('latin1', space + 1, equals), value: bytes.subarray(equals + 1, end - 1) });
    at = end;
  }
  return records;
}

/** Gives the last value of a keyword as text; undefined where there is none. An empty value cancels earlier ones. */
export function paxText(records: PaxRecords, key: string): string | undefined {
  const text = records.findLast((record) => record.key === key)?.value.toString('latin1');
  return text === '' ? undefined : text;
}

/** Gives the last value of a keyword as a whole number of at least 0. @throws NiwaError IMAGE_INVALID */
export function paxNumber(records: PaxRecords, key: string): number | undefined {
  const text = paxText(records, key);
  if (text === undefined) return undefined;
  if (!/^[0-9]{1,16}$/.test(text) || !Number.isSafeInteger(Number(text)))
    throw badTar(`the ${key} of an extended header is no number`);
  return Number(text);
}

/**
 * Gives the modification time in an extended header: seconds with a fraction, also before 1970.
 * @throws NiwaError IMAGE_INVALID
 */
export function paxTime(records: PaxRecords): Pick<TarEntry, 'mtimeSec' | 'mtimeNsec'> | undefined {
  const text = paxText(records, 'mtime');
  if (text === undefined) return undefined;
  const [, sign = '', whole = '', fraction = ''] = /^(-?)([0-9]{1,12})(?:\.([0-9]*))?$/.exec(text) ?? [];
  if (whole === '') throw badTar('the mtime of an extended header is no time');
  const nsec = Number(fraction.slice(0, 9).padEnd(9, '0'));
  if (sign === '') return { mtimeSec: Number(whole), mtimeNsec: nsec };
  return nsec === 0
    ? { mtimeSec: -Number(whole), mtimeNsec: 0 }
    : { mtimeSec: -Number(whole) - 1, mtimeNsec: 1e9 - nsec };
}

/**
 * Gives the extended attributes. Their keywords are "SCHILY.xattr." and the name, as GNU tar, bsdtar and Go write them.
 */
export function paxXattrs(records: PaxRecords): TarEntry['xattrs'] {
  const found = records.filter(({ key }) => key.startsWith(XATTR));
  return found.map(({ key, value }) => ({ name: key.slice(XATTR.length), value }));
}
