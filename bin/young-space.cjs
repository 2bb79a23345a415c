// @ts-check
// Keeps the space that V8 has for young objects as small as it is at the beginning, 1 MiB. With the usual 16, what starts
// of containers leave behind takes 26 KiB more for each of 600 containers.
//
// The flag --max-semi-space-size of the command line would do it, too. But Node.js keeps its own modules in the form to
// which V8 compiled them, and that is only valid with the usual flags: niwad would compile them at each start, 40 ms. So
// the space may grow while a module of Node.js is loaded, and not at any other time.

const { setFlagsFromString } = require('node:v8');

const USUAL = '--semi-space-growth-factor=2';
const NO_GROWTH = '--semi-space-growth-factor=1';

/**
 * Keeps the space from growing, and gives a `require` that loads modules of Node.js with the usual flags.
 * @param {NodeJS.Require} require
 * @returns {NodeJS.Require}
 */
function requireInSmallSpace(require) {
  setFlagsFromString(NO_GROWTH);
  const load = (/** @type {string} */ name) => {
    setFlagsFromString(USUAL);
    try {
      return require(name);
    } finally {
      setFlagsFromString(NO_GROWTH);
    }
  };
  return Object.assign(load, require);
}

module.exports = { requireInSmallSpace };
