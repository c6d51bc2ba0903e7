// The addresses of a host name for a dial, without those that must not be dialled.

import type dns from 'node:dns';
import type { LookupFunction } from 'node:net';
import { ADDRESS_REFUSED } from './dial-errors';

/** Looks names up as the system does, and leaves out the addresses that `mayReach` rejects. */
export function lookupWithin(mayReach: (address: string) => boolean): LookupFunction {
  return (host, options, done) => {
    system().lookup(host, { ...options, all: true }, (error, found) => {
      if (error) return done(error, '');
      const allowed = found.filter(({ address }) => mayReach(address));
      const [first] = allowed;
      if (first === undefined) {
        const refused: NodeJS.ErrnoException = new Error(`no address of ${host} may be reached`);
        refused.code = ADDRESS_REFUSED;
        done(refused, '');
      } else if (options.all === true) done(null, allowed);
      else done(null, first.address, first.family);
    });
  };
}

/** Loaded with the first name: most peers are addresses. */
function system(): typeof dns {
  return require('node:dns') as typeof dns;
}
