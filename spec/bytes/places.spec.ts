// Cutting a run of places: nothing is lost or copied, and the cut lies where it was asked for.

import { expect } from 'chai';
import fc from 'fast-check';
import { cutPlaces } from '../../lib/bytes/places';

describe('bytes/places', () => {
  it('are cut where asked, or at their end, and are the same bytes', () => {
    const lengths = fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 8 });
    fc.assert(
      fc.property(lengths, fc.integer({ min: 0, max: 45 }), (sizes, lengthBytes) => {
        const all = sizes.reduce((sum, size) => sum + size, 0);
        const whole = Uint8Array.from({ length: all }, (_, at) => at);
        let at = 0;
        const places = sizes.map((size) => whole.subarray(at, (at += size)));
        const { head, tail, headBytes } = cutPlaces(places, lengthBytes);
        expect(headBytes).to.equal(Math.min(all, lengthBytes));
        expect(head.flatMap((place) => [...place])).to.deep.equal([...whole.slice(0, headBytes)]);
        expect(tail.flatMap((place) => [...place])).to.deep.equal([...whole.slice(headBytes)]);
        for (const place of [...head, ...tail]) expect(place.buffer).to.equal(whole.buffer);
        if (headBytes === all) expect(tail).to.deep.equal([]);
      }),
      { numRuns: 200 },
    );
  });
});
