// A traced connection, read back: however the bytes were split into reads, the segments reproduce
// them, and the lines name the messages.

import { expect } from 'chai';
import fc from 'fast-check';
import { PacketBuffer, encodeFileHeader } from '../../lib/trace/pcapng';
import { WireTap, isChosen } from '../../lib/trace/tap';
import { WireWriter, writePieceHeader } from '../../lib/wire/encoder';
import { encodeHandshake } from '../../lib/wire/handshake';
import { encodeMetadataMessage } from '../../lib/wire/metadata-message';
import { encodePeerExchange } from '../../lib/wire/peer-exchange';
import { readPcapng, streamFrom } from '../support/pcapng-reader';
import type { ReadPacket } from '../support/pcapng-reader';

const OURS = { host: '192.0.2.1', port: 50_000 };
const THEIRS = { host: '192.0.2.7', port: 6881 };
const OUR_SIDE = 'c0000201:50000';
const THEIR_SIDE = 'c0000207:6881';

const HANDSHAKE = encodeHandshake({
  infoHash: new Uint8Array(20).fill(0xab),
  peerId: Buffer.from('-XX0001-abcdefghijkl'),
});

function blockMessage(piece: number, begin: number, lengthBytes: number): Uint8Array {
  const message = new Uint8Array(13 + lengthBytes);
  writePieceHeader(message, 0, piece, begin, lengthBytes);
  message.fill(0x77, 13);
  return message;
}

function messages(say: (writer: WireWriter) => void): Uint8Array {
  const writer = new WireWriter();
  say(writer);
  return writer.take() ?? new Uint8Array(0);
}

interface Traced {
  readonly tap: WireTap;
  readonly lines: string[];
  /** The packets so far. */
  read(): readonly ReadPacket[];
}

function trace(
  options: { payload?: boolean; dialled?: boolean; connection?: number } = {},
): Traced {
  const { payload = false, dialled = true, connection = 33 } = options;
  const packets = new PacketBuffer();
  const lines: string[] = [];
  const outlets = {
    packets,
    line: (text: string) => void lines.push(text),
    wallMs: () => 1_700_000_000_250.5,
    startedMs: 1_700_000_000_000,
    payload,
  };
  const tap = new WireTap(outlets, { ...THEIRS, connection, dialled });
  const read = (): readonly ReadPacket[] => {
    const file = Buffer.concat([encodeFileHeader('spec'), packets.take()]);
    return readPcapng(file).packets;
  };
  return { tap, lines, read };
}

/** What `lines` say, without time and peer. */
function words(lines: readonly string[]): string[] {
  return lines.map((line) => line.replace(/^ +0\.250500 192\.0\.2\.7:6881 /, ''));
}

