// The info dictionary in shared memory, and whether it is served to peers.

import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { encode } from '../../lib/bencode/encode';
import { parseMetainfo } from '../../lib/metainfo/parse';
import { infoForPeers, withInfoIn, withSharedInfo } from '../../lib/metainfo/shared-info';
import type { Metainfo } from '../../lib/metainfo/metainfo';

function torrent(more: object = {}): Metainfo {
  const info = {
    length: 40_000,
    name: 'a',
    'piece length': 16_384,
    pieces: 'x'.repeat(60),
    ...more,
  };
  return parseMetainfo(encode({ info }), (bytes) => createHash('sha1').update(bytes).digest());
}

describe('metainfo/shared-info', () => {
  it('is one copy, of which the digests are a part', () => {
    const metainfo = torrent();
    const shared = withSharedInfo(structuredClone(metainfo));
    expect(shared.infoBytes?.buffer).to.be.instanceOf(SharedArrayBuffer);
    expect(shared.pieceHashes.buffer).to.equal(shared.infoBytes?.buffer);
    expect(
      Buffer.compare(shared.infoBytes ?? Buffer.alloc(0), metainfo.infoBytes ?? Buffer.alloc(1)),
    ).to.equal(0);
    expect(Buffer.compare(shared.pieceHashes, metainfo.pieceHashes)).to.equal(0);
    expect({ ...shared, infoBytes: 0, pieceHashes: 0 }).to.deep.equal({
      ...metainfo,
      infoBytes: 0,
      pieceHashes: 0,
    });
  });

  it('may be there already, and may lack the digests of a record that was put together', () => {
    const metainfo = torrent();
    const buffer = new SharedArrayBuffer(metainfo.infoBytes?.length ?? 0);
    new Uint8Array(buffer).set(metainfo.infoBytes ?? []);
    expect(withInfoIn(metainfo, buffer).pieceHashes.buffer).to.equal(buffer);
    const pieceHashes = Uint8Array.from(metainfo.pieceHashes);
    const apart = withInfoIn({ ...metainfo, pieceHashes }, buffer);
    expect(apart.pieceHashes).to.equal(pieceHashes);
    expect(apart.infoBytes?.buffer).to.equal(buffer);
  });

  it('goes to peers unless the torrent is private, or its bytes are not known', () => {
    expect(infoForPeers(withSharedInfo(torrent()))?.byteLength).to.equal(
      torrent().infoBytes?.length,
    );
    expect(infoForPeers(withSharedInfo(torrent({ private: 1 })))).to.equal(undefined);
    const { infoBytes: _, ...old } = torrent();
    expect(withSharedInfo(old)).to.equal(old);
    expect(infoForPeers(old)).to.equal(undefined);
  });
});
