// The computed payloads of the benches: a download is compared with them byte for byte, so they must
// be the same function of their position however they are read.

import { expect } from 'chai';
import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Payload } from '../../bench/support/payload';
import { checkDownload, makeTorrent, storePayload } from '../../bench/support/torrent';

const SHAPE = { salt: 3, totalBytes: 300_000, pieceLengthBytes: 65_536 };

function bytesOf(payload: Payload, position: number, lengthBytes: number): Buffer {
  const parts: Buffer[] = [];
  payload.visit(position, lengthBytes, (part) => parts.push(part));
  return Buffer.concat(parts);
}

describe('bench payload', () => {
  const payload = new Payload(SHAPE);
  const all = bytesOf(payload, 0, SHAPE.totalBytes);

  it('reads the same bytes at any cut', () => {
    fc.assert(
      fc.property(fc.nat(SHAPE.totalBytes), fc.nat(SHAPE.totalBytes), (one, other) => {
        const [start, end] = [Math.min(one, other), Math.max(one, other)];
        expect(bytesOf(payload, start, end - start).equals(all.subarray(start, end))).to.equal(
          true,
        );
        expect(payload.matches(start, all, start, end)).to.equal(true);
      }),
      { numRuns: 200 },
    );
  });

  it('sees one wrong byte, and bytes at a wrong place', () => {
    fc.assert(
      fc.property(fc.nat(SHAPE.totalBytes - 1), (at) => {
        const wrong = Buffer.from(all);
        wrong[at] = (wrong[at] ?? 0) ^ 1;
        expect(payload.matches(0, wrong, 0, wrong.length)).to.equal(false);
      }),
      { numRuns: 50 },
    );
    expect(payload.matches(0, all, 16_384, 32_768)).to.equal(false);
  });

  it('has blocks that all differ, in one payload and between two', () => {
    const digests = new Set<string>();
    let blocks = 0;
    for (const salt of [0, 1, 2]) {
      const large = new Payload({ salt, totalBytes: 2 ** 24, pieceLengthBytes: 2 ** 20 });
      for (let at = 0; at < 2 ** 24; at += 16_384, blocks++) {
        large.visit(at, 16_384, (part) =>
          digests.add(createHash('sha1').update(part).digest('hex')),
        );
      }
    }
    expect(digests.size).to.equal(blocks);
  });

  it('is hashed piece by piece, the last one short', () => {
    const digests = payload.digests();
    expect(digests.length).to.equal(5 * 20);
    const last = createHash('sha1')
      .update(all.subarray(4 * 65_536))
      .digest();
    expect(digests.subarray(80).equals(last)).to.equal(true);
  });

  it('is stored as it is computed, and a spoilt copy is named', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-spec-'));
    try {
      const torrent = await makeTorrent(SHAPE);
      storePayload(torrent, folder);
      checkDownload(torrent, folder);
      const wrong = Buffer.from(all);
      wrong[299_999] = (wrong[299_999] ?? 0) ^ 1;
      writeFileSync(join(folder, torrent.name), wrong);
      expect(() => checkDownload(torrent, folder)).to.throw('wrong bytes between 0 and 300000');
      writeFileSync(join(folder, torrent.name), all.subarray(1));
      expect(() => checkDownload(torrent, folder)).to.throw('299999 bytes');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
