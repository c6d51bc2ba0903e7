// The life of a torrent: the table of its phases, and the picture of that table in the documents.

import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import {
  TRANSITIONS,
  enter,
  isInSwarm,
  newCheck,
  newLife,
  transfers,
} from '../../../lib/coordinator/torrent/life';
import type { Life } from '../../../lib/coordinator/torrent/life';
import type { TorrentPhase } from '../../../lib/messages/stats';

const ROOT = path.join(__dirname, '..', '..', '..');
const ROOM = path.join(ROOT, 'lib', 'coordinator');
const PHASES = Object.keys(TRANSITIONS) as TorrentPhase[];

const LIVES: Readonly<Record<TorrentPhase, Life>> = {
  metadata: newLife(),
  checking: newCheck(),
  downloading: { phase: 'downloading' },
  seeding: { phase: 'seeding', step: 'settling' },
  complete: { phase: 'complete', step: 'settling' },
  paused: { phase: 'paused', step: 'settling', error: undefined },
  failed: { phase: 'failed', step: 'settling', error: undefined },
  closed: { phase: 'closed', step: 'settling', error: undefined, forget: false },
};

describe('coordinator/life', () => {
  for (const from of PHASES) {
    it(`from ${from} a torrent reaches exactly the states in the table`, () => {
      for (const to of PHASES) {
        const torrent = { life: LIVES[from] };
        if (TRANSITIONS[from][to] !== undefined) {
          enter(torrent, LIVES[to]);
          expect(torrent.life).to.equal(LIVES[to]);
          continue;
        }
        expect(() => enter(torrent, LIVES[to]))
          .to.throw(`that is ${from} cannot become ${to}`)
          .with.property('code', 'unexpected');
        expect(torrent.life, 'it stays what it was').to.equal(LIVES[from]);
      }
    });
  }

  it('the picture in ARCHITECTURE.md shows this table', () => {
    const text = readFileSync(path.join(ROOT, 'docs', 'ARCHITECTURE.md'), 'utf8');
    const [, picture = ''] = /<!-- life -->\s+```mermaid\n([^]*?)```/.exec(text) ?? [];
    const drawn = picture
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line.includes('-->'));
    const table = PHASES.flatMap((from) =>
      Object.entries(TRANSITIONS[from]).map(([to, why]) => `${from} --> ${to}: ${why}`),
    );
    expect(drawn).to.deep.equal(['[*] --> metadata: add()', ...table, 'closed --> [*]']);
  });

  it('has peers, or may get some, before its content is known and from the end of the check on', () => {
    const present = PHASES.filter((phase) => isInSwarm(LIVES[phase]));
    expect(present).to.deep.equal(['metadata', 'downloading', 'seeding', 'complete']);
    expect(isInSwarm(newCheck({ inSwarm: true })), 'it stays in its swarm').to.equal(true);
  });

  it('transfers pieces from the end of the check on', () => {
    const transferring = PHASES.filter((phase) => transfers(LIVES[phase]));
    expect(transferring).to.deep.equal(['downloading', 'seeding', 'complete']);
    expect(transfers(newCheck({ inSwarm: true }))).to.equal(false);
  });

  it('nothing but `enter` changes the phase, and only the loop ends turns', () => {
    const sources = readdirSync(ROOM, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => ({
        name,
        text: readFileSync(path.join(ROOM, name), 'utf8'),
      }));
    const having = (pattern: RegExp): string[] =>
      sources.filter(({ text }) => pattern.test(text)).map(({ name }) => name);
    expect(having(/\.life = /)).to.deep.equal([path.join('torrent', 'life.ts')]);
    expect(having(/(?<!function )\bendTurn\(/)).to.deep.equal(['loop.ts']);
  });
});
