// Threads for engines that have none.

import type { Lifecycle } from '../../lib/coordinator/control';

export const NO_THREADS: Lifecycle = {
  start: () => Promise.resolve(),
  stop: () => Promise.resolve(),
  kill: () => false,
};
