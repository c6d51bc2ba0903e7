// PURE. The own address from which a request is sent.

import { sourceFor } from '../address/binding';
import type { OwnAddressesNow, Source } from '../address/binding';
import { requestError } from './request-error';
import type { Subject } from './request-error';
import type { Family } from './resolve';

/**
 * Family and local address for a connection to the host of `to`, the server of `url` or its proxy.
 * Undefined if nothing is bound. Throws `<subject>-unreachable` if no address of ours may be used.
 */
export function boundTo(
  subject: Subject,
  url: URL,
  to: URL,
  own: OwnAddressesNow | undefined,
  family?: Family,
): Source | undefined {
  if (own === undefined) return undefined;
  const source = sourceFor(to.hostname, own(), family);
  if (source !== undefined) return source;
  throw requestError(
    subject,
    'unreachable',
    url,
    'is not asked: the engine is bound to no address of that family',
    { cause: 'EADDRNOTAVAIL' },
  );
}
