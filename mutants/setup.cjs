// Loaded before the specs of a run over mutants: every run draws the same cases, or a mutant would change
// sides by chance, and a property that fails is not shrunk, which takes longer than all else.
'use strict';
const fc = require('fast-check');

fc.configureGlobal({
  defaultSizeToMaxWhenMaxSpecified: true, // as spec/register.cjs does
  seed: 20_261_126,
  endOnFailure: true,
});
