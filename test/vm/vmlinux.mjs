// @ts-check
// The uncompressed kernel out of Debian's bzImage. QEMU boots it directly (PVH), which saves the decompression: half a
// second under emulation.

import { execFileSync } from 'node:child_process';

/** Offsets in the bzImage, from the kernel's Documentation/arch/x86/boot.rst. */
const SETUP_SECTORS = 0x1f1;
const PAYLOAD_OFFSET = 0x248;
const PAYLOAD_LENGTH = 0x24c;
const SECTOR = 512;

const XZ = Buffer.from('fd377a585a00', 'hex');
const ELF = Buffer.from('\x7fELF', 'latin1');

/**
 * Takes the kernel proper out of a bzImage.
 * @param {Buffer} image the bzImage, as installed in /boot/vmlinuz-*
 * @returns {Buffer} vmlinux, an ELF file
 * @throws {Error} when the image is packed by anything but xz, which is what Debian 12 uses
 */
export function vmlinux(image) {
  const start = ((image[SETUP_SECTORS] || 4) + 1) * SECTOR + image.readUInt32LE(PAYLOAD_OFFSET);
  const payload = image.subarray(start, start + image.readUInt32LE(PAYLOAD_LENGTH));
  if (!startsWith(payload, XZ)) {
    const found = payload.subarray(0, XZ.length).toString('hex');
    throw new Error(`the kernel is not packed with xz (it starts with ${found}): only Debian 12's is known here`);
  }
  // The kernel's own build appends the unpacked size after the xz stream: --single-stream lets xz pass over it.
  const kernel = execFileSync('xz', ['-dc', '--single-stream'], { input: payload, maxBuffer: 2 ** 30 });
  if (!startsWith(kernel, ELF)) throw new Error('the unpacked kernel image is no ELF file');
  return kernel;
}

/** @type {(bytes: Buffer, magic: Buffer) => boolean} */
function startsWith(bytes, magic) {
  return bytes.subarray(0, magic.length).equals(magic);
}
