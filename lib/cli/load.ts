// Modules that are loaded when first needed, because start-up time matters. `require`, because a
// dynamic import of a relative path would need a file extension that differs between source and
// compiled code.

import type * as Pino from 'pino';
import type * as threadsFirst from '../threads-first';
import type { Api } from './context';

export const loadThreadsFirst = (): typeof threadsFirst =>
  require('../threads-first') as typeof threadsFirst;

export const loadApi = (): Api => require('../index') as Api;

export const loadPino = (): typeof Pino => require('pino') as typeof Pino;
