// Makes one file each of the daemon, its thread for sums and the command line, with the modules that they need of
// node_modules: Node.js takes longer to find and read some hundred small modules than niwad for the rest of its start.
// The format is CommonJS, since V8 can keep that compiled (launch.cjs).
import { lean } from './lean.mjs';
import { writeLicences } from './licences.mjs';

const licences = writeLicences('dist/bundle/THIRD-PARTY-LICENCES');

/** @param {string} name @param {string} input */
const bundle = (name, input) => ({
  input,
  platform: 'node',
  plugins: [licences, lean()],
  output: { file: `dist/bundle/${name}.cjs`, format: 'cjs', codeSplitting: false, comments: false },
  checks: { emptyImportMeta: false }, // yargs resolves the configuration that another one extends: niwa has none
});

export default [
  bundle('niwad', 'src/daemon/main.ts'),
  bundle('niwa', 'src/cli/main.ts'),
  bundle('usage-thread', 'src/accounting/sums/thread.ts'),
];
