// Calls from one thread to another: a wrapper around comlink. Comlink alone leaves every pending
// call hanging when the far thread dies, and removes the codes of errors. Here, a death rejects all
// calls with one error, and errors travel as records.
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

/** The same methods, each returning a promise. */
export type ControlProxy<T> = {
  readonly [Name in keyof T]: T[Name] extends (...args: infer Args) => infer Result
    ? (...args: Args) => Promise<Awaited<Result>>
    : never;
};

type Outcome =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: ErrorRecord };

/** The only function that crosses: the name of a method, and its arguments. */
type Call = (method: string, args: readonly unknown[]) => Promise<Outcome>;

function endpointOf(port: ControlPort): ReturnType<typeof nodeEndpoint> {
  return nodeEndpoint(port as Parameters<typeof nodeEndpoint>[0]);
}

/** Answers calls from the port with the methods of `api`. */
export function exposeControl(api: object, port: ControlPort): void {
  const methods = api as Readonly<Record<string, unknown>>;
  const call: Call = async (method, args) => {
    try {
      const target = method === 'constructor' ? undefined : methods[method];
      if (typeof target !== 'function') {
        throw new MillraceError('unexpected', `there is no method ${method} to call`);
      }
      const value: unknown = await Reflect.apply(target, api, args);
      return { ok: true, value };
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
  const remote = wrap(endpointOf(port)) as unknown as Call;
  const pending = new Set<(error: MillraceError) => void>();
  let death: MillraceError | undefined;

  const settleAll = (error: MillraceError): void => {
    death = error;
    for (const reject of pending) reject(error);
    pending.clear();
  };
  died.then(settleAll, (error: unknown) => settleAll(MillraceError.fromRecord(recordOf(error))));

  const start = (method: string, args: readonly unknown[]): Promise<unknown> => {
    if (death !== undefined) return Promise.reject(death);
    return new Promise((resolve, reject) => {
      pending.add(reject);
      remote(method, args).then(
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
              `the call of ${method} could not cross to the other thread or back: ${recordOf(error).message}`,
            ),
          );
        },
      );
    });
  };

  const methods = new Map<string, (...args: unknown[]) => Promise<unknown>>();
  return new Proxy(Object.create(null) as object, {
    get(_target, name) {
      // `then` must stay undefined: an awaited proxy would otherwise call it.
      if (typeof name === 'symbol' || name === 'then') return undefined;
      let method = methods.get(name);
      if (method === undefined) {
        method = (...args) => start(name, args);
        methods.set(name, method);
      }
      return method;
    },
  }) as ControlProxy<T>;
}
