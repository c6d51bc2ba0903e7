import { expect } from 'chai';
import type { Metainfo } from '../../lib/metainfo/metainfo';
import { whyNotMetainfo } from '../../lib/metainfo/record';
import { Payload } from '../support/payload';

const PLATFORM = 'linux';

describe('metainfo/record', () => {
  const good: Metainfo = {
    ...new Payload({ name: 'set', files: { a: 20_000, b: 0, c: 5 } }).metainfo,
    comment: 'x',
    infoHashV2: new Uint8Array(32),
  };
  const [first, ...others] = good.files;
  const withFile = (file: unknown): object => ({ files: [file, ...others] });

  it('takes what parsing gives', () => {
    expect(whyNotMetainfo(good, PLATFORM)).to.equal(undefined);
    expect(whyNotMetainfo(structuredClone(good), PLATFORM)).to.equal(undefined);
  });

  it('names the field that is of another kind, whatever stands there', () => {
    const odd = [null, 0.5, -1, NaN, 'x', true, {}, [undefined], [[1]], Symbol('s'), () => 1, 2n];
    const fits: Readonly<Record<string, readonly unknown[]>> = {
      name: ['x'],
      comment: ['x'],
      multiFile: [true],
      private: [true],
    };
    for (const key of Object.keys(good)) {
      for (const value of odd.filter((each) => fits[key]?.includes(each) !== true)) {
        const why = whyNotMetainfo({ ...good, [key]: value }, PLATFORM);
        expect(why, `${key} = ${String(value)}`).to.include(key);
      }
    }
  });

  const broken: Readonly<Record<string, object>> = {
    'a file that climbs out': withFile({ ...first, path: ['..', 'a'] }),
    'a file among the records': withFile({ ...first, path: ['set', '.millrace', 'a'] }),
    'a path of nothing': withFile({ ...first, path: [] }),
    'files that overlap': { files: good.files.map((file) => ({ ...file, offsetBytes: 0 })) },
    'a file that ends behind the torrent': withFile({ ...first, lengthBytes: 2 ** 52 }),
    'too few hashes': { pieceHashes: good.pieceHashes.subarray(20) },
    'a pieceCount of its own': { pieceCount: good.pieceCount + 1 },
    'pieces without a length': { pieceLengthBytes: 0 },
    'an info hash that is too short': { infoHash: good.infoHash.subarray(1) },
    'a hash of version 2 that is too short': { infoHashV2: new Uint8Array(20) },
    'a hash that went through JSON': JSON.parse(JSON.stringify(good)) as object,
    'a tracker that is no text': { trackers: [['http://a.example/announce', 1]] },
    'a link without a target': { symlinks: [{ path: ['set', 'l'] }] },
    'an unknown mapping of names': { names: 'mine' },
    'padding that is not there': { paddingBytes: 7 },
  };
  for (const [what, change] of Object.entries(broken)) {
    it(`refuses ${what}`, () => {
      expect(whyNotMetainfo({ ...good, ...change }, PLATFORM)).to.be.a('string');
    });
  }
});
