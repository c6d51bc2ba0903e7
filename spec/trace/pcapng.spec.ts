// The pcapng writer, against a reader of our own.

import { expect } from 'chai';
import fc from 'fast-check';
import { PacketBuffer, encodeFileHeader } from '../../lib/trace/pcapng';
import { TcpFlow } from '../../lib/trace/tcp-flow';
import { readPcapng, streamFrom } from '../support/pcapng-reader';

const A = { address: Uint8Array.of(10, 0, 0, 1), port: 1 };
const B = { address: Uint8Array.of(10, 0, 0, 2), port: 65_535 };

function open(out: PacketBuffer, initial: number): TcpFlow {
  const flow = new TcpFlow(out, A, B, initial);
  flow.open(true, 0);
  return flow;
}

describe('pcapng', () => {
  it('begins with the name of the program that wrote it', () => {
    const { application, packets } = readPcapng(encodeFileHeader('Millrace 9'));
    expect(application).to.equal('Millrace 9');
    expect(packets).to.deep.equal([]);
  });

  it('keeps payloads, times and lengths of any size, also when its buffer grows', () => {
    const segment = fc.record({
      kept: fc.uint8Array({ maxLength: 3000 }),
      cutBytes: fc.oneof(fc.constant(0), fc.nat(20_000)),
      timeUs: fc.nat(Number.MAX_SAFE_INTEGER),
      isOurs: fc.boolean(),
    });
    const input = fc.array(segment, { maxLength: 60 });
    fc.assert(
      fc.property(input, fc.nat(2 ** 32 - 1), (segments, initial) => {
        const out = new PacketBuffer();
        const flow = open(out, initial);
        for (const { isOurs, kept, cutBytes, timeUs } of segments) {
          flow.data(isOurs, kept, kept.length, cutBytes, timeUs);
        }
        const file = Buffer.concat([encodeFileHeader(''), out.take()]);
        const packets = readPcapng(file).packets.slice(3);
        expect(packets.length).to.equal(segments.length);
        packets.forEach((packet, at) => {
          const { kept, cutBytes = 0, timeUs, isOurs } = segments[at] ?? {};
          expect(packet.payload.equals(Buffer.from(kept ?? []))).to.equal(true);
          expect(packet.payloadBytes).to.equal((kept?.length ?? 0) + cutBytes);
          expect(packet.timeUs).to.equal(timeUs);
          expect(packet.from).to.equal(isOurs === true ? '0a000001:1' : '0a000002:65535');
          expect(packet.checksum).to.equal(cutBytes > 0 ? 'absent' : 'good');
        });
        for (const side of ['0a000001:1', '0a000002:65535']) {
          expect(() => streamFrom(readPcapng(file).packets, side)).not.to.throw();
        }
      }),
      { numRuns: 200 },
    );
  });

  it('gathers anew after what it held was taken', () => {
    const out = new PacketBuffer();
    const flow = open(out, 0);
    out.take();
    expect(out.lengthBytes).to.equal(0);
    flow.data(true, Uint8Array.of(1, 2), 2, 0, 5);
    const { packets } = readPcapng(Buffer.concat([encodeFileHeader(''), out.take()]));
    expect(packets.map(({ payload }) => [...payload])).to.deep.equal([[1, 2]]);
  });

  it('carries comments of any length, cut at 1,024 bytes', () => {
    for (const lengthBytes of [1, 2, 3, 4, 5, 1023, 1024, 1025, 5000]) {
      const out = new PacketBuffer();
      open(out, 0).close(false, 'x'.repeat(lengthBytes), 0);
      const { packets } = readPcapng(Buffer.concat([encodeFileHeader(''), out.take()]));
      expect(packets[3]?.comment).to.equal('x'.repeat(Math.min(1024, lengthBytes)));
      expect(packets[4]?.comment).to.equal(undefined);
    }
  });
});
