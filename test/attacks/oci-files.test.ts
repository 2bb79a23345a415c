// Techniques of prepared files, links and descriptors, against the containers of engines.
import { chmodSync, copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect } from 'vitest';
import { NIWA_OCI, type Oci } from '../integration/support/oci.js';
import { attackOnHost, compiled, results } from './attack.js';
import { asIs, asUser, attack, bind, both, type Change, test } from './oci-attack.js';

const CORE_PATTERN = '/proc/sys/kernel/core_pattern';
const NONE = '0000000000000000';

describe('setuid programs:', () => {
  const prepare = (volume: string): string => {
    const program = join(volume, 'setuid');
    copyFileSync(compiled('setuid'), program);
    chmodSync(program, 0o4755);
    return program;
  };
  const may: Change = ({ process }) => {
    process.noNewPrivileges = false;
  };

  test('a user stays who it is', async ({ oci, volume }) => {
    const change = both(asUser, bind(prepare(volume), '/attack'));
    expect(await attack(oci, 'setuid', [], change)).toEqual({ real: '1000', effective: '1000' });
  });

  test('control: without noNewPrivileges it becomes root', async ({ oci, volume }) => {
    const change = both(asUser, bind(prepare(volume), '/attack'), may);
    expect(await attack(oci, 'setuid', [], change)).toEqual({ real: '1000', effective: '0' });
  });

  test('CVE-2022-29162: inheritable capabilities of a file give nothing, nor where the config allows such files', async ({
    oci,
    volume,
  }) => {
    const program = await inheriting(volume);
    for (const more of [asIs, may]) {
      const found = await attack(oci, 'capabilities', [], both(asUser, bind(program, '/attack'), more));
      expect(found).toMatchObject({ CapInh: NONE, CapPrm: NONE, CapEff: NONE, CapAmb: NONE });
    }
  });

  test('CVE-2022-29162, control: with the capability inheritable in the config the file gives it', async ({
    oci,
    volume,
  }) => {
    const inheritable: Change = ({ process }) => {
      const sets = process.capabilities as Record<string, string[]>;
      process.capabilities = { ...sets, inheritable: ['CAP_KILL'] };
    };
    const change = both(asUser, bind(await inheriting(volume), '/attack'), may, inheritable);
    expect(await attack(oci, 'capabilities', [], change)).toMatchObject({ CapPrm: '0000000000000020' });
  });

  async function inheriting(volume: string): Promise<string> {
    const KILL = '5';
    const program = join(volume, 'capabilities');
    copyFileSync(compiled('capabilities'), program);
    expect(await attackOnHost('set-file-capability', [KILL, program])).toEqual({ setxattr: 'worked' });
    return program;
  }
});

describe('CVE-2024-21626:', () => {
  const prepared = (oci: Oci, cwd = '/') =>
    oci.bundle('', (config) => {
      config.process.args = ['/attack', 'etc/hostname-of-the-host'];
      config.process.cwd = cwd;
      bind(compiled('leaked'), '/attack')(config);
    });

  test('a container has no descriptor but the standard three, also where its working directory is one', async ({
    oci,
  }) => {
    const directories = Array.from({ length: 20 }, (_, fd) => `/proc/self/fd/${fd}`);
    for (const cwd of ['/', '/proc/1/cwd', ...directories]) {
      const { stdout, stderr } = await oci.run('run', '--bundle', await prepared(oci, cwd), oci.id());
      if (stdout !== '') expect(results(stdout)).toEqual({ descriptors: '0', 'by the working directory': 'ENOENT' });
      else expect(stderr).toMatch(/chdir to|mkdir \/proc/);
    }
  });

  test('control: with a descriptor of the host in the command line it looks into the host', async ({ oci, niwad }) => {
    const bundle = await prepared(oci);
    const path = join(bundle, 'config.json');
    writeFileSync(path, readFileSync(path, 'utf8').replace('etc/hostname-of-the-host', 'etc/passwd'));
    const script = 'exec 3</; exec "$@"';
    const words = [NIWA_OCI, '--niwad', join(niwad.place.runDir, 'oci.sock'), 'run', '--preserve-fds', '1'];
    const args = ['-c', script, 'sh', ...words, '--bundle', bundle, oci.id()];
    const { stdout } = await execa('sh', args, { stdin: 'ignore' });
    expect(results(stdout)).toMatchObject({ 'by descriptor 3': 'worked' });
  });
});

test.for(['/proc/self/exe', '/proc/self/fd/3', '/proc/self/fd/4'])(
  'CVE-2019-5736: a container that runs %s gets nothing of the runtime', // the control is in cve-2019-5736.test.ts
  async (program, { oci }) => {
    const ran = async (...args: string[]) => {
      const bundle = await oci.bundle('', (config) => {
        config.process.args = args;
      });
      return await oci.run('run', '--bundle', bundle, oci.id());
    };
    expect((await ran(program)).stdout).toBe('');
    expect((await ran('echo', 'fine')).stdout).toBe('fine');
  },
);

// the controls are in cve-2019-16884.test.ts, cve-2025-31133.test.ts and cve-2025-52565.test.ts: careless runtimes
describe('a root that prepares links for the runtime', () => {
  const found = async (oci: Oci, paths: readonly string[], prepare: (root: string) => void) => {
    const bundle = await oci.bundle('', (config) => {
      config.process.args = ['/attack', ...paths];
      bind(compiled('what'), '/attack')(config);
    });
    prepare(join(bundle, 'rootfs'));
    const { stdout, stderr } = await oci.run('run', '--bundle', bundle, oci.id());
    return stdout === '' ? stderr : results(stdout);
  };

  test('CVE-2019-16884: for /proc has the real one, masked', async ({ oci }) => {
    const paths = ['/proc', '/proc/keys', '/proc/sys'];
    const seen = await found(oci, paths, (root) => {
      mkdirSync(join(root, 'fake'));
      symlinkSync('/fake', join(root, 'proc'));
    });
    expect(seen).toEqual({ '/proc': 'procfs', '/proc/keys': 'null device', '/proc/sys': 'read-only procfs' });
  });

  test('CVE-2025-31133: for /dev/null has masks of the null device', async ({ oci }) => {
    const seen = await found(oci, ['/proc/keys', CORE_PATTERN], (root) => {
      mkdirSync(join(root, 'dev'));
      symlinkSync(CORE_PATTERN, join(root, 'dev/null'));
    });
    expect(seen).toEqual({ '/proc/keys': 'null device', [CORE_PATTERN]: 'read-only procfs' });
  });

  test.for([
    ['dev', '/proc'],
    ['dev', '/sys'],
    ['proc', '/sys'],
  ] as const)(
    'CVE-2025-52565: from /%s to %s shows no file of the kernel that can be written',
    async ([name, to], { oci }) => {
      const seen = await found(oci, [CORE_PATTERN, '/proc/sysrq-trigger', '/proc/keys'], (root) => {
        mkdirSync(join(root, to));
        symlinkSync(to, join(root, name));
      });
      for (const what of typeof seen === 'string' ? [] : Object.values(seen))
        expect(['ENOENT', 'ENOTDIR', 'null device', 'read-only procfs', 'read-only sysfs']).toContain(what);
    },
  );
});
