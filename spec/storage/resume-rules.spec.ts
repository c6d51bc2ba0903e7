import { expect } from 'chai';
import { Bitfield } from '../../lib/bytes/bitfield';
import { judgeResume } from '../../lib/storage/resume-rules';
import type { PresentFile, ResumeShape } from '../../lib/storage/resume-rules';
import type { ResumeRecord } from '../../lib/storage/resume-record';

// Pieces of 10 bytes:  a: 0–24 (pieces 0 1 2), an empty file, b: 25–39 (2 3), c: 40–45 (4).
const SHAPE: ResumeShape = {
  infoHash: new Uint8Array(20).fill(1),
  pieceCount: 5,
  pieceLengthBytes: 10,
  files: [
    { path: 'a', lengthBytes: 25 },
    { path: 'empty', lengthBytes: 0 },
    { path: 'b', lengthBytes: 15 },
    { path: 'c', lengthBytes: 6 },
  ],
};
const at = (sizeBytes: number, mtimeMs = 100): PresentFile => ({ sizeBytes, mtimeMs });
const WHOLE: PresentFile[] = [at(25), at(0), at(15), at(6)];

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
    pieceCount: 5,
    have: bits(0, 2),
    open: false,
    files: [
      { path: 'a', sizeBytes: 25, mtimeMs: 100 },
      { path: 'b', sizeBytes: 15, mtimeMs: 100 },
      { path: 'c', sizeBytes: 6, mtimeMs: 100 },
    ],
    savedAtMs: 0,
    ...change,
  };
}

interface Row {
  readonly name: string;
  readonly record: ResumeRecord | string | undefined;
  readonly present: PresentFile[];
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
    name: 'clean, a file newer',
    record: record(),
    present: changed(0, at(25, 101)),
    status: 'unusable',
    have: [],
    recheck: [0, 1, 2, 3, 4],
  },
  {
    name: 'clean, a file longer',
    record: record(),
    present: changed(3, at(7)),
    status: 'unusable',
    have: [],
    recheck: [0, 1, 2, 3, 4],
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
    name: 'crashed, written to since',
    record: record({
      open: true,
      files: [{ path: 'a', sizeBytes: 20, mtimeMs: 90 }, ...record().files.slice(1)],
    }),
    present: WHOLE,
    status: 'crashed',
    have: [0, 2],
    recheck: [1, 3, 4],
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
    name: 'crashed, a file older',
    record: crashed,
    present: changed(2, at(15, 99)),
    status: 'unusable',
    have: [],
    recheck: [0, 1, 2, 3, 4],
  },
  {
    name: 'crashed, a file smaller',
    record: crashed,
    present: changed(2, at(14)),
    status: 'unusable',
    have: [],
    recheck: [0, 1, 2, 4],
  },
  {
    name: 'crashed, a file with recorded pieces missing',
    record: crashed,
    present: withoutFile(0),
    status: 'unusable',
    have: [],
    recheck: [3, 4],
  },
  {
    name: 'crashed, the other file of a recorded piece missing',
    record: crashed,
    present: withoutFile(2),
    status: 'unusable',
    have: [],
    recheck: [0, 1, 4],
  },
  {
    name: 'clean, a file with recorded pieces missing',
    record: record(),
    present: withoutFile(0),
    status: 'unusable',
    have: [],
    recheck: [3, 4],
  },
  {
    name: 'pieces of a file that the record does not list',
    record: record({ files: record().files.slice(1) }),
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
      const state = judgeResume(SHAPE, row.record, row.present);
      expect(state.status).to.equal(row.status);
      expect(listed(state.have), 'have').to.deep.equal(row.have);
      expect(listed(state.recheck), 'recheck').to.deep.equal(row.recheck);
      expect(state.reason).to.not.equal('');
    });
  }

  it('judges 10,000 files quickly, however they look', () => {
    const files = Array.from({ length: 10_000 }, (_, i) => ({ path: `f${i}`, lengthBytes: 7 }));
    const shape = { ...SHAPE, files, pieceCount: 7000 };
    const old = record({ open: true, pieceCount: 7000, have: new Bitfield(7000), files: [] });
    const state = judgeResume(
      shape,
      old,
      files.map((_, i) => (i % 2 ? at(7) : undefined)),
    );
    expect(state.status).to.equal('crashed');
  });
});
