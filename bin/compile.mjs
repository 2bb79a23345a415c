// Compiles a bundle that has just been built: node [flags of its launcher] bin/compile.mjs niwad|niwa
import launcher from './launch.cjs';

launcher.compile(process.argv[2]);
