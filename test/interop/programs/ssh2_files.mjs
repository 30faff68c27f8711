/**
 * Files of this machine over the SFTP of ssh2, which has the packets and leaves the rest to its user.
 */
import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';
import ssh2 from 'ssh2';

const { STATUS_CODE, OPEN_MODE } = ssh2.utils.sftp;

const statuses = { ENOENT: STATUS_CODE.NO_SUCH_FILE, EACCES: STATUS_CODE.PERMISSION_DENIED };

const attributesOf = ({ mode, uid, gid, size, atimeMs, mtimeMs }) => ({
  ...{ mode, uid, gid, size },
  atime: Math.floor(atimeMs / 1000),
  mtime: Math.floor(mtimeMs / 1000),
});

function flagsOf(flags) {
  const reads = (flags & OPEN_MODE.READ) !== 0;
  const writes = (flags & (OPEN_MODE.WRITE | OPEN_MODE.APPEND)) !== 0;
  return (
    (writes ? (reads ? constants.O_RDWR : constants.O_WRONLY) : constants.O_RDONLY) |
    (flags & OPEN_MODE.APPEND ? constants.O_APPEND : 0) |
    (flags & OPEN_MODE.CREAT ? constants.O_CREAT : 0) |
    (flags & OPEN_MODE.TRUNC ? constants.O_TRUNC : 0) |
    (flags & OPEN_MODE.EXCL ? constants.O_EXCL : 0)
  );
}

async function change(path, { size, mode, atime, mtime, uid, gid }) {
  if (size !== undefined) await fs.truncate(path, size);
  if (mode !== undefined) await fs.chmod(path, mode & 0o7777);
  if (atime !== undefined && mtime !== undefined) await fs.utimes(path, atime, mtime);
  if (uid !== undefined && gid !== undefined) await fs.chown(path, uid, gid);
}

/** Answers each request of one session. */
export function serveFiles(sftp) {
  const open = new Map();
  let last = 0;
  const find = (handle) => {
    const found = open.get(handle.toString('latin1'));
    if (found === undefined) throw new Error('no such handle');
    return found;
  };
  const give = (id, thing) => {
    const name = String(last++);
    open.set(name, thing);
    sftp.handle(id, Buffer.from(name, 'latin1'));
  };
  const serve = (name, work) => {
    sftp.on(name, (id, ...given) => {
      work(id, ...given).then(
        (done) => {
          if (done !== false) sftp.status(id, STATUS_CODE.OK);
        },
        (error) => sftp.status(id, statuses[error.code] ?? STATUS_CODE.FAILURE, error.message),
      );
    });
  };
  /** As `serve`, for work that sends its own answer. */
  const answer = (name, work) =>
    serve(name, async (...given) => {
      await work(...given);
      return false;
    });

  answer('OPEN', async (id, path, flags, { mode }) => {
    give(id, { path, file: await fs.open(path, flagsOf(flags), mode) });
  });
  answer('OPENDIR', async (id, path) => give(id, { path, names: await fs.readdir(path) }));
  serve('CLOSE', async (_id, handle) => {
    const { file } = find(handle);
    open.delete(handle.toString('latin1'));
    await file?.close();
  });
  answer('READ', async (id, handle, offset, length) => {
    const { file } = find(handle);
    const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, offset);
    if (bytesRead === 0) sftp.status(id, STATUS_CODE.EOF);
    else sftp.data(id, buffer.subarray(0, bytesRead));
  });
  serve('WRITE', async (_id, handle, offset, data) => {
    await find(handle).file.write(data, 0, data.length, offset);
  });
  answer('READDIR', async (id, handle) => {
    const { path, names } = find(handle);
    const some = names.splice(0, 100);
    if (some.length === 0) return sftp.status(id, STATUS_CODE.EOF);
    const entries = some.map(async (filename) => ({
      filename,
      longname: filename,
      attrs: attributesOf(await fs.lstat(`${path}/${filename}`)),
    }));
    sftp.name(id, await Promise.all(entries));
  });
  answer('STAT', async (id, path) => sftp.attrs(id, attributesOf(await fs.stat(path))));
  answer('LSTAT', async (id, path) => sftp.attrs(id, attributesOf(await fs.lstat(path))));
  answer('FSTAT', async (id, handle) => sftp.attrs(id, attributesOf(await find(handle).file.stat())));
  serve('SETSTAT', async (_id, path, attributes) => change(path, attributes));
  serve('FSETSTAT', async (_id, handle, attributes) => change(find(handle).path, attributes));
  serve('REMOVE', async (_id, path) => fs.unlink(path));
  serve('MKDIR', async (_id, path, { mode }) => fs.mkdir(path, mode));
  serve('RMDIR', async (_id, path) => fs.rmdir(path));
  serve('RENAME', async (_id, from, to) => {
    const there = await fs.lstat(to).catch(() => undefined);
    if (there !== undefined) throw new Error('it is there');
    await fs.rename(from, to);
  });
  serve('SYMLINK', async (_id, path, target) => fs.symlink(target, path));
  answer('READLINK', async (id, path) => {
    sftp.name(id, [{ filename: await fs.readlink(path), longname: '', attrs: {} }]);
  });
  answer('REALPATH', async (id, path) => {
    sftp.name(id, [{ filename: await fs.realpath(path), longname: '', attrs: {} }]);
  });
}
