// What Node throws where the system has no thread left for it (seen on Node 20 with `ulimit -u`).

export function noThread(): Error {
  return Object.assign(new Error('EAGAIN'), { code: 'ERR_WORKER_INIT_FAILED' });
}
