// The embedder's logger: records of a torrent or thread go to a child logger, where it supports
// children.

import { expect } from 'chai';
import { pino } from 'pino';
import { EngineLog } from '../../lib/api/log';
import type { Logger } from '../../lib/index';
import { LOG_LEVELS, LOG_LEVEL_NAMES, isLogged } from '../../lib/text/log-levels';

/**
 * Notes the records, each with its bindings; `children` are the bindings of those that were asked
 * for.
 */
function notingLogger(children?: object[]): { logger: Logger; records: unknown[] } {
  const records: unknown[] = [];
  const make = (bindings: object | undefined): Logger => {
    const entries = LOG_LEVEL_NAMES.map((level) => [
      level,
      (fields: object, message: string) => records.push([level, bindings, fields, message]),
    ]);
    const methods = Object.fromEntries(entries) as Logger;
    if (children === undefined || bindings !== undefined) return methods;
    const child = (more: object): Logger => {
      children.push(more);
      return make(more);
    };
    return { ...methods, child };
  };
  return { logger: make(undefined), records };
}

describe('api: the log', () => {
  it('asks for one child for each torrent, thread and component', () => {
    const children: object[] = [];
    const { logger, records } = notingLogger(children);
    const log = new EngineLog(logger);
    log.write('info', 'added', { component: 'coordinator', torrent: 'aa', status: 'none' });
    log.write('warn', 'failed', { component: 'coordinator', torrent: 'aa', piece: 3 });
    log.write('error', 'died', { component: 'peers', thread: 0 });
    log.write('debug', 'other', { torrent: undefined });
    const torrent = { component: 'coordinator', torrent: 'aa' };
    const thread = { component: 'peers', thread: 0 };
    expect(children).to.deep.equal([torrent, thread, {}]);
    expect(records).to.deep.equal([
      ['info', torrent, { status: 'none' }, 'added'],
      ['warn', torrent, { piece: 3 }, 'failed'],
      ['error', thread, {}, 'died'],
      ['debug', {}, {}, 'other'],
    ]);
  });

  it('puts all of it into the record where there are no children', () => {
    const { logger, records } = notingLogger();
    const fields = { component: 'peers', thread: 1, code: 'EIO' } as const;
    new EngineLog(logger).write('warn', 'failed', fields);
    expect(records).to.deep.equal([['warn', undefined, fields, 'failed']]);
    new EngineLog(undefined).write('warn', 'nobody reads it', fields);
  });

  it('puts all of it into the record where no child can be had', () => {
    const fields = { component: 'peers', thread: 1, code: 'EIO' } as const;
    const bad: unknown[] = [() => undefined, () => ({}), true];
    bad.push(() => {
      throw new Error('no children here');
    });
    for (const child of bad) {
      const { logger, records } = notingLogger();
      const log = new EngineLog({ ...logger, child } as Logger);
      for (let again = 0; again < 2; again++) log.write('warn', 'failed', fields);
      expect(records).to.have.length(2);
      expect(records[0]).to.deep.equal(['warn', undefined, fields, 'failed']);
    }
  });

  it('keeps no more children than a thousand torrents need', () => {
    const children: object[] = [];
    const log = new EngineLog(notingLogger(children).logger);
    for (let torrent = 0; torrent <= 1000; torrent++)
      log.write('info', 'added', { torrent: String(torrent) });
    log.write('info', 'again', { torrent: '1000' });
    expect(children).to.have.length(1001);
    log.write('info', 'again', { torrent: '0' });
    expect(children).to.have.length(1002);
  });

  it('writes with pino what it wrote without children', () => {
    const lines: string[] = [];
    const logger = pino({ base: null, timestamp: false }, { write: (line) => lines.push(line) });
    const log = new EngineLog(logger);
    log.write('info', 'added', { component: 'coordinator', torrent: 'aa', status: 'none' });
    log.write('debug', 'below the level of the logger', { torrent: 'aa' });
    expect(lines.map((line) => JSON.parse(line) as unknown)).to.deep.equal([
      { level: 30, component: 'coordinator', torrent: 'aa', status: 'none', msg: 'added' },
    ]);
  });
});

describe('log levels', () => {
  it("are pino's, in its order", () => {
    expect(LOG_LEVELS).to.deep.equal(pino.levels.values);
    expect([...LOG_LEVEL_NAMES].sort((a, b) => LOG_LEVELS[a] - LOG_LEVELS[b])).to.deep.equal(
      LOG_LEVEL_NAMES,
    );
  });

  it('let through what is as important as the logger asks for', () => {
    for (const least of LOG_LEVEL_NAMES) {
      const logger = pino({ level: least });
      for (const level of LOG_LEVEL_NAMES)
        expect(isLogged(level, least)).to.equal(logger.isLevelEnabled(level));
      expect(isLogged(least, 'silent')).to.equal(false);
    }
  });
});
