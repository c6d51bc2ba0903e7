// The bytes of a torrent as one long run: out of files, and out of nothing where padding lies.
import { expect } from 'chai';
import fc from 'fast-check';
import type { StoredFile } from '../../lib/messages/storage';
import { Layout } from '../../lib/metainfo/layout';
import { ContentReader } from '../../lib/storage/content-reader';

/** A file, its bytes in shared memory, and the zeros before it. */
interface Part {
  readonly lengthBytes: number;
  readonly paddingBytes: number;
}

function readerOf(parts: readonly Part[], trailingBytes: number) {
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
  const totalLengthBytes = content.length;
  const shape = { pieceLengthBytes: 16, pieceCount: Math.ceil(totalLengthBytes / 16) };
  const layout = new Layout({ ...shape, totalLengthBytes, files });
  return { reader: new ContentReader(layout, storage), content };
}

describe('storage/content-reader', () => {
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
          const { reader, content } = readerOf(parts, trailingBytes);
          if (content.length === 0) return;
          const pick = (below: number): number => (picks.next().value as number) % below;
          const start = pick(content.length);
          const lengthBytes = 1 + pick(content.length - start);
          const cut = pick(lengthBytes);
          // Used before: whatever lies there must be overwritten.
          const places = [new Uint8Array(cut), new Uint8Array(lengthBytes - cut)];
          for (const place of places) place.fill(0xff);
          await reader.read(start, places);
          await reader.close();
          expect([...(places[0] ?? []), ...(places[1] ?? [])]).to.deep.equal(
            content.slice(start, start + lengthBytes),
          );
        },
      ),
    );
  });

  it('names the file that ends too early', async () => {
    const buffers = { a: new SharedArrayBuffer(4), b: new SharedArrayBuffer(2) };
    const files = [
      { path: 'a', lengthBytes: 4 },
      { path: 'b', lengthBytes: 6 },
    ];
    const shape = { pieceLengthBytes: 10, pieceCount: 1, totalLengthBytes: 10 };
    const storage = { module: 'memory', key: 'spec', root: '/', options: { buffers } };
    const reader = new ContentReader(new Layout({ ...shape, files }), storage);
    const error = await reader.read(2, [new Uint8Array(7)]).catch((cause: unknown) => cause);
    expect(error).to.include({
      code: 'short-read',
      message: 'b is missing or ends before byte 5 of 6',
    });
    expect(error).to.have.nested.property('details.path', 'b');
  });
});
