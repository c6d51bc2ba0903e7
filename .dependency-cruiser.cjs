// No file of `lib` or `workers` may lead back to itself through its imports: `npm run lint` checks it.
// Imports of types count, too: a circle of them has to be read as a whole just the same.

/**
 * The steps of a torrent's phases still call one another in circles. No circle leads through any other file.
 * Shrink this list.
 */
const STILL_CIRCULAR =
  '^lib/coordinator/(checking|completing|farewell|file-checks|lost-data|on-piece|output-files|phases|removing|saving|starting|stopping|tick)[.]ts$';

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-import-circle',
      severity: 'error',
      from: { pathNot: STILL_CIRCULAR },
      to: { circular: true },
    },
    {
      name: 'no-other-import-circle',
      severity: 'error',
      from: { path: STILL_CIRCULAR },
      to: { circular: true, via: { pathNot: STILL_CIRCULAR } },
    },
  ],
  options: {
    includeOnly: '^(lib|workers)/',
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
  },
};
