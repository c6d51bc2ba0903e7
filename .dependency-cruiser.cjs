// No file of `lib` or `workers` may lead back to itself through its imports: `npm run lint` checks it.
// Imports of types count, too: a circle of them has to be read as a whole just the same.

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [{ name: 'no-import-circle', severity: 'error', from: {}, to: { circular: true } }],
  options: {
    includeOnly: '^(lib|workers)/',
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
  },
};
