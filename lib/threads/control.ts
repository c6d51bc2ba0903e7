// Calls from one thread to another: a wrapper around comlink, typed on both sides by the interface of
// the methods. Comlink alone leaves every pending call hanging when the far thread dies, and removes the
// codes of errors. Here, a death rejects all calls with one error, and errors travel as records.
//
// Outcomes are returned as values, because comlink's handler for thrown errors is global to the
// process and an embedder may use comlink, too. No comlink type appears in an exported signature:
// they need DOM types.

import { expose, wrap } from 'comlink';
import nodeEndpoint from 'comlink/dist/umd/node-adapter.js';
import { MillraceError, recordOf } from '../errors/millrace-error';
import type { ErrorRecord } from '../errors/millrace-error';

/** The part of `MessagePort`, `Worker` and `parentPort` that comlink needs. */
export interface ControlPort {
  postMessage(value: unknown): void;
  on(event: 'message', listener: (value: unknown) => void): unknown;
  off(event: 'message', listener: (value: unknown) => void): unknown;
}

type MethodOf<T> = keyof T & string;

type ArgsOf<T, Name extends keyof T> = T[Name] extends (...args: infer Args) => unknown
  ? Args
  : never;

type ResultOf<T, Name extends keyof T> = T[Name] extends (...args: never) => infer Result
  ? Awaited<Result>
  : never;

/** The same methods, each returning a promise. */
export type ControlProxy<T> = {
  readonly [Name in MethodOf<T>]: (...args: ArgsOf<T, Name>) => Promise<ResultOf<T, Name>>;
};

type Outcome<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly error: ErrorRecord };

/** The only function that crosses: the name of a method, and its arguments. It never rejects. */
type Call<T> = <Name extends MethodOf<T>>(
  name: Name,
  args: ArgsOf<T, Name>,
) => Promise<Outcome<ResultOf<T, Name>>>;

function endpointOf(port: ControlPort): ReturnType<typeof nodeEndpoint> {
  return nodeEndpoint(port as Parameters<typeof nodeEndpoint>[0]);
}

/** Answers calls from the port with the methods of `api`. */
export function exposeControl<T extends object>(api: T, port: ControlPort): void {
  const call: Call<T> = async (name, args) => {
    try {
      const method = name === 'constructor' ? undefined : api[name];
      if (typeof method !== 'function') {
        throw new MillraceError('unexpected', `there is no method ${name} to call`);
      }
      return { ok: true, value: await Reflect.apply(method, api, args) };
    } catch (error) {
      return { ok: false, error: recordOf(error) };
    }
  };
  expose(call, endpointOf(port));
}

/**
 * The methods exposed by the far side. A call rejects with a MillraceError that has the far side's
 * code. Once `died` has resolved, pending and later calls reject with that error.
 */
export function wrapControl<T>(port: ControlPort, died: Promise<MillraceError>): ControlProxy<T> {
  // Comlink's `Remote` of a generic function takes no arguments, by its types.
  const remote = wrap(endpointOf(port)) as unknown as Call<T>;
  const pending = new Set<(error: MillraceError) => void>();
  let death: MillraceError | undefined;

  const settleAll = (error: MillraceError): void => {
    death = error;
    for (const reject of pending) reject(error);
    pending.clear();
  };
  died.then(settleAll, (error: unknown) => settleAll(MillraceError.fromRecord(recordOf(error))));

  const start = <Name extends MethodOf<T>>(
    name: Name,
    args: ArgsOf<T, Name>,
  ): Promise<ResultOf<T, Name>> => {
    if (death !== undefined) return Promise.reject(death);
    return new Promise((resolve, reject) => {
      pending.add(reject);
      remote(name, args).then(
        (outcome) => {
          pending.delete(reject);
          if (outcome.ok) resolve(outcome.value);
          else reject(MillraceError.fromRecord(outcome.error));
        },
        // Arguments or a result that cannot be cloned: comlink's own error, without a code.
        (error: unknown) => {
          pending.delete(reject);
          reject(
            new MillraceError(
              'unexpected',
              `the call of ${name} could not cross to the other thread or back: ${recordOf(error).message}`,
            ),
          );
        },
      );
    });
  };
  return new Proxy(Object.create(null) as ControlProxy<T>, {
    get(_target, name) {
      // `then` must stay undefined: an awaited proxy would otherwise call it.
      if (typeof name === 'symbol' || name === 'then') return undefined;
      const method = name as MethodOf<T>;
      return (...args: ArgsOf<T, typeof method>) => start(method, args);
    },
  });
}
