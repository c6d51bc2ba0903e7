// Records a run of the coordinator in the simulated world of a spec.
//
// Promises of outlets settle one after the other, each with time for everything that follows from
// it. A replay does the same, so the order in which awaits continue is the same, too.

import type { Engine, Outlets } from '../../../lib/coordinator/engine';
import type { Happening } from '../../../lib/coordinator/happenings';
import type { EngineControl } from '../../../lib/messages/control';
import { coreOf } from './edge';
import type { Core, Later, Tape } from './edge';
import type { Inlet, Journal, Outcome, Reply, Start, Step } from './journal';
import { decode, encode, textOf } from './values';
import type { Json, Revive } from './values';

interface OpenStep extends Step {
  readonly reads: Record<string, number[]>;
  readonly replies: Reply[];
  readonly out: string[];
}

export class Recorder implements Tape {
  readonly start: Start;
  readonly #core: Core;
  readonly #steps: OpenStep[] = [];
  /** Last number given to a call of the app or a promise; timers and turns have their own. */
  #ids = 0;
  #turnIds = 0;
  /** True while the coordinator runs, called by the world. */
  #inside = false;
  /** How much time promises had to settle since the last step. */
  #rested: 'not at all' | 'a while' | 'fully' = 'fully';
  readonly #slots: (() => void)[] = [];
  #settling = false;
  readonly #originals = new WeakMap<object, object>();

  constructor(start: Start, world: Outlets) {
    this.start = start;
    this.#core = coreOf(this, world);
    this.control = this.#recordedControl(this.#core.control);
  }

  /** The engine as the coordinator sees it. */
  get engine(): Engine {
    return this.#core.engine;
  }

  readonly control: EngineControl;

