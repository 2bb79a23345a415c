// @ts-check
// The QEMU process: how the machine is put together, how it is started and ended.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { PATH } from './tool.mjs';

const LOG_BYTES = 16_384;
const GRACE_MS = 2_000;

/** Descriptors of the QEMU process beyond the usual three. */
const PORT_FD = 3;
const LOG_FD = 4;

/** @typedef {import('node:stream').Readable} Readable */
/** @typedef {[null, null, Readable, Readable, Readable]} Pipes */

/**
 * @typedef {object} Hardware
 * @property {string} vmlinux the kernel
 * @property {string} initramfs its first root
 * @property {string} job the host's folder with the job (job.mjs)
 * @property {string | undefined} disk an ext4 image, the scratch disk
 * @property {number} memoryMiB
 * @property {number} cpus
 * @property {number} nice its priority, as nice(1) counts
 * @property {boolean} terminal whether the guest gets this process's terminal
 */

/**
 * @typedef {object} Machine
 * @property {Readable} port what the guest sends (port.mjs)
 * @property {Promise<string>} ended when QEMU is gone, how it went
 * @property {() => string} lastWords what QEMU complained of, and the end of the kernel's log
 * @property {() => Promise<void>} stop ends the machine and comes back when it is gone
 */

/**
 * Starts a machine.
 * @param {Hardware} hardware what it is made of
 * @returns {Machine} the running machine; a QEMU that cannot start is one that has ended
 */
export function startQemu(hardware) {
  const terminal = hardware.terminal ? 'inherit' : 'ignore';
  // With setpriv the machine dies with this process, even if that is killed by SIGKILL.
  const command = ['nice', '-n', `${hardware.nice}`, 'qemu-system-x86_64', ...qemuArguments(hardware)];
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...command], {
    stdio: [terminal, terminal, 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, PATH },
  });
  const [, , stderr, port, kernel] = /** @type {Pipes} */ (/** @type {unknown} */ (child.stdio));
  const complaints = tail(stderr);
  const log = tail(kernel);
  const ended = once(child, 'close').then(
    ([status, signal]) => (signal ? `killed by ${signal}` : `exit status ${status}`),
    (error) => `not started: ${error.message}`,
  );
  return {
    port,
    ended,
    lastWords: () => `${complaints()}--- the end of the kernel's log:\n${log()}`,
    async stop() {
      // SIGTERM lets QEMU give the terminal back as it was.
      child.kill('SIGTERM');
      const patience = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
      await ended;
      clearTimeout(patience);
    },
  };
}

/**
 * @param {Hardware} hardware
 * @returns {string[]}
 */
function qemuArguments({ vmlinux, initramfs, job, disk, memoryMiB, cpus, terminal }) {
  const machine = [
    ['-nodefaults', '-no-user-config', '-no-reboot'],
    ['-display', 'none'],
    // What is switched off only costs time at boot.
    ['-machine', 'q35,hpet=off,smbus=off,sata=off,usb=off,vmport=off,smm=off'],
    // Not /dev/kvm: on a machine that is virtual itself it may be there and hang the guest.
    ['-accel', 'tcg,thread=multi'],
    ['-cpu', 'max,la57=off'],
    ['-smp', `${cpus}`],
    ['-m', `${memoryMiB}`],
    ['-kernel', vmlinux],
    ['-initrd', initramfs],
    ['-append', kernelArguments(job)],
    ['-chardev', `socket,id=log,fd=${LOG_FD}`],
    ['-serial', 'chardev:log'],
    ['-fsdev', 'local,id=root,path=/,security_model=none,readonly=on,multidevs=remap'],
    ['-device', 'virtio-9p-pci,fsdev=root,mount_tag=host'],
    ['-device', 'virtio-serial-pci'],
    ['-chardev', `socket,id=port,fd=${PORT_FD}`],
    ['-device', 'virtserialport,nr=1,chardev=port,name=niwa-vm'],
  ];
  const console = [
    ['-chardev', 'stdio,id=terminal,signal=off'],
    ['-device', 'virtconsole,nr=0,chardev=terminal'],
  ];
  const scratch = [
    ['-drive', `if=none,id=scratch,format=raw,cache=unsafe,file=${escaped(disk ?? '')}`],
    ['-device', 'virtio-blk-pci,drive=scratch'],
  ];
  return [...machine, ...(terminal ? console : []), ...(disk ? scratch : [])].flat();
}

/** @type {(job: string) => string} */
function kernelArguments(job) {
  return [
    'console=ttyS0 quiet loglevel=4 panic=-1 oops=panic',
    // Random addresses make every exec under emulation three times slower: translated code cannot be used again.
    'nokaslr norandmaps mitigations=off',
    'tsc=reliable no_timer_check random.trust_cpu=on',
    'cgroup_no_v1=all psi=1',
    `NIWA_VM_JOB="${job}"`,
  ].join(' ');
}

/**
 * A comma ends a value in QEMU's options, two stand for one.
 * @type {(path: string) => string}
 */
function escaped(path) {
  return path.replaceAll(',', ',,');
}

/**
 * Keeps the end of a stream.
 * @param {Readable} stream
 * @returns {() => string} gives what is kept
 */
function tail(stream) {
  let text = '';
  stream.setEncoding('latin1').on('data', (chunk) => {
    text = (text + chunk).slice(-LOG_BYTES);
  });
  stream.on('error', () => {}); // the other end was killed
  return () => text.replaceAll('\r', '');
}
