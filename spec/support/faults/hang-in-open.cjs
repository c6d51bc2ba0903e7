// Preloaded into a process and its threads: a thread that opens the file `MILLRACE_HANG` hangs in the
// system call, as over a dead network mount. The file's place is taken by a pipe that nobody writes to.
'use strict';
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const { isMainThread } = require('node:worker_threads');

const hanging = process.env.MILLRACE_HANG;
const pipe = `${hanging}.pipe`;
const open = fs.openSync;

if (isMainThread) execFileSync('mkfifo', [pipe]);
else
  fs.openSync = (path, ...rest) => {
    if (path !== hanging) return open(path, ...rest);
    fs.writeSync(2, 'hangs\n');
    return open(pipe, fs.constants.O_RDONLY);
  };
