// Makes the package niwa-client in dist/niwa-client from the output of tsc: the client and the protocol. Its
// installation builds nothing. It depends on typebox for the types only.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const source = fileURLToPath(new URL('..', import.meta.url));
const target = join(source, 'dist/niwa-client');
const { version, license, type, engines, dependencies } = JSON.parse(
  readFileSync(join(source, 'package.json'), 'utf8'),
);

rmSync(target, { recursive: true, force: true });
for (const folder of ['client', 'protocol'])
  for (const name of readdirSync(join(source, 'dist', folder), { recursive: true, encoding: 'utf8' }))
    if (/\.(js|d\.ts)$/.test(name)) copyCode(join('dist', folder, name), join(folder, name));
cpSync(join(source, 'LICENSE'), join(target, 'LICENSE'));
cpSync(join(source, 'src/client/README.md'), join(target, 'README.md'));
writeFileSync(
  join(target, 'package.json'),
  `${JSON.stringify(
    {
      name: 'niwa-client',
      version,
      description: 'The typed client of niwad, a container runtime daemon.',
      license,
      type,
      engines,
      exports: { '.': { types: './client/index.d.ts', default: './client/index.js' } },
      dependencies: { typebox: dependencies.typebox },
    },
    null,
    2,
  )}\n`,
);

/**
 * Copies a file. If its last line names a source map, that line is left out, since this package does not contain the
 * sources.
 */
function copyCode(from, to) {
  const path = join(target, to);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, readFileSync(join(source, from), 'utf8').replace(/\/\/# sourceMappingURL=.*\n?$/, ''));
}
