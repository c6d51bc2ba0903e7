// Loads TypeScript in mocha and in every worker thread it starts (workers inherit execArgv).
'use strict';
require('ts-node/register');

// Piscina hides why a worker's .ts file failed to load behind 'Unknown file extension ".ts"'.
const { isMainThread } = require('node:worker_threads');
if (!isMainThread) {
  const load = require.extensions['.ts'];
  require.extensions['.ts'] = (module, filename) => {
    try {
      load(module, filename);
    } catch (error) {
      console.error(`failed to load ${filename}:`, error);
      throw error;
    }
  };
}
