// @ts-check
// `npm run demo`: the main job from end to end on the embedded default root. Two containers, one burning CPU against a
// limit, one writing to disk; their accounting each second; both ended by their lifetimes; their usage records. Then a
// service: woken by its first request, multiplied by load, replaced under load, quiet again. Nothing is left.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { setup } from '../setup.mjs';
import { runInVm } from '../vm/machine.mjs';

const CONTROLLERS = ['cpu', 'memory', 'io', 'pids'];

/** Whether the cgroup v2 tree of this host has the controllers that the demo's limits need. */
function hostHasControllers() {
  const mount = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .find((line) => line.split(' ')[2] === 'cgroup2')
    ?.split(' ')[1];
  if (mount === undefined || !readdirSync(mount).includes('cgroup.controllers')) return false;
  const available = readFileSync(`${mount}/cgroup.controllers`, 'utf8').split(/\s+/);
  return CONTROLLERS.every((name) => available.includes(name));
}

async function main() {
  const here = process.argv.includes('--native') || hostHasControllers();
  await setup({ vm: !here, demo: true });
  if (here) {
    const { runMainJob } = await import('./main-job.mjs');
    return await runMainJob();
  }
  console.log(
    'This host has no cgroup v2 controllers (see `bin/niwa doctor`): the demo runs in a throwaway virtual machine.',
  );
  console.log('`npm run demo -- --native` runs it here, with what the host has.\n');
  return await runInVm(['node', fileURLToPath(new URL('main-job.mjs', import.meta.url))], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    timeoutSeconds: 300,
  });
}

process.exitCode = await main().catch((error) => {
  console.error(`demo: ${error.message}`);
  return 1;
});
