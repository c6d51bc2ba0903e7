import { expect } from 'chai';
import fc from 'fast-check';
import {
  encodeHandshake,
  HANDSHAKE_LENGTH_BYTES,
  HandshakeDecoder,
  supportsExtensions,
} from '../../lib/wire/handshake';
import { codeThrown } from '../support/code-of';

const infoHash = Uint8Array.from({ length: 20 }, (_, i) => 0xff - i);
const peerId = Uint8Array.from({ length: 20 }, (_, i) => 0x41 + i);

describe('handshake', () => {
  it('is 68 bytes: 19, the protocol, 8 reserved, raw info hash, peer id', () => {
    const bytes = encodeHandshake({ infoHash, peerId });
    expect(bytes.length).to.equal(68).and.to.equal(HANDSHAKE_LENGTH_BYTES);
    expect(bytes[0]).to.equal(19);
    expect(Buffer.from(bytes.subarray(1, 20)).toString('latin1')).to.equal('BitTorrent protocol');
    expect([...bytes.subarray(20, 28)]).to.deep.equal([0, 0, 0, 0, 0, 0x10, 0, 0]);
    expect(bytes.slice(28, 48)).to.deep.equal(infoHash);
    expect(bytes.slice(48)).to.deep.equal(peerId);
  });

  it('announces extensions beside other reserved bits, and refuses hex hashes', () => {
    const reserved = Uint8Array.from([1, 0, 0, 0, 0, 2, 0, 5]);
    const bytes = encodeHandshake({ infoHash, peerId, reserved });
    expect([...bytes.subarray(20, 28)]).to.deep.equal([1, 0, 0, 0, 0, 0x12, 0, 5]);
    expect(supportsExtensions(bytes.subarray(20, 28))).to.equal(true);
    expect(supportsExtensions(reserved)).to.equal(false);
    expect(codeThrown(() => encodeHandshake({ infoHash: new Uint8Array(40), peerId }))).to.equal(
      'unexpected',
    );
  });

  it('is read over any split, and leaves what follows to the message decoder', () => {
    const stream = Uint8Array.from([...encodeHandshake({ infoHash, peerId }), 0, 0, 0, 1, 2]);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 20 }), (cuts) => {
        const decoder = new HandshakeDecoder();
        let position = 0;
        for (const cut of [...cuts, stream.length]) {
          const end = Math.min(position + cut, stream.length);
          const used = decoder.feed(stream, position, end);
          position += used;
          if (decoder.handshake !== undefined) break;
          expect(position).to.equal(end);
        }
        expect(position).to.equal(68);
        expect(decoder.handshake?.infoHash).to.deep.equal(infoHash);
        expect(decoder.handshake?.peerId).to.deep.equal(peerId);
        expect(decoder.feed(stream, position, stream.length)).to.equal(0);
      }),
      { numRuns: 200 },
    );
  });

  it('keeps copies: the read buffer is reused', () => {
    const stream = encodeHandshake({ infoHash, peerId });
    const decoder = new HandshakeDecoder();
    decoder.feed(stream, 0, stream.length);
    stream.fill(0);
    expect(decoder.handshake?.infoHash).to.deep.equal(infoHash);
  });

  it('knows an encrypted handshake by its first byte alone', () => {
    const decoder = new HandshakeDecoder();
    expect(codeThrown(() => decoder.feed(Uint8Array.from([0x8a]), 0, 1))).to.equal(
      'encrypted-handshake',
    );
  });

  it('refuses another protocol at the first byte that differs', () => {
    const good = encodeHandshake({ infoHash, peerId });
    for (let position = 1; position < 20; position += 1) {
      const bytes = Uint8Array.from(good);
      bytes[position] = (bytes[position] ?? 0) ^ 0x20;
      const decoder = new HandshakeDecoder();
      expect(decoder.feed(bytes, 0, position)).to.equal(position);
      expect(codeThrown(() => decoder.feed(bytes, position, position + 1))).to.equal(
        'bad-handshake',
      );
    }
  });
});
