// Magnet links in the API: which sources are links, and the errors for those that are not.

import { expect } from 'chai';
import { findTorrent } from '../../lib/api/magnet';
import { MillraceError, formatMagnet, readMagnet, readTorrent } from '../../lib/index';
import type { MagnetLink, Metainfo } from '../../lib/index';
import { Payload } from '../support/payload';
import { refusal } from './temp-tree';

const HASH = 'c12fe1c06bba254a9dc9f519b335aa7c1367a88a';
const LINK = `magnet:?xt=urn:btih:${HASH}&dn=a&tr=udp%3A%2F%2Fu%3A1&tr=http%3A%2F%2Ft&x.pe=h:2`;
const { torrent, metainfo } = new Payload({ name: 'data.bin', lengthBytes: 20_000 });
const quiet = new AbortController().signal;

function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (error instanceof MillraceError) return error.code;
    throw error;
  }
  return 'none';
}

describe('readMagnet', () => {
  it('reads a link as text, as a URL, and as its own result, also after a copy', () => {
    const link = readMagnet(LINK);
    expect(Buffer.from(link.infoHash).toString('hex')).to.equal(HASH);
    expect(readMagnet(new URL(LINK))).to.deep.equal(link);
    expect(readMagnet(structuredClone(link))).to.deep.equal(link);
  });

  it('names what is no link', () => {
    for (const odd of [undefined, null, 1, [], new Uint8Array(20), () => 1])
      expect(codeOf(() => readMagnet(odd as unknown as string))).to.equal('bad-option');
    const link = readMagnet(LINK);
    for (const change of [
      JSON.parse(JSON.stringify(link)) as object,
      { ...link, infoHash: new Uint8Array(19) },
      { ...link, trackers: 5 },
      { ...link, peers: [{}] },
      { ...link, selection: [{ first: 2 }] },
      {},
    ])
      expect(
        codeOf(() => readMagnet(change as MagnetLink)),
        JSON.stringify(change),
      ).to.equal('bad-option');
    expect(codeOf(() => readMagnet('a.torrent'))).to.equal('bad-magnet');
    expect(codeOf(() => readMagnet(`magnet:?xt=urn:btmh:1220${'ab'.repeat(32)}`))).to.equal(
      'v2-unsupported',
    );
  });
});

describe('formatMagnet', () => {
  it('writes the link of a torrent, and that of a link', () => {
    const link = readMagnet(formatMagnet(metainfo));
    expect(link).to.deep.include({
      infoHash: metainfo.infoHash,
      name: 'data.bin',
      lengthBytes: 20_000,
      trackers: metainfo.trackers.flat(),
    });
    expect(readMagnet(formatMagnet(readMagnet(LINK)))).to.deep.equal(readMagnet(LINK));
  });

  it('names what is neither', () => {
    for (const odd of [undefined, 1, {}, { ...metainfo, files: 1 }, { pieceHashes: 1 }])
      expect(codeOf(() => formatMagnet(odd as unknown as Metainfo))).to.equal('bad-option');
  });
});

describe('findTorrent', () => {
  it('takes what a link says, its trackers in the order of the link', async () => {
    const found = await findTorrent(LINK, { signal: quiet });
    expect(found).to.deep.equal({
      infoHash: new Uint8Array(Buffer.from(HASH, 'hex')),
      name: 'a',
      trackers: [['udp://u:1'], ['http://t']],
      metainfo: undefined,
      peers: [{ host: 'h', port: 2 }],
    });
    expect(await findTorrent(readMagnet(LINK), { signal: quiet })).to.deep.equal(found);
    expect(await findTorrent(new URL(LINK), { signal: quiet })).to.deep.equal(found);
    const nameless = await findTorrent(`magnet:?xt=urn:btih:${HASH}`, { signal: quiet });
    expect(nameless.name).to.equal(HASH);
  });

  it('reads everything else as a torrent', async () => {
    const { infoHash, name, trackers } = metainfo;
    for (const source of [torrent, metainfo])
      expect(await findTorrent(source, { signal: quiet })).to.deep.equal({
        infoHash,
        name,
        trackers,
        metainfo,
        peers: [],
      });
    expect((await refusal(findTorrent('./magnet:?x', { signal: quiet }))).code).to.equal(
      'torrent-unreadable',
    );
    expect((await refusal(findTorrent('magnet:?dn=x', { signal: quiet }))).code).to.equal(
      'bad-magnet',
    );
  });
});

describe('readTorrent', () => {
  it('says for a magnet link what else to call', async () => {
    const error = await refusal(readTorrent(LINK));
    expect(error.code).to.equal('torrent-unreadable');
    expect(error.message).to.match(/magnet link does not say .*; pass a .torrent .* with add\(\)$/);
  });
});
