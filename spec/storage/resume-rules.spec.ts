import { expect } from 'chai';
import { Bitfield } from '../../lib/bytes/bitfield';
import { judgeResume } from '../../lib/storage/resume-rules';
import type { PresentFile, ResumePlace, ResumeShape } from '../../lib/storage/resume-rules';
import type { ResumeRecord } from '../../lib/storage/resume-record';

// Pieces of 10 bytes:  a: 0–24 (pieces 0 1 2), an empty file, b: 25–39 (2 3), c: 40–45 (4).
const SHAPE: ResumeShape = {
  infoHash: new Uint8Array(20).fill(1),
  layout: new Uint8Array(32).fill(2),
  pieceCount: 5,
  pieceLengthBytes: 10,
  files: [
    { path: 'a', lengthBytes: 25 },
    { path: 'empty', lengthBytes: 0 },
    { path: 'b', lengthBytes: 15 },
    { path: 'c', lengthBytes: 6 },
  ],
};
const SECOND_NS = 1_000_000_000n;
/** No whole second, so that a time that was cut shows. */
const MTIME_NS = 100n * SECOND_NS + 123_456_789n;
const at = (sizeBytes: number, mtimeNs = MTIME_NS, inode = 7n) => {
  return { sizeBytes, mtimeNs, device: 3n, inode };
};
const WHOLE: PresentFile[] = [at(25), at(0), at(15), at(6)];
const HERE: ResumePlace = { boot: 'this boot', place: { device: 3n, inode: 99n } };

function bits(...pieces: number[]): Bitfield {
  const field = new Bitfield(5);
  for (const piece of pieces) field.set(piece);
  return field;
}

function listed(field: Bitfield): number[] {
  const pieces: number[] = [];
  for (let p = field.nextSet(0); p !== -1; p = field.nextSet(p + 1)) pieces.push(p);
  return pieces;
}

function record(change: Partial<ResumeRecord> = {}): ResumeRecord {
  return {
    infoHash: SHAPE.infoHash,
    layout: SHAPE.layout,
    pieceCount: 5,
    have: bits(0, 2),
    open: false,
    files: [
      { path: 'a', ...at(25) },
      { path: 'b', ...at(15) },
      { path: 'c', ...at(6) },
    ],
    savedAtMs: 0,
    ...HERE,
    names: undefined,
    kept: new Map(),
    ...change,
  };
}

interface Row {
  readonly name: string;
  readonly record: ResumeRecord | string | undefined;
  readonly present: PresentFile[];
  /** Default: as when the record was written. */
  readonly here?: ResumePlace;
  readonly status: string;
  readonly have: number[];
  readonly recheck: number[];
}

const crashed = record({ open: true });
const none: PresentFile[] = [undefined, undefined, undefined, undefined];
const withoutFile = (index: number) => WHOLE.map((file, i) => (i === index ? undefined : file));
const changed = (index: number, file: PresentFile) => WHOLE.map((f, i) => (i === index ? file : f));

