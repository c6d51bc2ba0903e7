// The tracer of a thread, whose module is loaded only if there is a trace.

import type * as tracing from './tracer';

export function loadTracer(...args: ConstructorParameters<typeof tracing.Tracer>): tracing.Tracer {
  // A static import would load it in any case.
  const { Tracer } = require('./tracer') as typeof tracing;
  return new Tracer(...args);
}
