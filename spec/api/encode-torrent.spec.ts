// From a torrent that was read back to the bytes of a .torrent.

import { expect } from 'chai';
import { encodeTorrent, readTorrent } from '../../lib/index';
import type { Metainfo } from '../../lib/index';
import { encode } from '../../lib/bencode/encode';
import { Payload } from '../support/payload';
import { refusal } from './temp-tree';

const { metainfo } = new Payload({ name: 'set', files: { a: 40_000, b: 5 } });

describe('encodeTorrent', () => {
  it('writes a .torrent that reads back to the same, with its trackers and remarks', async () => {
    const whole: Metainfo = {
      ...metainfo,
      trackers: [['http://a/', 'udp://b:1'], ['http://c/']],
      comment: 'näh',
      createdBy: 'x',
      creationDateSec: 5,
    };
    expect(await readTorrent(encodeTorrent(whole))).to.deep.equal(whole);
    const bare = { ...metainfo, trackers: [] };
    expect(await readTorrent(encodeTorrent(bare))).to.deep.equal(bare);
  });

  it('keeps every byte that has a hash, also what Millrace does not know', async () => {
    const info = { length: 5, name: 'x', odd: [1], 'piece length': 9, pieces: new Uint8Array(20) };
    const read = await readTorrent(encode({ info, 'url-list': 'http://w/' }));
    const again = await readTorrent(encodeTorrent(read));
    expect(again).to.deep.equal(read);
    expect(again.infoBytes).to.deep.equal(encode(info));
  });

  it('names what cannot be written', async () => {
    const { infoBytes: _info, ...stored } = metainfo;
    for (const odd of [stored, undefined, {}]) {
      const error = await refusal(
        Promise.resolve().then(() => encodeTorrent(odd as unknown as Metainfo)),
      );
      expect(error.code).to.equal('bad-option');
    }
  });
});
