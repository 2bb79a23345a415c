// @ts-check
// Runs a bundle in the form to which V8 compiled it when it was built. To compile it at each start would take niwad 50
// ms. A CommonJS module, since Node.js takes some 10 ms of processor time longer for an ES module.

const { readFileSync, writeFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const { dirname, join } = require('node:path');
const { Script } = require('node:vm');

/**
 * Runs a bundle as Node.js would run the CommonJS module.
 * @param {string} name `niwad` or `niwa`
 * @param {(require: NodeJS.Require) => NodeJS.Require} [wrap] gives the `require` that the bundle has
 */
function launch(name, wrap) {
  const file = bundle(name);
  run(file, load(file, readIfThere(compiled(file))), wrap);
}

/**
 * Runs a bundle and, at its exit, writes what V8 has compiled of it to a file, for `launch`. Has to run with the flags
 * of the launcher: V8 uses the file only with the same flags and the same version, and compiles again otherwise.
 * @param {string} name `niwad` or `niwa`
 * @param {string[]} args of the command line
 */
function compile(name, args) {
  const file = bundle(name);
  const script = load(file);
  process.on('exit', () => {
    writeFileSync(compiled(file), script.createCachedData());
    process.exitCode = 0;
  });
  process.argv.splice(1, Infinity, file, ...args);
  run(file, script);
}

/** @param {string} name */
const bundle = (name) => join(__dirname, `../dist/bundle/${name}.cjs`);

/** @param {string} file */
const compiled = (file) => `${file}.compiled`;

/**
 * @param {string} file
 * @param {Buffer} [cachedData]
 */
function load(file, cachedData) {
  const body = readFileSync(file, 'latin1'); // it is ASCII, see lean.mjs, and as UTF-8 it would be read more slowly
  const source = `(function (exports, require, module, __filename, __dirname) {${body}\n})`;
  return new Script(source, { filename: file, cachedData });
}

/**
 * @param {string} file
 * @param {Script} script
 * @param {(require: NodeJS.Require) => NodeJS.Require} [wrap]
 */
function run(file, script, wrap = (require) => require) {
  const module = { exports: {} };
  script.runInThisContext()(module.exports, wrap(createRequire(file)), module, file, dirname(file));
}

/** @param {string} file */
function readIfThere(file) {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}

module.exports = { launch, compile };
