import { describe, expect, it } from 'vitest';
import { requireOwnDirectory } from '../../../src/containers/overlay-directories.js';
import { specOf } from '../support.js';

const keeping = (directory: string, id = 'other') => specOf({ id, root: { path: '/srv', overlay: { directory } } });

describe('a directory that keeps writes', () => {
  it.each(['/kept', '/kept/upper', '/'])('that another container has as %s is refused', (directory) => {
    expect(() => requireOwnDirectory(keeping('/kept', 'mine'), [specOf(), keeping(directory)])).toThrow(
      expect.objectContaining({
        code: 'STATE_CONFLICT',
        message: `container other keeps in ${directory} what it writes: end it first, or name another root.overlay.directory than /kept`,
      }),
    );
  });

  it.each(['/keptx', '/kep', '/other'])('is free beside %s', (directory) => {
    expect(() => requireOwnDirectory(keeping('/kept', 'mine'), [keeping(directory)])).not.toThrow();
  });

  it("that a spec does not have is nobody's business", () => {
    expect(() => requireOwnDirectory(specOf(), [keeping('/kept')])).not.toThrow();
  });
});