const ROWS: Row[] = [
  {
    name: 'nothing at all',
    record: undefined,
    present: none,
    status: 'none',
    have: [],
    recheck: [],
  },
  {
    name: 'files without a record',
    record: undefined,
    present: WHOLE,
    status: 'none',
    have: [],
    recheck: [0, 1, 2, 3, 4],
  },
  {
    name: 'some files without a record',
    record: undefined,
    present: withoutFile(2),
    status: 'none',
    have: [],
    recheck: [0, 1, 4],
  },
  {
    name: 'a short file without a record',
    record: undefined,
    present: changed(0, at(19)),
    status: 'none',
    have: [],
    recheck: [0, 3, 4],
  },
  {
    name: 'clean and untouched',
    record: record(),
    present: WHOLE,
    status: 'clean',
    have: [0, 2],
    recheck: [],
  },
  {
    name: 'clean, an empty file touched or gone',
    record: record(),
    present: withoutFile(1),
    status: 'clean',
    have: [0, 2],
    recheck: [],
  },
  {
    name: 'clean, a file without recorded pieces gone',
    record: record(),
    present: withoutFile(3),
    status: 'clean',
    have: [0, 2],
    recheck: [],
  },
  {
    name: 'clean, a file put there since',
    record: record({ files: record().files.slice(0, 2) }),
    present: WHOLE,
    status: 'clean',
    have: [0, 2],
    recheck: [4],
  },
  {
    name: 'clean, a file written to since: its pieces alone are in doubt',
    record: record(),
    present: changed(0, at(25, MTIME_NS + 1n)),
    status: 'changed',
    have: [],
    recheck: [0, 1, 2],
  },
  {
    name: 'clean, a file without recorded pieces longer',
    record: record(),
    present: changed(3, at(7)),
    status: 'clean',
    have: [0, 2],
    recheck: [4],
  },
  {
    name: 'clean, a file cut',
    record: record(),
    present: changed(2, at(14)),
    status: 'changed',
    have: [0],
    recheck: [2],
  },
  {
    name: 'clean, a file set back in time',
    record: record(),
    present: changed(2, at(15, MTIME_NS - 1n)),
    status: 'changed',
    have: [0],
    recheck: [2, 3],
  },
  {
    name: 'clean, a file replaced by one of the same size and time',
    record: record(),
    present: changed(2, at(15, MTIME_NS, 8n)),
    status: 'changed',
    have: [0],
    recheck: [2, 3],
  },
  {
    name: 'another inode after a reboot',
    record: record(),
    present: changed(2, at(15, MTIME_NS, 8n)),
    here: { ...HERE, boot: 'another boot' },
    status: 'clean',
    have: [0, 2],
    recheck: [],
  },
  {
    name: 'another inode where no boot has a name',
    record: record({ boot: undefined }),
    present: changed(2, at(15, MTIME_NS, 8n)),
    here: { ...HERE, boot: undefined },
    status: 'clean',
    have: [0, 2],
    recheck: [],
  },
  {
    name: 'another inode, and the record was copied, too',
    record: record(),
    present: changed(2, at(15, MTIME_NS, 8n)),
    here: { ...HERE, place: { device: 3n, inode: 98n } },
    status: 'clean',
    have: [0, 2],
    recheck: [],
  },
  {
    name: 'another device, and the record is on it, too',
    record: record(),
    present: changed(2, at(15, MTIME_NS, 8n)),
    here: { ...HERE, place: { device: 4n, inode: 99n } },
    status: 'clean',
    have: [0, 2],
    recheck: [],
  },
  {
    name: 'copied, with times cut to whole seconds',
    record: record(),
    present: WHOLE.map((file) => file && at(file.sizeBytes, 100n * SECOND_NS, 8n)),
    here: { ...HERE, place: { device: 4n, inode: 98n } },
    status: 'clean',
    have: [0, 2],
    recheck: [],
  },
  {
    name: 'copied, with a time that lies after',
    record: record(),
    present: changed(0, at(25, 101n * SECOND_NS)),
    here: { ...HERE, place: { device: 4n, inode: 98n } },
    status: 'changed',
    have: [],
    recheck: [0, 1, 2],
  },
  {
    name: 'not copied, with a time cut to whole seconds',
    record: record(),
    present: changed(0, at(25, 100n * SECOND_NS)),
    status: 'changed',
    have: [],
    recheck: [0, 1, 2],
  },
  {
    name: 'crashed and untouched',
    record: crashed,
    present: WHOLE,
    status: 'crashed',
    have: [0, 2],
    recheck: [1, 3, 4],
  },
  {
    name: 'crashed, written to since, by us or by others',
    record: crashed,
    present: changed(0, at(25, MTIME_NS + 1n)),
    status: 'changed',
    have: [],
    recheck: [0, 1, 2, 3, 4],
  },
  {
    name: 'crashed, a file made since',
    record: record({ open: true, files: record().files.slice(0, 2) }),
    present: WHOLE,
    status: 'crashed',
    have: [0, 2],
    recheck: [1, 3, 4],
  },
  {
    name: 'crashed, an unrecorded file missing',
    record: crashed,
    present: withoutFile(3),
    status: 'crashed',
    have: [0, 2],
    recheck: [1, 3],
  },
  {
    name: 'crashed, a file set back in time',
    record: crashed,
    present: changed(2, at(15, MTIME_NS - 1n)),
    status: 'changed',
    have: [0],
    recheck: [1, 2, 3, 4],
  },
  {
    name: 'crashed, a file cut',
    record: crashed,
    present: changed(2, at(14)),
    status: 'changed',
    have: [0],
    recheck: [1, 2, 4],
  },
  {
    name: 'crashed, a file with recorded pieces missing',
    record: crashed,
    present: withoutFile(0),
    status: 'changed',
    have: [],
    recheck: [3, 4],
  },
  {
    name: 'crashed, the other file of a recorded piece missing',
    record: crashed,
    present: withoutFile(2),
    status: 'changed',
    have: [0],
    recheck: [1, 4],
  },
  {
    name: 'clean, a file with recorded pieces missing',
    record: record(),
    present: withoutFile(0),
    status: 'changed',
    have: [],
    recheck: [],
  },
  {
    name: 'pieces of a file that the record does not list',
    record: record({ files: record().files.slice(1) }),
    present: WHOLE,
    status: 'changed',
    have: [],
    recheck: [0, 1, 2],
  },
  {
    name: 'another layout',
    record: record({ layout: new Uint8Array(32) }),
    present: WHOLE,
    status: 'unusable',
    have: [],
    recheck: [0, 1, 2, 3, 4],
  },
  {
    name: 'another torrent',
    record: record({ infoHash: new Uint8Array(20) }),
    present: WHOLE,
    status: 'unusable',
    have: [],
    recheck: [0, 1, 2, 3, 4],
  },
  {
    name: 'another number of pieces',
    record: record({ pieceCount: 4, have: new Bitfield(4) }),
    present: WHOLE,
    status: 'unusable',
    have: [],
    recheck: [0, 1, 2, 3, 4],
  },
  {
    name: 'a record that cannot be read',
    record: 'garbage',
    present: WHOLE,
    status: 'unusable',
    have: [],
    recheck: [0, 1, 2, 3, 4],
  },
];