describe('a traced connection', () => {
  it('opens, speaks and ends as TCP does, with every number and checksum right', () => {
    const { tap, read } = trace();
    tap.opened(OURS, THEIRS);
    tap.sent(HANDSHAKE);
    tap.received(HANDSHAKE, 0, HANDSHAKE.length);
    tap.sent(messages((writer) => writer.interested()));
    tap.closed('remote-closed', 'bye');
    const packets = read();
    const flags = packets.map(({ from, flags: { syn, ack, fin }, payloadBytes }) =>
      [from === OUR_SIDE ? '>' : '<', syn && 'S', ack && 'A', fin && 'F', payloadBytes]
        .filter((part) => part !== false)
        .join(''),
    );
    expect(flags).to.deep.equal([
      ...['>S0', '<SA0', '>A0'],
      ...['>A68', '<A68', '>A5'],
      ...['<AF0', '>AF0', '<A0'],
    ]);
    expect(packets.map(({ checksum }) => checksum)).to.deep.equal(packets.map(() => 'good'));
    expect(new Set(packets.map(({ timeUs }) => timeUs))).to.deep.equal(
      new Set([1_700_000_000_250_500]),
    );
    expect(streamFrom(packets, THEIR_SIDE)).to.deep.equal(Buffer.from(HANDSHAKE));
    expect(packets[6]?.comment).to.equal(
      'closed reason=remote-closed rule="the peer closed the connection" detail="bye"',
    );
  });

  it('never writes a line of more than a KiB, whatever a peer sends', () => {
    const { tap, lines } = trace();
    tap.opened(OURS, THEIRS);
    tap.received(HANDSHAKE, 0, HANDSHAKE.length);
    const names = Array.from({ length: 32 }, (_, at) => `30:${'\n'.repeat(28)}${at + 10}i1e`);
    const sent = Buffer.from(`d1:md${names.join('')}ee`);
    const message = messages((writer) => writer.extended(0, sent));
    tap.received(message, 0, message.length);
    tap.closed('bad-message', '"'.repeat(5000));
    expect(lines.slice(-2).map((line) => [line.length, line.at(-1)])).to.deep.equal([
      [1024, '…'],
      [1024, '…'],
    ]);
    expect(lines.slice(0, -2).every((line) => line.length < 300)).to.equal(true);
  });

  it('begins with the SYN of the dialling side, and ends with the FIN of the closing side', () => {
    const { tap, read } = trace({ dialled: false });
    tap.opened(OURS, THEIRS);
    tap.closed('bad-bitfield', '');
    const packets = read();
    expect([packets[0]?.from, packets[3]?.from]).to.deep.equal([THEIR_SIDE, OUR_SIDE]);
  });

  it('acknowledges only what the trace has shown', () => {
    const { tap, read } = trace();
    tap.opened(OURS, THEIRS);
    tap.received(HANDSHAKE, 0, 30); // not written yet
    tap.sent(HANDSHAKE);
    tap.received(HANDSHAKE, 30, 68);
    tap.sent(messages((writer) => writer.choke()));
    const [syn, , , ours, , choke] = read();
    const start = ((syn?.sequence ?? 0) + 1) % 2 ** 32;
    expect(ours?.acknowledged).to.equal(start);
    expect(choke?.acknowledged).to.equal((start + 68) % 2 ** 32);
  });

  it('cuts blocks to the 13 bytes that head them, and counts on as if they were there', () => {
    const { tap, read } = trace();
    tap.opened(OURS, THEIRS);
    tap.sent(HANDSHAKE);
    tap.sent(blockMessage(5, 16_384, 16_384));
    tap.sent(messages((writer) => writer.have(7)));
    const packets = read();
    const [block, have] = packets.slice(-2);
    expect(block).to.include({ payloadBytes: 16_397, checksum: 'absent' });
    expect(block?.payload.toString('hex')).to.equal('00004009070000000500004000');
    expect(have?.payload.toString('hex')).to.equal('000000050400000007');
    expect(() => streamFrom(packets, OUR_SIDE)).not.to.throw();
  });

  it('starts the numbers of each connection elsewhere, and wraps them at 2^32', () => {
    const starts = new Set<number>();
    for (const connection of [33, 65, 97, 129]) {
      const { tap, read } = trace({ connection, payload: true });
      tap.opened(OURS, THEIRS);
      for (let block = 0; block < 3; block++) tap.sent(blockMessage(0, 0, 16_384));
      const packets = read();
      starts.add(packets[0]?.sequence ?? 0);
      expect(() => streamFrom(packets, OUR_SIDE)).not.to.throw();
    }
    expect(starts.size).to.equal(4);
  });

  it('writes IPv6 addresses as such, also with a zone', () => {
    const { tap, read } = trace();
    tap.opened({ host: 'fe80::1%eth0', port: 1 }, { host: '2001:db8::7', port: 2 });
    const [syn] = read();
    expect(syn?.from).to.equal('fe800000000000000000000000000001:1');
    expect(syn?.to).to.equal('20010db8000000000000000000000007:2');
    expect(syn?.checksum).to.equal('good');
  });

  it('shows a stream as it was, for any messages in any reads, with and without payload', () => {
    const message = fc.oneof(
      fc.nat(3).map((count) => messages((w) => Array.from({ length: count }, () => w.keepAlive()))),
      fc.nat(2 ** 31).map((piece) => messages((w) => w.have(piece))),
      fc.nat(5000).map((lengthBytes) => messages((w) => w.bitfield(new Uint8Array(lengthBytes)))),
      fc.nat(40_000).map((lengthBytes) => blockMessage(1, 2, lengthBytes)),
      fc.nat(70_000).map((bytes) => messages((w) => w.extended(3, new Uint8Array(bytes)))),
      fc.uint8Array({ maxLength: 40 }), // anything
    );
    const cuts = fc.array(fc.integer({ min: 1, max: 20_000 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 12 }),
        cuts,
        fc.boolean(),
        (sent, reads, payload) => {
          const { tap, read } = trace({ payload });
          const stream = Buffer.concat([HANDSHAKE, ...sent]);
          tap.opened(OURS, THEIRS);
          for (let at = 0, turn = 0; at < stream.length; turn++) {
            const end = Math.min(stream.length, at + (reads[turn % reads.length] ?? 1));
            tap.received(stream, at, end);
            at = end;
          }
          tap.closed('remote-closed', '');
          const packets = read();
          const shown = streamFrom(packets, THEIR_SIDE);
          expect(shown.length).to.equal(stream.length);
          let at = 0;
          for (const packet of packets.filter(({ from }) => from === THEIR_SIDE)) {
            expect(packet.payload.equals(stream.subarray(at, at + packet.payload.length))).to.equal(
              true,
            );
            expect(packet.checksum).not.to.equal('bad');
            if (payload) expect(packet.checksum).to.equal('good');
            at += packet.payloadBytes;
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it('gives every message a segment of its own, however it was read', () => {
    const sent = [
      messages((w) => w.bitfield(new Uint8Array(100))),
      messages((w) => w.request(1, 2, 3)),
      blockMessage(1, 0, 16_384),
      messages((w) => w.keepAlive()),
      messages((w) => w.unchoke()),
    ];
    const stream = Buffer.concat([HANDSHAKE, ...sent]);
    for (const readBytes of [1, 7, 1448, stream.length]) {
      const { tap, read } = trace();
      tap.opened(OURS, THEIRS);
      for (let at = 0; at < stream.length; at += readBytes) {
        tap.received(stream, at, Math.min(stream.length, at + readBytes));
      }
      const lengths = read()
        .slice(3)
        .map(({ payloadBytes }) => payloadBytes);
      expect(lengths).to.deep.equal([68, ...sent.map(({ length }) => length)]);
    }
  });
});

describe('trace lines', () => {
  it('name time, peer, direction, message and fields, and what was decided', () => {
    const { tap, lines } = trace();
    tap.opened(OURS, THEIRS);
    tap.sent(HANDSHAKE);
    tap.received(HANDSHAKE, 0, HANDSHAKE.length);
    tap.received(blockMessage(5, 16_384, 100), 0, 113);
    tap.sent(
      messages((w) => {
        w.keepAlive();
        w.choke();
        w.unchoke();
        w.interested();
        w.notInterested();
        w.have(9);
        w.bitfield(Uint8Array.of(0xff, 0x80));
        w.request(1, 2, 3);
        w.cancel(4, 5, 6);
        w.extended(0, Buffer.from('d1:md6:ut_pexi1ee1:pi77e4:reqqi250e1:v5:"x\u0007y"e'));
        w.extended(0, Buffer.from('x'));
        w.extended(7, new Uint8Array(9));
        const total = { piece: 3, totalBytes: 60_000 };
        w.extended(7, encodeMetadataMessage({ type: 'request', piece: 3 }));
        w.extended(7, encodeMetadataMessage({ type: 'data', ...total, bytes: new Uint8Array(99) }));
        w.extended(7, encodeMetadataMessage({ type: 'reject', piece: 3 }));
        const peers = [6, 18].map((length) => ({ entry: new Uint8Array(length), flags: 0 }));
        w.extended(7, encodePeerExchange({ added: peers, dropped: [new Uint8Array(6)] }));
      }),
    );
    tap.sent(Uint8Array.of(0, 0, 0, 3, 9, 0x1a, 0xe1, 0, 0, 0, 3, 99, 1, 2));
    tap.fact({
      type: 'lease-returned',
      why: 'late',
      connection: 33,
      epoch: 0,
      piece: 4,
      generation: 1,
      firstBlock: 2,
      blockCount: 3,
    });
    tap.fact({
      type: 'appetite',
      connection: 33,
      epoch: 0,
      creditBlocks: 16,
      rateBytesPerSec: 1.5,
    });
    tap.fact({ type: 'peer-have', connection: 33, pieces: [1] }); // no decision
    tap.closed('request-flood', 'too "many"\n');
    expect(lines[0]).to.equal('   0.250500 192.0.2.7:6881 · connected dialled');
    const shake = `handshake info_hash=${'ab'.repeat(20)} peer_id="-XX0001-abcdefghijkl" reserved=0000000000100000 extensions`;
    expect(words(lines)).to.deep.equal([
      '· connected dialled',
      `→ ${shake}`,
      `← ${shake}`,
      '← piece piece=5 begin=16384 length=100',
      '→ keep-alive',
      '→ choke',
      '→ unchoke',
      '→ interested',
      '→ not-interested',
      '→ have piece=9',
      '→ bitfield set=9 bytes=2',
      '→ request piece=1 begin=2 length=3',
      '→ cancel piece=4 begin=5 length=6',
      '→ extended-handshake client="\\"xy\\"" port=77 reqq=250 offers="ut_pex:1"',
      '→ extended-handshake bad="an extended handshake is not a bencoded dictionary (BEP 10): bad bencode at byte 0: no value starts with this byte"',
      '→ extended id=7 length=9',
      '→ ut_metadata request piece=3',
      '→ ut_metadata data piece=3 total_size=60000 length=99',
      '→ ut_metadata reject piece=3',
      '→ ut_pex added=2 dropped=1',
      '→ port port=6881',
      '→ unknown id=99 length=3',
      '· gives back piece=4 blocks=2-4: not answered in time',
      "· wants blocks=16 since the peer's last unchoke, rate=2 B/s",
      '· closed reason=request-flood rule="the peer keeps more requests outstanding than we announced (reqq, BEP 10)" detail="too \\"many\\"\\u000a"',
    ]);
  });

  it('say how much of a message came when it was never finished', () => {
    const { tap, lines } = trace();
    tap.received(HANDSHAKE, 0, 68);
    tap.received(blockMessage(1, 0, 16_384), 0, 1000);
    tap.closed('connection-error', 'reset');
    expect(words(lines)[1]).to.equal('← piece piece=1 begin=0 length=16384 (996 of its bytes)');
  });

  it('never throw, and hold no control character, whatever came', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }), (reads) => {
        const { tap, lines } = trace();
        for (const read of reads) tap.received(read, 0, read.length);
        tap.closed('bad-handshake', String.fromCharCode(...(reads[0] ?? [])));
        for (const line of lines) expect(line).to.match(/^[\x20-\x7e←→·]*…?$/);
      }),
      { numRuns: 200 },
    );
  });

  it('show a dial that failed', () => {
    const { tap, lines, read } = trace();
    tap.closed('dial-failed', 'ECONNREFUSED');
    expect(words(lines)[0]).to.match(/^· closed reason=dial-failed .*ECONNREFUSED"$/);
    expect(read()).to.deep.equal([]);
  });
});

describe('chosen peers', () => {
  const peer = { host: '::ffff:192.0.2.7', port: 6881 };

  it('are all where none was named', () => {
    expect(isChosen([], peer)).to.equal(true);
  });

  it('are known by address however it is written, with any port or one', () => {
    expect(isChosen([{ host: '192.0.2.7' }], peer)).to.equal(true);
    expect(isChosen([{ host: '192.0.2.7', port: 6881 }], peer)).to.equal(true);
    expect(isChosen([{ host: '192.0.2.7', port: 6882 }], peer)).to.equal(false);
    expect(isChosen([{ host: '192.0.2.8' }], peer)).to.equal(false);
    expect(isChosen([{ host: '2001:DB8:0::1' }], { host: '2001:db8::1', port: 1 })).to.equal(true);
    expect(isChosen([{ host: 'Peer.example' }], { host: 'peer.example', port: 1 })).to.equal(true);
  });
});