  /** Something happens, from outside. */
  happen(happening: Happening): void {
    const json = encode(happening);
    const copy = decode(json, this.#revive('', undefined)) as Happening;
    this.#enter(['happening', json], () => this.#core.engine.happen(copy));
  }

  /** What was recorded so far. */
  get journal(): Journal {
    const steps = this.#steps.map((step) => ({
      ...step,
      reads: Object.fromEntries(
        Object.entries(step.reads).map(([question, answers]) => [
          question,
          question === 'dice' ? answers : withoutRepeats(answers),
        ]),
      ),
    }));
    return { start: this.start, steps };
  }

  // ---- what comes in ----

  #recordedControl(control: EngineControl): EngineControl {
    return new Proxy(control, {
      get:
        (_target, name: keyof EngineControl) =>
        (...args: unknown[]): Promise<unknown> => {
          const id = ++this.#ids;
          const json = encode(args);
          const copies = decode(json, this.#revive('', undefined)) as never[];
          let answer: Promise<unknown> = Promise.resolve();
          this.#enter(['call', id, name, json], () => {
            answer = (control[name] as (...some: never[]) => Promise<unknown>)(...copies);
            reportAnswer(this, id, answer);
          });
          return answer;
        },
    });
  }

  #enter<Value>(inlet: Inlet, run: () => Value): Value {
    if (this.#inside) throw new Error(`${inlet[0]} inside of a step: let it wait for its turn`);
    if (this.#rested === 'a while')
      throw new Error(`${inlet[0]} while promises settle: await settled() first`);
    this.#steps.push({
      inlet,
      joined: this.#rested === 'not at all',
      reads: {},
      replies: [],
      out: [],
    });
    this.#rested = 'not at all';
    const step = this.#steps.length;
    queueMicrotask(() => {
      if (step === this.#steps.length) this.#rested = 'a while';
      // Runs once no promise is left that can settle.
      process.nextTick(() => {
        if (step === this.#steps.length) this.#rested = 'fully';
      });
    });
    this.#inside = true;
    try {
      return run();
    } finally {
      this.#inside = false;
    }
  }

  #settleInTurn(settle: () => void): void {
    this.#slots.push(settle);
    if (this.#settling) return;
    this.#settling = true;
    process.nextTick(this.#settleNext);
  }

  readonly #settleNext = (): void => {
    const settle = this.#slots.shift();
    this.#settling = settle !== undefined;
    if (settle === undefined) return;
    this.#rested = 'fully';
    settle();
    queueMicrotask(() => process.nextTick(this.#settleNext));
  };

  // ---- what goes out, and what comes back ----

  readonly out = (what: string, ...args: readonly unknown[]): void => {
    this.#step.out.push(textOf([what, ...args]));
  };

  readonly read = (question: string, real: () => number): number => {
    const answer = real();
    (this.#step.reads[question] ??= []).push(answer);
    return answer;
  };

  readonly call = (what: string, args: readonly unknown[], real: () => unknown): unknown => {
    this.out(what, ...args);
    const { replies } = this.#step;
    const at = replies.length;
    replies.push({ atOnce: false });
    let answer: unknown;
    try {
      answer = real();
    } catch (error) {
      replies[at] = { raised: encode(error) };
      throw error;
    }
    if (answer instanceof Promise) {
      const id = ++this.#ids;
      replies[at] = { promise: id };
      return this.#promise(what, id, answer);
    }
    replies[at] = { value: encode(answer) };
    return this.#copy(what, encode(answer), answer);
  };

  readonly later = (
    what: string,
    args: readonly unknown[],
    back: () => unknown,
    real: Later,
  ): number => {
    const id = ++this.#turnIds;
    this.out(what, id, ...args);
    const { replies } = this.#step;
    const at = replies.length;
    replies.push({ atOnce: false });
    let isCalling = true;
    real(() => {
      if (!isCalling) return this.#enter(['turn', id], () => reportEnd(this, id, back()));
      replies[at] = { atOnce: true };
      return reportEnd(this, id, back());
    }, id);
    isCalling = false;
    return id;
  };

  original<Value>(value: Value): Value {
    if (typeof value !== 'object' || value === null) return value;
    return (this.#originals.get(value) ?? value) as Value;
  }

  #promise(what: string, id: number, answer: Promise<unknown>): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const settle = (outcome: Outcome, run: () => void): void =>
        this.#settleInTurn(() => this.#enter(['settled', id, outcome], run));
      answer.then(
        (value) => {
          const json = encode(value);
          settle({ value: json }, () => resolve(this.#copy(what, json, value)));
        },
        (error: unknown) => {
          const json = encode(error);
          settle({ raised: json }, () => reject(this.#copy(what, json, error) as Error));
        },
      );
    });
  }

  /** The value as the replay will see it: what the codec drops is dropped here, too. */
  #copy(what: string, json: Json, value: unknown): unknown {
    const copy = decode(json, this.#revive(what, value));
    if (typeof copy === 'object' && copy !== null) this.#originals.set(copy, value as object);
    return copy;
  }

  #revive(what: string, value: unknown): Revive {
    return {
      torrent: (id) => this.#core.torrent(id),
      method:
        (name) =>
        (...args) =>
          this.call(`${what}.${name}`, args, () => {
            const keys = name.split('.');
            const method = keys.pop() ?? '';
            let owner = value as Readonly<Record<string, unknown>>;
            for (const key of keys) owner = owner[key] as typeof owner;
            return Reflect.apply(owner[method] as () => unknown, owner, args) as unknown;
          }),
    };
  }

  get #step(): OpenStep {
    const step = this.#steps[this.#steps.length - 1];
    if (step === undefined) throw new Error('nothing has happened yet');
    return step;
  }
}

/** Writes the answer of an app call to the tape. */
export function reportAnswer({ out }: Tape, id: number, answer: Promise<unknown>): void {
  answer.then(
    (value) => out('answer', id, value),
    (error: unknown) => out('refusal', id, error),
  );
}

/** Writes the end of a paced task to the tape. */
export function reportEnd({ out }: Tape, id: number, task: unknown): unknown {
  if (task instanceof Promise) {
    const over = (): void => out('over', id);
    task.then(over, over);
  }
  return task;
}

/** Drops repeats at the end: the last answer holds for the rest of the step. */
function withoutRepeats(answers: readonly number[]): readonly number[] {
  let { length } = answers;
  while (length > 1 && answers[length - 2] === answers[length - 1]) length--;
  return answers.slice(0, length);
}
