// The queue of requests beside the plainest list that behaves so, and what a hostile peer can make it cost.
import { expect } from 'chai';
import fc from 'fast-check';
import { RequestQueue } from '../../lib/peer/request-queue';

type Request = readonly [piece: number, begin: number, lengthBytes: number];

function contents(queue: RequestQueue): Request[] {
  const requests: Request[] = [];
  for (let slot = queue.first; slot !== -1; slot = queue.next(slot)) {
    requests.push([queue.pieceAt(slot), queue.beginAt(slot), queue.lengthBytesAt(slot)]);
  }
  return requests;
}

const equals = (a: Request, b: Request): boolean => a.every((value, at) => value === b[at]);

type Step =
  | { readonly do: 'push' | 'cancel'; readonly request: Request; readonly times: number }
  | { readonly do: 'shift'; readonly times: number }
  | { readonly do: 'drop'; readonly piece: number }
  | { readonly do: 'clear' };

// Few values, so that requests repeat, and enough of them, so that the queue grows.
const REQUEST = fc.tuple(fc.nat(3), fc.nat(9), fc.integer({ min: 1, max: 2 }));
const TIMES = fc.integer({ min: 1, max: 5 });
const STEP: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('push' as const), request: REQUEST, times: TIMES }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('cancel' as const), request: REQUEST, times: TIMES }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('shift' as const), times: TIMES }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('drop' as const), piece: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('clear' as const) }) },
);

/** One step on both; whether the cancels found the same. */
function apply(queue: RequestQueue, model: Request[], step: Step): void {
  switch (step.do) {
    case 'push':
      for (let time = 0; time < step.times; time++) {
        queue.push(...step.request);
        model.push(step.request);
      }
      return;
    case 'cancel':
      for (let time = 0; time < step.times; time++) {
        const at = model.findIndex((request) => equals(request, step.request));
        if (at >= 0) model.splice(at, 1);
        expect(queue.cancel(...step.request)).to.equal(at >= 0);
      }
      return;
    case 'shift':
      for (let time = 0; time < step.times; time++) queue.shift();
      model.splice(0, step.times);
      return;
    case 'drop': {
      queue.removeIf((slot) => queue.pieceAt(slot) === step.piece);
      const kept = model.filter(([piece]) => piece !== step.piece);
      model.splice(0, model.length, ...kept);
      return;
    }
    case 'clear':
      queue.clear();
      model.length = 0;
  }
}

describe('peer/request queue', () => {
  it('is a list from which anything can be taken', () => {
    fc.assert(
      fc.property(fc.integer(), fc.array(STEP, { maxLength: 120 }), (seed, steps) => {
        const queue = new RequestQueue(seed);
        const model: Request[] = [];
        for (const step of steps) {
          apply(queue, model, step);
          expect(contents(queue)).to.deep.equal(model);
          expect(queue.length).to.equal(model.length);
        }
      }),
    );
  });

  it('holds as many as a link can name, and refuses one more', () => {
    const queue = new RequestQueue(1);
    for (let n = 0; n < 2 ** 15; n++) queue.push(n, 0, 1);
    expect(queue.length).to.equal(2 ** 15);
    expect(queue.cancel(2 ** 15 - 1, 0, 1)).to.equal(true);
    queue.push(1, 0, 1);
    expect(() => queue.push(2, 0, 1))
      .to.throw('more than 32768 requests wait')
      .with.property('code', 'unexpected');
  });

  /** Counts the slots that a queue looks at: each look of a walk reads one of these fields. */
  function countLooks(queue: RequestQueue): () => number {
    let looks = 0;
    const fields = queue as unknown as Record<string, Int16Array>;
    for (const name of ['nextInBucket', 'nextSame', 'newer', 'older']) {
      fields[name] = new Proxy(fields[name] as Int16Array, {
        get: (array, key) => {
          if (typeof key === 'string' && /^\d+$/.test(key)) looks += 1;
          return Reflect.get(array, key) as unknown;
        },
      });
    }
    return () => looks;
  }

  function filled(request: (index: number) => Request): RequestQueue {
    const queue = new RequestQueue(7);
    for (let index = 0; index < 2000; index++) queue.push(...request(index));
    return queue;
  }

  const CASES: readonly (readonly [string, (index: number) => Request])[] = [
    ['different blocks', (index) => [index >> 4, (index & 15) * 16_384, 16_384]],
    ['the same block', () => [3, 16_384, 16_384]],
    ['the same block in all lengths', (index) => [3, 0, 1 + index]],
  ];
  for (const [what, request] of CASES) {
    it(`a cancel costs the same with 2,000 requests for ${what}, found or not`, () => {
      const queue = filled(request);
      const looks = countLooks(queue);
      for (let index = 0; index < 2000; index++) queue.cancel(9_999, index * 16_384, 16_384);
      for (let index = 0; index < 2000; index++) queue.cancel(...request(1999 - index));
      expect(queue.length).to.equal(0);
      expect(looks() / 4000, 'slots looked at per cancel').to.be.below(8);
    });
  }
});
