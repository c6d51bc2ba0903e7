// Mailboxes that stay small however slow their reader is.

import { expect } from 'chai';
import fc from 'fast-check';
import { EventQueue, Latest } from '../../lib/threads/latest';

describe('latest', () => {
  it('keeps the newest value per key, and hands each out once', () => {
    const latest = new Latest<number, string>();
    for (let i = 0; i < 10_000; i++) latest.put(i % 2, `value ${i}`);
    expect(latest.size).to.equal(2);
    expect([...latest.take()]).to.deep.equal([
      [0, 'value 9998'],
      [1, 'value 9999'],
    ]);
    expect(latest.take().size).to.equal(0);
  });

  it('does not change what it has handed out, and hands the newest out last', () => {
    const latest = new Latest<string, number>();
    latest.put('a', 1);
    const taken = latest.take();
    latest.put('a', 2);
    latest.put('b', 3);
    latest.put('a', 4);
    expect([...taken]).to.deep.equal([['a', 1]]);
    expect([...latest.take()]).to.deep.equal([
      ['b', 3],
      ['a', 4],
    ]);
  });
});

describe('event queue', () => {
  it('hands events out in the order they came, whatever their priority', () => {
    const queue = new EventQueue<number>(10);
    queue.push(1, 'low');
    queue.push(2, 'high');
    queue.push(3, 'low');
    expect(queue.take()).to.deep.equal([1, 2, 3]);
    expect(queue.take()).to.deep.equal([]);
  });

  it('drops the oldest unimportant event first, then the oldest of all', () => {
    const queue = new EventQueue<string>(3);
    queue.push('h1', 'high');
    queue.push('l1', 'low');
    queue.push('l2', 'low');
    queue.push('h2', 'high');
    queue.push('h3', 'high');
    expect(queue.size).to.equal(3);
    expect(queue.take()).to.deep.equal(['h1', 'h2', 'h3']);
    for (const event of ['h4', 'h5', 'h6', 'h7']) queue.push(event, 'high');
    expect(queue.take()).to.deep.equal(['h5', 'h6', 'h7']);
  });

  it('is never longer than its limit, and loses no event before it is full (property)', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.array(fc.boolean()), (limit, events) => {
        const queue = new EventQueue<number>(limit);
        events.forEach((high, i) => {
          queue.push(i, high ? 'high' : 'low');
          expect(queue.size).to.be.at.most(limit);
        });
        const taken = queue.take();
        expect(taken.length).to.equal(Math.min(limit, events.length));
        expect(taken).to.deep.equal([...taken].sort((a, b) => a - b));
      }),
      { numRuns: 200 },
    );
  });
});
