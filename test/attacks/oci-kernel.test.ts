// Techniques that let the kernel of the host run or load something, against the containers of engines.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { asIs, attack, bind, both, test, withCapabilities, withFilter } from './oci-attack.js';

describe('kernel modules:', () => {
  test('a container loads and unloads none', async ({ oci }) => {
    for (const change of [asIs, withFilter])
      for (const result of Object.values(await attack(oci, 'modules', [], change)))
        expect(['EPERM', 'ENOSYS']).toContain(result);
  });

  test('control: with the capability the kernel reads the image', async ({ oci, skip }) => {
    const found = await attack(oci, 'modules', [], withCapabilities('CAP_SYS_MODULE'));
    skip(found.init_module === 'ENOSYS', 'this kernel has no modules');
    expect(found).toEqual({ init_module: 'ENOEXEC', finit_module: 'ENOEXEC', delete_module: 'ENOENT' });
  });
});

describe('release_agent:', () => {
  test('a container sets none', async ({ oci, volume }) => {
    const mark = join(volume, 'ran-on-the-host');
    const script = join(volume, 'agent');
    writeFileSync(script, `#!/bin/sh\nid -u > ${mark}\n`, { mode: 0o755 });
    for (const change of [asIs, withFilter]) {
      const found = await attack(oci, 'release-agent', [script], both(change, bind(volume, volume)));
      expect(found).toMatchObject({ 'mount a controller': 'EPERM', 'mount cgroup v1': 'EPERM' });
      expect(found['agent in the group that it has']).toMatch(/^(EROFS|EACCES|ENOENT)$/);
    }
    expect(existsSync(mark)).toBe(false);
  });

  // release-agent.test.ts has the whole attack, in the virtual machine: it makes a hierarchy of the machine
  test('control: with the capability the kernel looks at the options of the mount', async ({ oci }) => {
    const found = await attack(oci, 'release-agent', ['/agent', 'none'], withCapabilities('CAP_SYS_ADMIN'));
    expect(found).toMatchObject({ 'mount a controller': 'EINVAL', 'mount cgroup v1': 'EINVAL' });
  });
});