describe('resume rules', () => {
  for (const row of ROWS) {
    it(`${row.name}: ${row.status}`, () => {
      const state = judgeResume(SHAPE, row.record, row.present, row.here ?? HERE);
      expect(state.status).to.equal(row.status);
      expect(listed(state.have), 'have').to.deep.equal(row.have);
      expect(listed(state.recheck), 'recheck').to.deep.equal(row.recheck);
      expect(state.reason).to.not.equal('');
    });
  }

  it('calls a file ours while it is the one that we made', () => {
    const oursOf = (given: Row['record'], b: PresentFile, here = HERE) =>
      judgeResume(SHAPE, given, changed(2, b), here).ours.has('b');
    const later = MTIME_NS + 1n;
    const moved: ResumePlace = { ...HERE, boot: 'another boot' };
    const born = (savedMsLater: number, file = at(15, later)): PresentFile => ({
      ...file,
      bornNs: BigInt(savedMsLater) * 1_000_000n,
    });
    const rows: [what: string, file: PresentFile, clean: boolean, open: boolean, moved: boolean][] =
      [
        ['untouched', at(15), true, true, true],
        ['written to since', at(15, later), true, true, true],
        ['longer', at(20, later), true, true, true],
        ['cut', at(14, later), true, true, false],
        ['older', at(15, 1n), true, true, false],
        ['made before the record, written to since', born(0), true, true, true],
        ['made since, of the same inode, and cut', born(1, at(14, later)), false, false, false],
        ['replaced', at(15, later, 8n), false, false, true],
        ['gone', undefined, false, false, false],
      ];
    for (const [what, file, isClean, isOpen, isMoved] of rows) {
      expect(oursOf(record(), file), `${what}, clean`).to.equal(isClean);
      expect(oursOf(crashed, file), `${what}, crashed`).to.equal(isOpen);
      expect(oursOf(crashed, file, moved), `${what}, crashed, later boot`).to.equal(isMoved);
    }
    expect(oursOf(undefined, at(15))).to.equal(false);
    expect(oursOf('bad', at(15))).to.equal(false);
    const unknown = record({ files: [{ path: 'a', ...at(25) }] });
    expect(oursOf(unknown, at(15))).to.equal(false);
  });

  it('knows that padding moves the files after it, and needs no file of its own', () => {
    // a: 0–4 (piece 0), padding: 5–19, b: 20–24 (piece 2), padding: 25–49 (pieces 2 3 4).
    const files = [
      { path: 'a', lengthBytes: 5 },
      { path: 'b', lengthBytes: 5, paddingBytes: 15 },
    ];
    const shape = { ...SHAPE, files };
    const unread = judgeResume(shape, undefined, [at(5), undefined], HERE);
    expect(listed(unread.recheck)).to.deep.equal([0, 1, 3, 4]);
    const kept = record({
      have: bits(0, 1, 2, 3),
      files: [
        { path: 'a', ...at(5) },
        { path: 'b', ...at(5) },
      ],
    });
    const { have, recheck } = judgeResume(shape, kept, [at(5), at(5, MTIME_NS + 1n)], HERE);
    expect(listed(have)).to.deep.equal([0, 1, 3]);
    expect(listed(recheck)).to.deep.equal([2]);
  });

  it('judges 10,000 files quickly, however they look', () => {
    const files = Array.from({ length: 10_000 }, (_, i) => ({ path: `f${i}`, lengthBytes: 7 }));
    const shape = { ...SHAPE, files, pieceCount: 7000 };
    const old = record({ open: true, pieceCount: 7000, have: new Bitfield(7000), files: [] });
    const state = judgeResume(
      shape,
      old,
      files.map((_, i) => (i % 2 ? at(7) : undefined)),
      HERE,
    );
    expect(state.status).to.equal('crashed');
  });

  it('trusts the pieces of a file that is marked as not ours, and does not call it ours', () => {
    const files = record().files.map((file) =>
      file.path === 'a' ? { ...file, foreign: true } : file,
    );
    const state = judgeResume(SHAPE, record({ files }), WHOLE, HERE);
    expect(listed(state.have)).to.deep.equal([0, 2]);
    expect([...state.ours]).to.deep.equal(['b', 'c']);
  });
});
