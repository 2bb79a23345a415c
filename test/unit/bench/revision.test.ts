import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { buildRevision } from '../../bench/harness/revision.mjs';

/** A project with two commits, whose build copies the file `source`; gives its folder. */
function project(): string {
  const folder = mkdtempSync(join(tmpdir(), 'niwa-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const git = (...words: string[]) =>
    execFileSync('git', ['-c', 'user.name=test', '-c', 'user.email=test@example.org', ...words], { cwd: folder });
  git('init', '--quiet');
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ scripts: { build: 'cp source built' } }));
  writeFileSync(join(folder, 'package-lock.json'), '{}');
  writeFileSync(join(folder, '.gitignore'), 'node_modules\nbuilt\n');
  for (const source of ['old', 'new']) {
    writeFileSync(join(folder, 'source'), source);
    git('add', '--all');
    git('commit', '--quiet', '--message', source);
  }
  mkdirSync(join(folder, 'node_modules/a'), { recursive: true });
  writeFileSync(join(folder, 'node_modules/a/index.js'), '');
  return folder;
}

const worktreesOf = (folder: string) =>
  execFileSync('git', ['worktree', 'list'], { cwd: folder, encoding: 'utf8' }).trim().split('\n');

it('builds a revision beside the project, with links to its npm packages, and takes it away', () => {
  const folder = project();
  const { commit, folder: other, remove } = buildRevision(folder, 'HEAD~1');
  try {
    expect(other).toContain(commit);
    expect(readFileSync(join(other, 'built'), 'utf8')).toBe('old');
    expect(existsSync(join(folder, 'built'))).toBe(false);
    const inode = (where: string) => statSync(join(where, 'node_modules/a/index.js')).ino;
    expect(inode(other)).toBe(inode(folder));
  } finally {
    remove();
  }
  expect(existsSync(dirname(other))).toBe(false);
  expect(worktreesOf(folder)).toHaveLength(1);
  expect(existsSync(join(folder, 'node_modules/a/index.js'))).toBe(true);
});

it('leaves nothing of a revision that cannot be built, or that is none', () => {
  const folder = project();
  expect(() => buildRevision(folder, 'nothing')).toThrow('git rev-parse');
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ scripts: { build: 'echo no such source; false' } }));
  execFileSync('git', ['-c', 'user.name=test', '-c', 'user.email=test@example.org', 'commit', '-qam', 'broken'], {
    cwd: folder,
  });
  expect(() => buildRevision(folder, 'HEAD')).toThrow('no such source');
  expect(worktreesOf(folder)).toHaveLength(1);
});
