import { expect } from 'chai';
import { ExternalAddresses } from '../../lib/address/external';

const ip = (...bytes: number[]): Uint8Array => Uint8Array.from(bytes);

describe('address/external', () => {
  it('is the address with the most votes, of each family', () => {
    const external = new ExternalAddresses();
    expect(external.of(4)).to.equal(undefined);
    external.vote(ip(192, 0, 2, 1), 'a');
    external.vote(ip(192, 0, 2, 2), 'b');
    expect(external.of(4), 'the first one at a draw').to.deep.equal(ip(192, 0, 2, 1));
    external.vote(ip(192, 0, 2, 2), 'c');
    expect(external.of(4)).to.deep.equal(ip(192, 0, 2, 2));
    expect(external.of(16)).to.equal(undefined);
    expect(external.version).to.equal(2);
    external.vote(ip(192, 0, 2, 2), 'd');
    expect(external.version, 'nothing has changed').to.equal(2);
  });

  it('counts each voter once, and no more than the last sixteen', () => {
    const external = new ExternalAddresses();
    external.vote(ip(192, 0, 2, 1), 'honest');
    external.vote(ip(192, 0, 2, 1), 'too');
    for (let n = 0; n < 100; n++) external.vote(ip(6, 6, 6, 6), 'liar');
    expect(external.of(4)).to.deep.equal(ip(192, 0, 2, 1));
    // The address has changed.
    for (let n = 0; n < 16; n++) external.vote(ip(192, 0, 2, 9), `voter ${n}`);
    expect(external.of(4)).to.deep.equal(ip(192, 0, 2, 9));
  });
});
