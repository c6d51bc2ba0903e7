// Replays a journal: the coordinator gets the recorded inputs, its outlets return the recorded
// answers, and its output must be the same, byte for byte.

import type { Outlets } from '../../../lib/coordinator/engine';
import type { Happening } from '../../../lib/coordinator/happenings';
import type { EngineControl } from '../../../lib/messages/control';
import { settled } from '../sim-engine';
import { coreOf } from './edge';
import type { Core, Tape } from './edge';
import type { Inlet, Journal, Outcome, Reply, Start, Step } from './journal';
import { reportAnswer, reportEnd } from './recorder';
import { decode, textOf } from './values';
import type { Revive } from './values';

/** The replayed run differs from the recorded one. */
export class Divergence extends Error {
  readonly step: number;

  constructor(step: number, inlet: Inlet | undefined, what: string) {
    super(`step ${step}, after ${shortened(JSON.stringify(inlet))}: ${what}`);
    this.step = step;
  }
}

/** Resolves to the output, as texts; rejects with a `Divergence` at the first step that differs. */
export async function replay(journal: Journal): Promise<string[]> {
  return new Replay(journal).run();
}

interface Waiting {
  resolve(outcome: Outcome): void;
}

class Replay implements Tape {
  readonly start: Start;
  readonly #steps: readonly Step[];
  readonly #core: Core;
  #at = -1;
  #out: string[] = [];
  readonly #all: string[] = [];
  /** How many answers to each question were used in this step. */
  #asked = new Map<string, number>();
  readonly #lastNow = new Map<string, number>();
  #replied = 0;
  #turnIds = 0;
  /** A question that the journal has no answer to. */
  #lacking: string | undefined;
  readonly #promises = new Map<number, Waiting>();
  readonly #turns = new Map<number, () => unknown>();

  constructor({ start, steps }: Journal) {
    this.start = start;
    this.#steps = steps;
    this.#core = coreOf(this, undefined as Outlets | undefined);
  }

  async run(): Promise<string[]> {
    for (const step of this.#steps) {
      if (!step.joined) await settled();
      this.#compare();
      this.#at++;
      this.#out = [];
      this.#asked = new Map();
      this.#replied = 0;
      this.#enter(step.inlet);
    }
    await settled();
    this.#compare();
    return this.#all;
  }

  #compare(): void {
    const { out: expected = [] } = this.#step ?? {};
    const actual = this.#out;
    for (let at = 0; at < Math.max(expected.length, actual.length); at++) {
      if (actual[at] === expected[at]) continue;
      const [was, is] = [expected[at], actual[at]].map((text) => text ?? 'nothing');
      throw this.#diverged(`recorded  ${was}\nreplayed  ${is}`);
    }
    if (this.#lacking !== undefined) throw this.#diverged(this.#lacking);
    this.#all.push(...actual);
  }

  #diverged(what: string): Divergence {
    return new Divergence(this.#at, this.#step?.inlet, what);
  }

  // ---- what comes in ----

  #enter(inlet: Inlet): void {
    switch (inlet[0]) {
      case 'happening':
        return this.#core.engine.happen(decode(inlet[1], this.#revive('')) as Happening);
      case 'call': {
        const [, id, name, json] = inlet;
        const args = decode(json, this.#revive('')) as never[];
        const call = this.#core.control[name as keyof EngineControl];
        return reportAnswer(this, id, (call as (...some: never[]) => Promise<unknown>)(...args));
      }
      case 'settled': {
        const waiting = this.#promises.get(inlet[1]);
        this.#promises.delete(inlet[1]);
        if (waiting === undefined) throw this.#diverged(`nobody waits for promise ${inlet[1]}`);
        return waiting.resolve(inlet[2]);
      }
      case 'turn': {
        const back = this.#turns.get(inlet[1]);
        this.#turns.delete(inlet[1]);
        if (back === undefined) throw this.#diverged(`nobody waits for turn ${inlet[1]}`);
        reportEnd(this, inlet[1], back());
      }
    }
  }

  // ---- what goes out, and what comes back ----

  readonly out = (what: string, ...args: readonly unknown[]): void => {
    this.#out.push(textOf([what, ...args]));
  };

  readonly read = (question: string): number => {
    const answers = this.#step?.reads[question] ?? [];
    const asked = this.#asked.get(question) ?? 0;
    this.#asked.set(question, asked + 1);
    // Dice have one answer per throw; all other questions keep their last answer.
    const isDice = question === 'dice';
    const answer = answers[asked] ?? (isDice ? undefined : answers[answers.length - 1]);
    const isTime = question === 'now' || question === 'wall';
    const last = answer ?? (isTime ? this.#lastNow.get(question) : undefined);
    if (last === undefined) this.#lacking ??= `nobody asked for "${question}" that often`;
    if (isTime && last !== undefined) this.#lastNow.set(question, last);
    return last ?? 0;
  };

  readonly call = (what: string, args: readonly unknown[]): unknown => {
    this.out(what, ...args);
    const reply = this.#nextReply();
    if ('promise' in reply) return this.#promise(what, reply.promise);
    if ('raised' in reply) throw decode(reply.raised, this.#revive(what));
    return 'value' in reply ? decode(reply.value, this.#revive(what)) : undefined;
  };

  readonly later = (what: string, args: readonly unknown[], back: () => unknown): number => {
    const id = ++this.#turnIds;
    this.out(what, id, ...args);
    const reply = this.#nextReply();
    if ('atOnce' in reply && reply.atOnce) reportEnd(this, id, back());
    else this.#turns.set(id, back);
    return id;
  };

  original<Value>(value: Value): Value {
    return value;
  }

  #nextReply(): Reply {
    return this.#step?.replies[this.#replied++] ?? { atOnce: false };
  }

  #promise(what: string, id: number): Promise<unknown> {
    return new Promise((resolve, reject) =>
      this.#promises.set(id, {
        resolve: (outcome) => {
          if ('value' in outcome) resolve(decode(outcome.value, this.#revive(what)));
          else reject(decode(outcome.raised, this.#revive(what)) as Error);
        },
      }),
    );
  }

  #revive(what: string): Revive {
    return {
      torrent: (id) => this.#core.torrent(id),
      method:
        (name) =>
        (...args) =>
          this.call(`${what}.${name}`, args),
    };
  }

  get #step(): Step | undefined {
    return this.#steps[this.#at];
  }
}

function shortened(text: string | undefined): string {
  if (text === undefined) return 'nothing';
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
