import { expect } from 'chai';
import fc from 'fast-check';
import { FileWatch } from '../../../lib/coordinator/files/file-watch';
import type { FileIdentity } from '../../../lib/messages/storage';

/** A file in the shorthand of these specs: size, time and inode. */
const file = (sizeBytes: number, mtimeNs: number, inode = 1): FileIdentity => ({
  sizeBytes,
  mtimeNs: BigInt(mtimeNs),
  device: 1n,
  inode: BigInt(inode),
});
const FOUND = file(10, 100);

describe('coordinator/file watch', () => {
  const watchOf = (found = FOUND, exactTimes = true): FileWatch =>
    new FileWatch([{ path: 'a', ...found }], exactTimes, 0);
  const job = (watch: FileWatch, before: FileIdentity, after: FileIdentity, again = false) => {
    const ticket = watch.begin(['a']);
    return kindsOf(watch.end(ticket, [{ path: 'a', before, after, endBytes: 0 }], again));
  };
  const sync = (watch: FileWatch, now: FileIdentity | undefined) => {
    watch.beginSync(['a']);
    return kindsOf(watch.synced([{ path: 'a', now }]));
  };
  const kindsOf = (changes: readonly { readonly kind: string }[]) =>
    changes.map(({ kind }) => kind);

  const looks: readonly (readonly [string, FileIdentity | undefined, string | undefined])[] = [
    ['as it was', FOUND, undefined],
    ['gone', undefined, 'missing'],
    ['another inode', file(10, 101, 2), 'replaced'],
    ['another inode, but the same size and time', file(10, 100, 2), 'touched'],
    ['shorter', file(9, 101), 'cut'],
    ['longer', file(11, 101), 'touched'],
    ['another time', file(10, 101), 'touched'],
    ['an older time', file(10, 99), 'touched'],
  ];
  for (const [what, now, kind] of looks) {
    it(`a look, a sync and a job find a file that is ${what}`, () => {
      expect(watchOf().compare('a', now)?.kind).to.equal(kind);
      const kinds = kind === undefined ? [] : [kind];
      const synced = watchOf();
      expect(sync(synced, now)).to.deep.equal(kinds);
      expect([...synced.doubtful]).to.deep.equal(kind === undefined ? [] : ['a']);
      if (now !== undefined) expect(job(watchOf(), now, now)).to.deep.equal(kinds);
    });
  }

  it('finds a file that is shorter than a job wrote it', () => {
    for (const [after, more, kinds] of [
      [file(20, 200), { endBytes: 20 }, []],
      [file(19, 200), { endBytes: 20 }, ['cut']],
    ] as const) {
      // Two jobs at once, as in a download: times say nothing then.
      const watch = watchOf();
      const tickets = [watch.begin(['a']), watch.begin(['a'])];
      const found = { path: 'a', before: FOUND, after, ...more };
      expect(kindsOf(watch.end(tickets[0] ?? new Map(), [found], false))).to.deep.equal(kinds);
      expect([...watch.doubtful]).to.deep.equal(kinds.length === 0 ? [] : ['a']);
      const later = kindsOf(
        watch.end(watch.begin(['a']), [{ ...found, before: file(15, 300) }], false),
      );
      expect(later, 'the next job knows how long it was').to.include('cut');
    }
  });

  it('knows how long a file is by the end of what was written, and by its size if others wrote more', () => {
    for (const { found, endBytes, shorter } of [
      { found: 19, endBytes: 20, shorter: 19 },
      { found: 30, endBytes: 20, shorter: 29 },
    ]) {
      const watch = watchOf();
      watch.begin(['a']);
      const written = { path: 'a', before: FOUND, after: file(found, 200), endBytes };
      watch.end(watch.begin(['a']), [written], false);
      const now = file(shorter, 300);
      const next = { path: 'a', before: now, after: now, endBytes: 0 };
      expect(kindsOf(watch.end(watch.begin(['a']), [next], false))).to.include('cut');
    }
  });

  it('finds a file that was cut between the writes of two jobs that were out at once', () => {
    // The first wrote up to 20 at 200; another program cut it at 300; the second wrote 20 to 40 at
    // 400.
    const one = { path: 'a', before: FOUND, after: file(20, 200), endBytes: 20 };
    const two = { path: 'a', before: file(0, 300), after: file(40, 400), endBytes: 40 };
    const uncut = { ...two, before: file(20, 200) };
    for (const [jobs, wanted] of [
      [[one, two], ['touched']],
      [[two, one], ['touched']],
      [[one, uncut], []],
      [[uncut, one], []],
    ] as const) {
      const watch = watchOf(file(0, 50));
      const tickets = [watch.begin(['a']), watch.begin(['a'])];
      const seen = jobs.map((job) => ({ ...job, before: job === one ? file(0, 50) : job.before }));
      const kinds = seen.flatMap((job) =>
        kindsOf(watch.end(tickets.pop() ?? new Map(), [job], false)),
      );
      expect(kinds).to.deep.equal(wanted);
      const elsewhere = watchOf(file(0, 50), false);
      const out = [elsewhere.begin(['a']), elsewhere.begin(['a'])];
      const there = seen.flatMap((job) =>
        kindsOf(elsewhere.end(out.pop() ?? new Map(), [job], false)),
      );
      expect(there, 'a server sets other times').to.deep.equal([]);
    }
  });

  it('orders what jobs saw by times that differ, and takes an equal length for no cut', () => {
    for (const [one, two] of [
      [file(20, 200), file(40, 200)],
      [file(40, 200), file(20, 200)],
      [file(40, 400), file(40, 300)],
    ] as const) {
      const watch = watchOf(file(0, 50));
      const tickets = [watch.begin(['a']), watch.begin(['a'])];
      const kinds = [one, two].flatMap((state) =>
        kindsOf(
          watch.end(
            tickets.pop() ?? new Map(),
            [{ path: 'a', before: state, after: state, endBytes: 0 }],
            false,
          ),
        ),
      );
      expect(kinds).to.deep.equal([]);
    }
  });

  it('remembers what the last 16 jobs saw, however long others stay out', () => {
    const long = file(100, 1_000);
    const short = file(0, 1_000);
    const cut = file(50, 1_500);
    for (const [between, wanted] of [
      [15, ['touched']],
      [16, []],
    ] as const) {
      const watch = watchOf(file(0, 50));
      const tickets = Array.from({ length: between + 2 }, () => watch.begin(['a']));
      const see = (before: FileIdentity, after: FileIdentity) =>
        kindsOf(
          watch.end(tickets.pop() ?? new Map(), [{ path: 'a', before, after, endBytes: 0 }], false),
        );
      see(long, short);
      while (tickets.length > 1) see(short, short);
      expect(see(cut, cut)).to.deep.equal(wanted);
    }
  });

  it('takes a clock that was set back between two jobs in a row for no other program', () => {
    const watch = watchOf();
    expect(job(watch, FOUND, file(20, 50))).to.deep.equal([]);
    expect(job(watch, file(20, 50), file(30, 40))).to.deep.equal([]);
  });

  it('recognises our own writes, one job after the other', () => {
    const watch = watchOf();
    expect(job(watch, FOUND, file(20, 200))).to.deep.equal([]);
    expect(job(watch, file(20, 200), file(30, 300))).to.deep.equal([]);
    expect(watch.recorded(), 'not before a sync').to.deep.equal([{ path: 'a', ...FOUND }]);
    expect(sync(watch, file(30, 300))).to.deep.equal([]);
    expect(watch.recorded()).to.deep.equal([{ path: 'a', ...file(30, 300) }]);
    expect(watch.compare('a', file(30, 300))).to.equal(undefined);
    expect(job(watch, file(30, 301), file(40, 400)), 'somebody was there between').to.deep.equal([
      'touched',
    ]);
  });

  it('does not judge times while two jobs are out, nor what one of them left', () => {
    const watch = watchOf();
    const tickets = [watch.begin(['a']), watch.begin(['a'])];
    const seen = (before: FileIdentity, after: FileIdentity) =>
      kindsOf(
        watch.end(tickets.pop() ?? new Map(), [{ path: 'a', before, after, endBytes: 0 }], false),
      );
    expect(seen(FOUND, file(30, 250))).to.deep.equal([]);
    expect(seen(file(10, 150), file(30, 300))).to.deep.equal([]);
    expect(job(watch, file(30, 300), file(30, 400))).to.deep.equal([]);
    expect(job(watch, file(30, 399), file(30, 500)), 'alone again').to.deep.equal(['touched']);
  });

  it('judges sizes even then: our writes never cut a file', () => {
    const watch = watchOf();
    watch.begin(['a']);
    expect(job(watch, file(5, 200), file(20, 300))).to.deep.equal(['cut']);
  });

  it('does not judge the time of a sync during which something was written', () => {
    const watch = watchOf();
    const first = watch.begin(['a']);
    expect(sync(watch, file(20, 150)), 'a job was out').to.deep.equal([]);
    watch.end(first, [{ path: 'a', before: FOUND, after: file(20, 200), endBytes: 0 }], false);
    watch.beginSync(['a']);
    const second = watch.begin(['a']);
    watch.end(
      second,
      [{ path: 'a', before: file(20, 200), after: file(30, 350), endBytes: 0 }],
      false,
    );
    // It looked before that write.
    expect(kindsOf(watch.synced([{ path: 'a', now: file(20, 200) }]))).to.deep.equal([]);
    expect(sync(watch, file(30, 350))).to.deep.equal([]);
  });

  it('knows the file that a handle writes to when its name is given to another', () => {
    const watch = new FileWatch([], true, 0);
    expect(job(watch, file(0, 100), file(10, 200))).to.deep.equal([]);
    expect(sync(watch, file(10, 200, 9)), 'an equal copy').to.deep.equal(['touched']);
    expect(job(watch, file(10, 200, 9), file(20, 300, 8)), 'within a job').to.deep.equal([
      'replaced',
    ]);
  });

  it('does not take the first half of a job that a dead worker did for another’s', () => {
    const watch = watchOf();
    expect(job(watch, file(20, 200), file(30, 300), true)).to.deep.equal([]);
    expect(watch.end(watch.begin(['a']), undefined, true), 'lost').to.deep.equal([]);
    expect(job(watch, file(35, 400), file(40, 500))).to.deep.equal([]);
  });

  it('compares a file that a lost job may have written to with what the last sync found', () => {
    const watch = watchOf();
    watch.end(watch.begin(['a']), undefined, false);
    expect(watch.compare('a', FOUND)).to.equal(undefined);
    expect(watch.compare('a', file(10, 101))?.kind).to.equal('touched');
  });

  it('knows how long a file was that a sync found, though jobs were out', () => {
    const watch = watchOf();
    watch.begin(['a']);
    expect(sync(watch, file(30, 150))).to.deep.equal([]);
    expect(sync(watch, file(25, 160))).to.deep.equal(['cut']);
  });

  it('must be compared before completion once something was written or synced', () => {
    const watch = watchOf();
    expect(watch.dirty).to.equal(false);
    for (const use of [() => void watch.begin(['a']), () => watch.beginSync(['a'])]) {
      use();
      expect(watch.dirty).to.equal(true);
      watch.dirty = false;
    }
  });

  it('waits for a sync where a server sets the time', () => {
    const watch = watchOf(FOUND, false);
    expect(job(watch, FOUND, file(20, 200))).to.deep.equal([]);
    expect(job(watch, file(20, 250), file(30, 300)), 'set anew').to.deep.equal([]);
    expect(sync(watch, file(30, 350))).to.deep.equal([]);
    expect(job(watch, file(30, 351), file(40, 400)), 'after the sync').to.deep.equal(['touched']);
  });

  it('knows a file for ours before its first sync, and after another program changed it', () => {
    const watch = new FileWatch([], true, 0);
    job(watch, file(0, 100), file(10, 200));
    expect(watch.recorded()).to.deep.equal([{ path: 'a', ...file(10, 200) }]);
    sync(watch, file(10, 200));
    job(watch, file(10, 200), file(20, 300));
    expect(watch.recorded(), 'as of the sync').to.deep.equal([{ path: 'a', ...file(10, 200) }]);
    job(watch, file(5, 400), file(20, 500));
    expect(watch.recorded(), 'cut').to.deep.equal([{ path: 'a', ...file(20, 500) }]);
    job(watch, file(20, 500), file(20, 550));
    expect(watch.recorded(), 'written once more').to.deep.equal([{ path: 'a', ...file(20, 550) }]);
    sync(watch, file(6, 600));
    expect(watch.recorded(), 'cut again').to.deep.equal([{ path: 'a', ...file(6, 600) }]);
    watch.compare('a', file(7, 700));
    expect(watch.recorded(), 'seen at the end').to.deep.equal([{ path: 'a', ...file(7, 700) }]);
    watch.compare('a', file(20, 750));
    expect(watch.recorded(), 'touched').to.deep.equal([{ path: 'a', ...file(20, 750) }]);
    watch.compare('a', file(7, 700));
    for (const other of [file(30, 800, 2), undefined]) {
      watch.compare('a', other);
      sync(watch, other);
      if (other) job(watch, other, other);
      expect(watch.recorded(), 'another file').to.deep.equal([{ path: 'a', ...file(7, 700) }]);
    }
  });

  it('names the files that a job may write to, and those that it is to make', () => {
    const watch = watchOf();
    expect(watch.known(['a', 'b'])).to.deep.equal([
      { path: 'a', inode: 1n, left: { sizeBytes: 10, mtimeNs: 100n, device: 1n, inode: 1n } },
    ]);
    const ticket = watch.begin(['a', 'b']);
    expect(watch.known(['a', 'b']), 'times change').to.deep.equal([{ path: 'a', inode: 1n }]);
    const made = file(5, 200, 2);
    watch.end(ticket, [{ path: 'b', before: file(0, 150, 2), after: made, endBytes: 5 }], false);
    expect(watch.known(['b'])).to.deep.equal([{ path: 'b', inode: 2n, left: made }]);
    watch.accept('b', undefined);
    expect(watch.known(['b'])).to.deep.equal([]);
  });

  it('accepts a file as it is on request', () => {
    const watch = watchOf();
    watch.accept('a', file(3, 500, 7));
    expect(watch.compare('a', file(3, 500, 7))).to.equal(undefined);
    watch.accept('a', undefined);
    expect(watch.recorded()).to.deep.equal([]);
    expect(job(watch, file(0, 600, 8), file(9, 700, 8))).to.deep.equal([]);
  });

  describe('with jobs and syncs in any order', () => {
    /** One step: a job begins, writes or ends, or a sync begins, looks or ends. */
    const steps = fc.array(
      fc.record({
        what: fc.constantFrom('begin', 'write', 'end', 'lose', 'sync', 'stat', 'synced'),
        which: fc.nat(3),
        upTo: fc.integer({ min: 1, max: 100 }),
      }),
      { maxLength: 60 },
    );
    type Steps = readonly {
      readonly what: string;
      readonly which: number;
      readonly upTo: number;
    }[];
    interface Job {
      readonly ticket: ReturnType<FileWatch['begin']>;
      before?: FileIdentity;
      after?: FileIdentity;
      endBytes: number;
    }

    /** Takes the steps, then ends every job and syncs. Returns the changes that were found. */
    function run(watch: FileWatch, taken: Steps): { changes: string[]; now: FileIdentity } {
      let now = FOUND;
      const jobs: Job[] = [];
      let syncing: { found?: FileIdentity } | undefined;
      const changes: string[] = [];
      const write = (job: Job, upTo: number): void => {
        job.before ??= now;
        now = file(Math.max(now.sizeBytes, upTo), Number(now.mtimeNs) + 1);
        job.after = now;
        job.endBytes = Math.max(job.endBytes, upTo);
      };
      const end = (job: Job, lost: boolean): void => {
        const { ticket, before, after, endBytes } = job;
        const written = before && after ? [{ path: 'a', before, after, endBytes }] : [];
        changes.push(...kindsOf(watch.end(ticket, lost ? undefined : written, false)));
        jobs.splice(jobs.indexOf(job), 1);
      };
      const synced = (): void => {
        changes.push(...kindsOf(watch.synced([{ path: 'a', now: syncing?.found ?? now }])));
        syncing = undefined;
      };
      for (const { what, which, upTo } of taken) {
        const job = jobs[which];
        if (what === 'begin' && jobs.length < 4)
          jobs.push({ ticket: watch.begin(['a']), endBytes: 0 });
        else if (what === 'write' && job) write(job, upTo);
        else if ((what === 'end' || what === 'lose') && job) end(job, what === 'lose');
        else if (what === 'sync' && !syncing) {
          watch.beginSync(['a']);
          syncing = {};
        } else if (what === 'stat' && syncing) syncing.found = now;
        else if (what === 'synced' && syncing) synced();
      }
      for (const job of [...jobs]) end(job, false);
      if (syncing) synced();
      watch.beginSync(['a']);
      synced();
      return { changes, now };
    }

    it('never takes our own writes for those of another program', () => {
      fc.assert(
        fc.property(steps, fc.boolean(), (taken, exactTimes) => {
          const watch = watchOf(FOUND, exactTimes);
          const { changes, now } = run(watch, taken);
          expect(changes).to.deep.equal([]);
          expect(watch.compare('a', now)).to.equal(undefined);
          expect(watch.recorded()).to.deep.equal([{ path: 'a', ...now }]);
          expect([...watch.doubtful]).to.deep.equal([]);
        }),
        { numRuns: 300 },
      );
    });

    it('then finds whatever another program did, by a look, a sync and a job', () => {
      const intrusion = fc.record({
        sizeBytes: fc.nat(200),
        laterNs: fc.integer({ min: 1, max: 9 }),
        inode: fc.constantFrom(1, 2),
      });
      fc.assert(
        fc.property(steps, intrusion, (taken, { sizeBytes, laterNs, inode }) => {
          const finders: readonly ((watch: FileWatch, now: FileIdentity) => number)[] = [
            (watch, now) => (watch.compare('a', now) ? 1 : 0),
            (watch, now) => sync(watch, now).length,
            (watch, now) => job(watch, now, now).length,
          ];
          for (const find of finders) {
            const watch = watchOf();
            const { now } = run(watch, taken);
            const then = file(sizeBytes, Number(now.mtimeNs) + laterNs, inode);
            expect(find(watch, then)).to.be.greaterThan(0);
          }
        }),
        { numRuns: 200 },
      );
    });
  });
});
