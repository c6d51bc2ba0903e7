// Calls from one thread to another: comlink, wrapped once. Comlink alone leaves every pending call
// hanging when the far thread dies, and strips errors of their codes; here the first rejects all
// calls with one error, and the second travel as records.
//
// Outcomes are returned as values instead of replacing comlink's handler for thrown errors: that
// handler is global to the process, and an embedder may use comlink, too. No comlink type appears in
// an exported signature: they need the DOM's.

import { expose, wrap } from 'comlink';
import nodeEndpoint from 'comlink/dist/umd/node-adapter.js';
import { MillraceError, recordOf } from '../errors/millrace-error';
import type { ErrorRecord } from '../errors/millrace-error';

/** What comlink needs of a `MessagePort`, a `Worker` or `parentPort`. */
export interface ControlPort {
  postMessage(value: unknown): void;
  on(event: 'message', listener: (value: unknown) => void): unknown;
  off(event: 'message', listener: (value: unknown) => void): unknown;
}

/** The same methods, each answering with a promise. */
export type ControlProxy<T> = {
  readonly [Name in keyof T]: T[Name] extends (...args: infer Args) => infer Result
    ? (...args: Args) => Promise<Awaited<Result>>
    : never;
};

type Outcome =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: ErrorRecord };

/** The one function that crosses: the name of a method and its arguments. */
type Call = (method: string, args: readonly unknown[]) => Promise<Outcome>;

function endpointOf(port: ControlPort): ReturnType<typeof nodeEndpoint> {
  return nodeEndpoint(port as Parameters<typeof nodeEndpoint>[0]);
}

/** Answers calls that come over the port with the methods of `api`. */
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
 * The methods that the far side exposes. Each call rejects with a MillraceError of the far side's
 * code, or, once `died` has resolved, with that very error: pending calls and all later ones.
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
        // Arguments or an answer that cannot be cloned: comlink's own errors, without a code.
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
