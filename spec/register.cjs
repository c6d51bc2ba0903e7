// Loads TypeScript in mocha and in every worker thread that it starts (workers inherit execArgv).
// What ts-node compiled is kept in node_modules/.cache by content: a worker that finds all of its
// files there need not load the compiler, which would cost it most of a second.
'use strict';
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { isMainThread, threadId } = require('node:worker_threads');

const ROOT = path.dirname(__dirname);
const CACHE = path.join(ROOT, 'node_modules', '.cache', 'millrace-ts');
const SEED = [
  require('typescript/package.json').version,
  require('ts-node/package.json').version,
  fs.readFileSync(path.join(ROOT, 'tsconfig.json'), 'utf8'),
].join('\n');

fs.mkdirSync(CACHE, { recursive: true });
process.setSourceMapsEnabled(true);

// A property that allows up to 120 steps is to draw them, too: by default fast-check draws ten at most.
if (isMainThread && /[\\/]mocha[\\/]/.test(process.argv[1] ?? ''))
  require('fast-check').configureGlobal({ defaultSizeToMaxWhenMaxSpecified: true });

let service;

/** The compiled source, from the cache if it was compiled before. */
function compiled(filename) {
  const source = fs.readFileSync(filename, 'utf8');
  const key = createHash('sha1').update(SEED).update(filename).update(source).digest('hex');
  const cached = path.join(CACHE, `${key}.js`);
  try {
    return fs.readFileSync(cached, 'utf8');
  } catch {
    service ??= require('ts-node').create({ cwd: ROOT, transpileOnly: true });
    const code = service.compile(source, filename);
    // Whole or not at all: other threads may be reading it.
    const temp = `${cached}.${process.pid}.${threadId}`;
    fs.writeFileSync(temp, code);
    fs.renameSync(temp, cached);
    return code;
  }
}

require.extensions['.ts'] = (module, filename) => {
  try {
    module._compile(compiled(filename), filename);
  } catch (error) {
    // Piscina hides why a worker's .ts file failed to load behind 'Unknown file extension ".ts"'.
    if (!isMainThread) console.error(`failed to load ${filename}:`, error);
    throw error;
  }
};
