// Puts the daemon and the command line into one file each, with what they need of node_modules: Node.js takes as long to find
// and read some hundred small modules as niwad takes to start.
export default {
  input: { niwad: 'src/daemon/main.ts', niwa: 'src/cli/main.ts' },
  platform: 'node',
  output: { dir: 'dist/bundle', format: 'esm', entryFileNames: '[name].js', cleanDir: true },
};
