// The bytes of a torrent as one long run: out of files, and out of nothing where padding lies.
import { expect } from 'chai';
import fc from 'fast-check';
import type { StoredFile } from '../../lib/messages/storage';
import { TorrentSource } from '../../lib/net/torrent-source';
import { torrentOf } from './actor';

/** A file, its bytes in shared memory, and the zeros before it. */
interface Part {
  readonly lengthBytes: number;
  readonly paddingBytes: number;
}

function sourceOf(parts: readonly Part[], trailingBytes: number) {
  const buffers: Record<string, SharedArrayBuffer> = {};
  const files: StoredFile[] = [];
  const content: number[] = [];
  for (const [index, { lengthBytes, paddingBytes }] of parts.entries()) {
    const path = `f${index}`;
    const buffer = new SharedArrayBuffer(lengthBytes);
    const bytes = new Uint8Array(buffer).map((_, at) => 1 + ((index * 31 + at) % 255));
    new Uint8Array(buffer).set(bytes);
    buffers[path] = buffer;
    files.push({ path, lengthBytes, ...(paddingBytes > 0 && { paddingBytes }) });
    content.push(...Array<number>(paddingBytes).fill(0), ...bytes);
  }
  content.push(...Array<number>(trailingBytes).fill(0));
  const storage = { module: 'memory', key: 'spec', root: '/', options: { buffers } };
  const torrent = torrentOf({ pieceLengthBytes: 16, files, storage, have: 'all', trailingBytes });
  return { source: new TorrentSource(torrent), content };
}

describe('net/torrent-source', () => {
  it('reads any stretch, with zeros where padding lies', async () => {
    const part = fc.record({
      lengthBytes: fc.nat(20),
      paddingBytes: fc.oneof(fc.constant(0), fc.nat(20)),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(part, { maxLength: 6 }),
        fc.nat(20),
        fc.infiniteStream(fc.nat(200)),
        async (parts, trailingBytes, picks) => {
          const { source, content } = sourceOf(parts, trailingBytes);
          if (content.length === 0) return;
          const pick = (below: number): number => (picks.next().value as number) % below;
          const start = pick(content.length);
          const lengthBytes = 1 + pick(content.length - start);
          const cut = pick(lengthBytes);
          // Used before: whatever lies there must be overwritten.
          const places = [new Uint8Array(cut), new Uint8Array(lengthBytes - cut)];
          for (const place of places) place.fill(0xff);
          await source.read(start, places);
          await source.close();
          expect([...(places[0] ?? []), ...(places[1] ?? [])]).to.deep.equal(
            content.slice(start, start + lengthBytes),
          );
        },
      ),
    );
  });
});
