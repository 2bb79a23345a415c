// Compiles a bundle that has just been built: node [flags of its launcher] bin/compile.mjs niwad|niwa
import { compile } from './launch.mjs';

compile(process.argv[2]);
