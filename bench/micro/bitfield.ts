// Bitfields of torrents of three sizes.

import { load } from '../support/engine';
import type { Engine } from '../support/engine';
import { seededRandom } from './task';
import type { MicroTask } from './task';
import type * as Module from '../../lib/bytes/bitfield';

const LOOK_UPS = 1024;

export function* bitfieldTasks(engine: Engine): Generator<MicroTask> {
  const { Bitfield } = load<typeof Module>(engine, 'bytes/bitfield');
  for (const pieces of [1000, 10_000, 100_000]) {
    const random = seededRandom(pieces);
    const field = new Bitfield(pieces);
    for (let piece = 0; piece < pieces; piece++) if (random() < 0.5) field.set(piece);
    const indexes = Int32Array.from({ length: LOOK_UPS }, () => Math.floor(random() * pieces));
    yield {
      subject: 'bitfield: get',
      case: { pieces },
      units: LOOK_UPS,
      run() {
        let set = 0;
        for (const index of indexes) if (field.get(index)) set++;
        return set;
      },
    };
    yield { subject: 'bitfield: count all', case: { pieces }, units: 1, run: () => field.count() };
    yield {
      subject: 'bitfield: walk all that are set (half)',
      case: { pieces },
      units: 1,
      run() {
        let sum = 0;
        for (let at = field.nextSet(0); at !== -1; at = field.nextSet(at + 1)) sum += at;
        return sum;
      },
    };
  }
}
