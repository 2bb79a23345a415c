// @ts-check
// The archive format of an initramfs ("newc" cpio), as far as this harness needs it: regular files and folders.

const FOLDER = 0o040755;
const FILE = 0o100755;

/**
 * Writes an archive that the kernel unpacks as its first root.
 * @param {Record<string, Buffer | null>} entries path without a leading slash -> content, or null for a folder;
 *   a folder stands before what is in it
 * @returns {Buffer} the archive; every file is executable and owned by root
 */
export function cpio(entries) {
  const members = Object.entries(entries).map(([path, content], index) =>
    member(path, content ? FILE : FOLDER, content ?? Buffer.alloc(0), index + 1),
  );
  return Buffer.concat([...members, member('TRAILER!!!', 0, Buffer.alloc(0), 0)]);
}

/** @type {(path: string, mode: number, content: Buffer, inode: number) => Buffer} */
function member(path, mode, content, inode) {
  const name = Buffer.from(`${path}\0`);
  const [uid, gid, links, mtime, devices] = [0, 0, 1, 0, [0, 0, 0, 0]];
  const fields = [inode, mode, uid, gid, links, mtime, content.length, ...devices, name.length, 0];
  const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
  return Buffer.concat([padded(Buffer.concat([Buffer.from(header), name])), padded(content)]);
}

/** @type {(bytes: Buffer) => Buffer} */
function padded(bytes) {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}
