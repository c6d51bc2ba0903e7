// Some of the random swarms of `npm run sim`, and the referee that watches all of them.

import { expect } from 'chai';
import { Bitfield } from '../../../lib/bytes/bitfield';
import { WireWriter } from '../../../lib/wire/encoder';
import type { SimNode } from '../../support/sim-node';
import { Referee } from '../../support/sim-referee';
import { SimSwarm } from '../../support/sim-swarm';
import { KIB } from '../../support/sim-torrent';
import { readOptions } from './options';
import { playOrder } from './player';
import { MUST_REACH, missed } from './reached';
import { SMALL_SWARMS, scenarioOf } from './scenario';

/** The seeds of `npm run sim` begin at 1: these are others. */
const FIRST_SEED = 900_001;
const PER_SPEC = 8;

describe('sim: random swarms with faults', () => {
  for (let from = FIRST_SEED; from < FIRST_SEED + 3 * PER_SPEC; from += PER_SPEC)
    it(`keep their promises (seeds ${from} to ${from + PER_SPEC - 1})`, async () => {
      for (let seed = from; seed < from + PER_SPEC; seed++)
        expect((await playOrder({ seed, ...SMALL_SWARMS })).error).to.equal(undefined);
    });

  it('are the same twice', async () => {
    const order = { seed: FIRST_SEED, ...SMALL_SWARMS };
    const [once, again] = [await playOrder(order), await playOrder(order)];
    expect(once.error ?? once.played).to.deep.equal(again.error ?? again.played);
    expect(scenarioOf(FIRST_SEED)).to.deep.equal(scenarioOf(FIRST_SEED));
  });

  it('name the paths that were not taken', () => {
    const counts = Object.fromEntries(MUST_REACH.map((path) => [path, 1]));
    expect(missed(counts)).to.deep.equal([]);
    expect(missed({ ...counts, 'closed:banned': 0 })).to.deep.equal(['closed:banned']);
  });

  it('take ranges of nodes and refuse others', () => {
    expect(readOptions(['--nodes', '4-9'])).to.include({ minNodes: 4, maxNodes: 9, seeds: 200 });
    expect(readOptions(['--nodes', '60'])).to.include({ minNodes: 60, maxNodes: 60 });
    expect(() => readOptions(['--nodes', '9-4'])).to.throw('a range');
    expect(() => readOptions(['--seeds', 'many'])).to.throw('--seeds must be a whole number');
  });
});

describe('sim: the referee', () => {
  const wire = new WireWriter();
  let node: SimNode;
  let referee: Referee;

  beforeEach(async () => {
    const swarm = new SimSwarm({ totalLengthBytes: 64 * KIB, pieceLengthBytes: 16 * KIB });
    node = await swarm.add({ have: [0, 1] });
    referee = new Referee(node, true);
  });

  const sends = (...write: ((writer: WireWriter) => void)[]): void => {
    for (const each of write) each(wire);
    referee.sent(wire.take() ?? new Uint8Array(0));
  };
  const gets = (...write: ((writer: WireWriter) => void)[]): void => {
    for (const each of write) each(wire);
    referee.received(wire.take() ?? new Uint8Array(0));
  };
  const request = (piece: number) => (writer: WireWriter) => writer.request(piece, 0, 16 * KIB);

  it('lets a fair conversation pass', () => {
    const ours = new Bitfield(4);
    ours.set(0);
    ours.set(1);
    sends((writer) => writer.bitfield(ours.bytes));
    gets(
      (writer) => writer.have(2),
      (writer) => writer.unchoke(),
      request(0),
    );
    sends((writer) => writer.interested(), request(2));
    referee.served(0, 0, 16 * KIB);
  });

  it('notices a request for what was not offered', () => {
    gets((writer) => writer.unchoke());
    sends((writer) => writer.interested());
    expect(() => sends(request(2))).to.throw('which was not offered');
  });

  it('notices a request while choked', () => {
    gets((writer) => writer.have(2));
    sends((writer) => writer.interested());
    expect(() => sends(request(2))).to.throw('while choked');
  });

  it('notices a request without interest', () => {
    gets(
      (writer) => writer.have(2),
      (writer) => writer.unchoke(),
    );
    expect(() => sends(request(2))).to.throw('without interest');
  });

  it('notices a block that was not requested, or was rejected', () => {
    expect(() => referee.served(0, 0, 16 * KIB)).to.throw('was not requested');
    gets(request(0));
    sends((writer) => writer.reject(0, 0, 16 * KIB));
    expect(() => referee.served(0, 0, 16 * KIB)).to.throw('was not requested');
    expect(() => sends((writer) => writer.reject(0, 0, 16 * KIB))).to.throw('rejects');
  });

  it('notices a block that was cancelled, or voided by a choke, without the fast extension', () => {
    referee = new Referee(node, false);
    gets(request(0), (writer) => writer.cancel(0, 0, 16 * KIB), request(1));
    expect(() => referee.served(0, 0, 16 * KIB)).to.throw('was not requested');
    sends((writer) => writer.choke());
    expect(() => referee.served(1, 0, 16 * KIB)).to.throw('was not requested');
  });

  it('notices the announcement of a piece that is not stored', () => {
    expect(() => sends((writer) => writer.have(3))).to.throw('has not stored');
  });
});
