// The tracer of a thread, whose module is loaded only if there is a trace.

import type * as tracing from './tracer';

export function loadTracer(...args: ConstructorParameters<typeof tracing.Tracer>): tracing.Tracer {
  // An import would always load it.
  const { Tracer } = require('./tracer') as typeof tracing;
  return new Tracer(...args);
}
