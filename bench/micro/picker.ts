// The picker: picks per second and haves per second by the number of pieces and of peers. The
// growth must be near flat: a torrent ten times as large must not make a pick ten times as costly.

import type { Bitfield as Bits } from '../../lib/bytes/bitfield';
import { load } from '../support/engine';
import type { Engine } from '../support/engine';
import { seededRandom } from './task';
import type { MicroTask } from './task';
import type * as BitfieldModule from '../../lib/bytes/bitfield';
import type * as PickerModule from '../../lib/picker/picker';

const PIECES = [1000, 10_000, 100_000];
const PEERS = [10, 100, 500];
const CALLS = 256;
/** Pieces on their way at one time. */
const ACTIVE = 64;
/** Smallest share of pieces of a peer; the shares are random, up to nearly all. */
const LEAST_SHARE = 0.05;

export function* pickerTasks(engine: Engine): Generator<MicroTask> {
  const { Bitfield } = load<typeof BitfieldModule>(engine, 'bytes/bitfield');
  const { PiecePicker } = load<typeof PickerModule>(engine, 'picker/picker');
  for (const pieces of PIECES) {
    for (const peers of PEERS) {
      const random = seededRandom(pieces + peers);
      const picker = new PiecePicker({ pieceCount: pieces, random });
      const fields: Bits[] = [];
      for (let peer = 0; peer < peers; peer++) {
        const field = new Bitfield(pieces);
        const share = LEAST_SHARE + random() * (1 - LEAST_SHARE);
        for (let piece = 0; piece < pieces; piece++) {
          if (random() >= share) continue;
          field.set(piece);
          picker.addHave(piece);
        }
        fields.push(field);
      }
      const active: number[] = [];
      let turn = 0;
      yield {
        subject: 'picker: pick, start, end a piece',
        case: { pieces, peers },
        units: CALLS,
        run() {
          for (let call = 0; call < CALLS; call++) {
            const field = fields[turn++ % peers];
            const piece = field === undefined ? -1 : picker.pick(field);
            if (piece === -1) continue;
            picker.markActive(piece);
            active.push(piece);
            // Given up again, so that the work stays the same however long this runs.
            if (active.length > ACTIVE) picker.markIdle(active.shift() ?? 0);
          }
        },
      };
      yield {
        subject: 'picker: a have comes, and goes',
        case: { pieces, peers },
        units: CALLS,
        run() {
          for (let call = 0; call < CALLS; call++) {
            const piece = Math.floor(random() * pieces);
            picker.addHave(piece);
            picker.removeHave(piece);
          }
        },
      };
    }
  }
}
