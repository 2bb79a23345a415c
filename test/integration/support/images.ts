import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { execa } from 'execa';
import { PLATFORM } from '../../../src/images/import.js';
import type { ImportProgress } from '../../../src/protocol/images.js';
import type { SpecInput } from '../../../src/protocol/spec.js';
import { tarOf } from '../../unit/images/make-tar.js';
import type { Niwad } from './niwad.js';

/** Images for tests: of the usual tools, and written by hand. */

export const BUSYBOX = '/bin/busybox';
const APPLETS = ['sh', 'ls', 'cat', 'id', 'env', 'sleep', 'stat', 'find', 'touch', 'true', 'head', 'sort', 'tr'];

/** The sha256 of bytes as hexadecimal digits. */
export const sha256 = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest('hex');

/** The members of a layer with a shell. */
export const shell = () => [
  { type: '5', path: 'bin/', mode: 0o755 },
  { path: 'bin/busybox', mode: 0o755, data: readFileSync(BUSYBOX) },
  ...APPLETS.map((name) => ({ type: '2', path: `bin/${name}`, target: 'busybox' })),
];

/** Puts a shell into a directory. */
export async function addShell(root: string): Promise<void> {
  mkdirSync(join(root, 'bin'), { recursive: true });
  await copyFile(BUSYBOX, join(root, 'bin/busybox'));
  for (const name of APPLETS) if (!existsSync(join(root, 'bin', name))) symlinkSync('busybox', join(root, 'bin', name));
}

/** What `docker save` would write of layers, each a tar. */
export function dockerTar(
  layers: Buffer[],
  config: object = {},
  names: string[] = [],
  diffIds = layers.map(sha256),
): Buffer {
  const image = JSON.stringify({
    ...PLATFORM,
    config,
    rootfs: { type: 'layers', diff_ids: diffIds.map((id) => `sha256:${id}`) },
  });
  const list = [{ Config: 'config.json', RepoTags: names, Layers: layers.map((_, i) => `${i}/layer.tar`) }];
  return tarOf(
    ...layers.map((data, i) => ({ path: `${i}/layer.tar`, data })),
    { path: 'config.json', data: image },
    { path: 'manifest.json', data: JSON.stringify(list) },
  );
}

/** Files of an OCI image layout, by path. */
export function ociFiles(layers: Buffer[], diffIds: string[], config: object = {}): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  const add = (data: Buffer, mediaType: string) => {
    files.set(`blobs/sha256/${sha256(data)}`, data);
    return { mediaType, digest: `sha256:${sha256(data)}`, size: data.length };
  };
  const image = { ...PLATFORM, config, rootfs: { type: 'layers', diff_ids: diffIds.map((id) => `sha256:${id}`) } };
  const manifest = {
    schemaVersion: 2,
    config: add(Buffer.from(JSON.stringify(image)), 'application/vnd.oci.image.config.v1+json'),
    layers: layers.map((layer) => add(layer, 'application/vnd.oci.image.layer.v1.tar')),
  };
  const found = add(Buffer.from(JSON.stringify(manifest)), 'application/vnd.oci.image.manifest.v1+json');
  files.set('oci-layout', Buffer.from('{"imageLayoutVersion": "1.0.0"}'));
  files.set('index.json', Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [found] })));
  return files;
}

/** The tar of an OCI image layout. */
export function ociTar(files: Map<string, Buffer>): Buffer {
  return tarOf(...[...files].map(([path, data]) => ({ path, data })));
}

/** Imports bytes; gives what was told. */
export async function importBytes(niwad: Niwad, tar: Buffer, name?: string): Promise<ImportProgress[]> {
  const told: ImportProgress[] = [];
  for await (const progress of niwad.client.importImage(Readable.from([tar]), name)) told.push(progress);
  return told;
}

/** Runs a line of shell in an image and gives its output. */
export async function say(
  niwad: Niwad,
  image: string,
  script: string,
  root: object = {},
  spec: Partial<SpecInput> = {},
): Promise<string> {
  const process = { entrypoint: ['/bin/sh', '-c'], args: [script] };
  const { stdout, stderr } = await niwad.run({ ...spec, root: { image, ...root }, process });
  return `${stderr}${stdout}`.trimEnd();
}

/** Makes an OCI image layout with umoci: a shell, a user and a default command. */
export async function umociLayout(directory: string, script: string): Promise<string> {
  const layout = join(directory, 'layout');
  const image = `${layout}:app`;
  const bundle = join(directory, 'bundle');
  await execa('umoci', ['init', '--layout', layout]);
  await execa('umoci', ['new', '--image', image]);
  await execa('umoci', ['unpack', '--image', image, bundle]);
  await addShell(join(bundle, 'rootfs'));
  mkdirSync(join(bundle, 'rootfs/etc'));
  mkdirSync(join(bundle, 'rootfs/work'));
  writeFileSync(join(bundle, 'rootfs/etc/passwd'), 'root:x:0:0::/:/bin/sh\napp:x:44:45::/:/bin/sh\n');
  writeFileSync(join(bundle, 'rootfs/etc/group'), 'root:x:0:\napps:x:46:\n');
  await execa('umoci', ['repack', '--image', image, bundle]);
  const config = {
    user: 'app',
    env: 'GREETING=hello',
    workingdir: '/work',
    stopsignal: 'SIGINT',
    label: 'made.by=umoci',
  };
  const flags = Object.entries(config).map(([key, value]) => `--config.${key}=${value}`);
  const command = ['--config.entrypoint=/bin/sh', '--config.entrypoint=-c', `--config.cmd=${script}`];
  await execa('umoci', ['config', '--image', image, ...flags, ...command]);
  return layout;
}

/** Copies an image by skopeo, which needs no policy of signatures here. */
export async function skopeo(source: string, destination: string): Promise<void> {
  await execa('skopeo', ['--insecure-policy', 'copy', source, destination]);
}
