// Puts the daemon and the command line, with what they need of node_modules, into a few files: to find and read some hundred
// small modules takes Node.js longer than all else at the start of niwad.
export default {
  input: { niwad: 'src/daemon/main.ts', niwa: 'src/cli/main.ts' },
  platform: 'node',
  output: { dir: 'dist/bundle', format: 'esm', entryFileNames: '[name].js', cleanDir: true },
};
