// Paths that are no UTF-8 on the command line, and a working folder that is none: refused with
// their names, because Node would use and create another path.

import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { notText } from '../../lib/cli/not-text';

const ROOT = join(__dirname, '..', '..');

describe('cli: paths that are no text', () => {
  let folder = '';
  before(function () {
    if (process.platform !== 'linux') this.skip(); // elsewhere names are text
    folder = mkdtempSync(join(tmpdir(), 'millrace-bytes-'));
    const inner = Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0xd6, 0xd0])]);
    mkdirSync(inner);
    writeFileSync(Buffer.concat([inner, Buffer.from('/file')]), 'data');
    writeFileSync(join(folder, 'of \ufffd'), 'data');
  });
  after(() => folder !== '' && rmSync(folder, { recursive: true }));

  /** Runs the command by a shell, which can say bytes; `millrace` stands for it in the line. */
  function shell(line: string): Promise<{ code: number; err: string }> {
    const main = join(ROOT, 'lib', 'cli', 'main.ts');
    const register = join(ROOT, 'spec', 'register.cjs');
    const command = `'${process.execPath}' --require '${register}' '${main}'`;
    return new Promise((resolve) => {
      execFile(
        'bash',
        ['-c', line.replace('millrace', command)],
        { cwd: folder },
        (error, _out, err) => resolve({ code: Number(error?.code ?? 0), err }),
      );
    });
  }

  it('refuses an argument, and makes nothing', async () => {
    const before = readdirSync(folder, 'buffer').length;
    const { code, err } = await shell("millrace create $'\\xd6\\xd0/file'");
    expect(err).to.equal(
      'millrace: the argument \\xd6\\xd0/file is not UTF-8, and only what is can be named: rename it\n',
    );
    expect(code).to.equal(2);
    const made = await shell("millrace download none.torrent --output $'\\xd6\\xd0/out'");
    expect(made.err).to.include('\\xd6\\xd0/out is not UTF-8');
    expect(readdirSync(folder, 'buffer')).to.have.length(before);
  });

  it('refuses a working folder', async () => {
    const { code, err } = await shell("cd $'\\xd6\\xd0' && millrace create file");
    expect(err).to.match(
      /^millrace: the working folder .*\/\\xd6\\xd0 has a name that is not UTF-8: /,
    );
    expect(code).to.equal(2);
  });

  it('takes U+FFFD where it is part of a name', async () => {
    const { code } = await shell("millrace create 'of \ufffd' --output out.torrent");
    expect(code).to.equal(0);
    expect(notText(['create', 'of \ufffd'])).to.equal(undefined);
  });
});
