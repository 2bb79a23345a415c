/** Writes tars by hand, also those that no honest program writes. Names are bytes as in src/images/tar. */

export interface Written {
  type?: string;
  path: string;
  target?: string;
  mode?: number;
  uid?: number;
  gid?: number;
  mtime?: number;
  data?: Buffer | string;
  /** The size that the header tells, where it lies. */
  size?: number;
  /** Records of an extended header before it. */
  pax?: Record<string, string | Buffer>;
}

/** A whole tar. */
export function tarOf(...members: Written[]): Buffer {
  return Buffer.concat([...members.map(member), Buffer.alloc(1024)]);
}

/** One member without the end of a tar. */
export function member(written: Written): Buffer {
  const { pax, data = '' } = written;
  const bytes = Buffer.from(data);
  const extended = pax === undefined ? Buffer.alloc(0) : member({ type: 'x', path: 'pax', data: paxOf(pax) });
  return Buffer.concat([
    extended,
    header(written, bytes.length),
    bytes,
    Buffer.alloc((512 - (bytes.length % 512)) % 512),
  ]);
}

/** The records of an extended header. */
export function paxOf(records: Record<string, string | Buffer>): Buffer {
  return Buffer.concat(Object.entries(records).map(([key, value]) => record(key, Buffer.from(value as Buffer))));
}

function record(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`, 'latin1'), value, Buffer.from('\n')]);
  let length = rest.length;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

function header(
  { type = '0', path, target = '', mode = 0o644, uid = 0, gid = 0, mtime = 0, size }: Written,
  length: number,
) {
  const block = Buffer.alloc(512);
  const octal = (value: number, at: number, width: number) =>
    block.write(value.toString(8).padStart(width - 1, '0'), at, 'latin1');
  block.write(path, 0, 100, 'latin1');
  octal(mode, 100, 8);
  octal(uid, 108, 8);
  octal(gid, 116, 8);
  octal(size ?? length, 124, 12);
  octal(mtime, 136, 12);
  block.fill(' ', 148, 156);
  block.write(type, 156, 'latin1');
  block.write(target, 157, 100, 'latin1');
  block.write('ustar\0' + '00', 257, 'latin1');
  octal(
    block.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  );
  return block;
}

/** The bytes as a stream that comes in pieces of a size. */
export async function* streamOf(bytes: Buffer, size = 1000): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
