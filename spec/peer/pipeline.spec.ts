// How many requests are kept outstanding at one peer, sample by sample.

import { expect } from 'chai';
import { Pipeline } from '../../lib/peer/pipeline';

const BLOCK = 16_384;

/** Samples of 100 ms, each with that many blocks. */
function bring(pipeline: Pipeline, fromMs: number, ...samples: readonly number[]): number {
  let nowMs = fromMs;
  for (const blocks of samples) {
    pipeline.onBytes(blocks * BLOCK);
    pipeline.sample((nowMs += 100));
  }
  return nowMs;
}

describe('peer/pipeline', () => {
  it('begins with eight, and one more for each block, to what the peer takes', () => {
    const pipeline = new Pipeline(0);
    expect(pipeline).to.include({ depth: 8, reserve: 8, snubbed: false });
    for (let block = 0; block < 300; block++) pipeline.onBlock(BLOCK, 10);
    expect(pipeline.depth, 'of one that does not say').to.equal(250);
    pipeline.setPeerRequestQueue(100_000);
    for (let block = 0; block < 300; block++) pipeline.onBlock(BLOCK, 10);
    expect(pipeline.depth, 'of one that takes any').to.equal(512);
    pipeline.setPeerRequestQueue(20);
    expect(pipeline.depth).to.equal(20);
    pipeline.setPeerRequestQueue(21);
    expect(pipeline.depth).to.equal(20);
    pipeline.setPeerRequestQueue(0);
    expect(pipeline.depth).to.equal(1);
  });

  it('wants a sample every 100 ms while something moves', () => {
    const pipeline = new Pipeline(1_000);
    expect(pipeline.nextSampleMs).to.equal(Infinity);
    pipeline.onBytes(BLOCK);
    expect(pipeline.nextSampleMs).to.equal(1_100);
    pipeline.sample(1_099);
    expect(pipeline.rateBytesPerSec).to.equal(0);
    pipeline.sample(1_100);
    expect(pipeline.rateBytesPerSec).to.equal(10 * BLOCK);
    expect(pipeline.nextSampleMs).to.equal(1_200);
    for (let nowMs = 1_200; nowMs < 8_000; nowMs += 100) pipeline.sample(nowMs);
    expect(pipeline.rateBytesPerSec).to.equal(0);
    expect(pipeline.nextSampleMs).to.equal(Infinity);
  });

  it('follows a rate that grows at once, and one that does not by three tenths', () => {
    const pipeline = new Pipeline(0);
    const rate = (): number => Math.round((100 * pipeline.rateBytesPerSec) / BLOCK) / 100;
    let nowMs = bring(pipeline, 0, 10);
    expect(rate()).to.equal(100);
    nowMs = bring(pipeline, nowMs, 20);
    expect(rate(), 'grows').to.equal(200);
    nowMs = bring(pipeline, nowMs, 0);
    expect(rate(), 'a pause').to.equal(140);
    expect(pipeline.reserve, 'which does not end the growth').to.equal(pipeline.depth);
    nowMs = bring(pipeline, nowMs, 10);
    expect(rate(), 'less: the growth is over').to.equal(128);
    nowMs = bring(pipeline, nowMs, 30);
    expect(rate(), 'more').to.equal(179.6);
    bring(pipeline, nowMs, 0);
    expect(rate()).to.equal(125.72);
  });

  it('holds two round trips and a quarter of a second of the rate, and 100 ms in reserve', () => {
    const pipeline = new Pipeline(0);
    pipeline.setPeerRequestQueue(1_000);
    pipeline.onBlock(0, 100);
    pipeline.onBlock(0, 300);
    pipeline.onBlock(0, 50);
    pipeline.onBlock(0, 100);
    expect(pipeline.shortestRoundTripMs).to.equal(50);
    bring(pipeline, 0, 100, 100);
    expect(pipeline.depth, '1,000 blocks a second for 350 ms').to.equal(350);
    expect(pipeline.reserve).to.equal((350 >> 2) + 100);
    bring(pipeline, 200, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    expect(pipeline.depth, 'never fewer').to.equal(8);
    expect(pipeline.reserve).to.equal(3);
  });

  it('knows no round trip before the first block, and none is counted then', () => {
    const pipeline = new Pipeline(0);
    expect(pipeline.shortestRoundTripMs).to.equal(Infinity);
    bring(pipeline, 0, 100, 100);
    expect(pipeline.depth).to.equal(250);
    const slower = new Pipeline(0);
    bring(slower, 0, 10, 10);
    expect(slower.depth).to.equal(25);
  });

  it('does not shrink for a rate that fell because nothing was leased', () => {
    const pipeline = new Pipeline(0);
    let nowMs = bring(pipeline, 0, 10, 10);
    expect(pipeline.depth).to.equal(25);
    pipeline.onStarved();
    nowMs = bring(pipeline, nowMs, 1);
    expect(pipeline.depth).to.equal(25);
    pipeline.onStarved();
    nowMs = bring(pipeline, nowMs, 40);
    expect(pipeline.depth, 'but grows').to.be.above(25);
    const grown = pipeline.depth;
    bring(pipeline, nowMs, 1);
    expect(pipeline.depth, 'and shrinks once it is the peer').to.be.below(grown);
  });

  it('asks one at a time of a peer that let requests time out, until it delivers', () => {
    const pipeline = new Pipeline(0);
    const nowMs = bring(pipeline, 0, 10, 10);
    pipeline.snub();
    expect(pipeline).to.include({ depth: 1, snubbed: true, reserve: 1 });
    pipeline.sample(nowMs + 100);
    expect(pipeline.depth).to.equal(1);
    pipeline.onBlock(BLOCK, 10);
    expect(pipeline).to.include({ depth: 9, snubbed: false, reserve: 9 });
    pipeline.snub();
    pipeline.setPeerRequestQueue(4);
    pipeline.onBytes(BLOCK);
    expect(pipeline).to.include({ depth: 4, snubbed: false });
    pipeline.onBytes(BLOCK);
    expect(pipeline.depth).to.equal(4);
  });
});
