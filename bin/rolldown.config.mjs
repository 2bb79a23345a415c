// Puts the daemon, its thread for sums and the command line, with what they need of node_modules, into a file each: to find and read some hundred
// small modules takes Node.js longer than all else at the start of niwad. CommonJS, since V8 keeps that compiled (launch.mjs).
const bundle = (name, input) => ({
  input,
  platform: 'node',
  output: { file: `dist/bundle/${name}.cjs`, format: 'cjs', codeSplitting: false },
  checks: { emptyImportMeta: false }, // yargs resolves the configuration that another one extends: niwa has none
});

export default [
  bundle('niwad', 'src/daemon/main.ts'),
  bundle('niwa', 'src/cli/main.ts'),
  bundle('usage-thread', 'src/accounting/sums/thread.ts'),
];
