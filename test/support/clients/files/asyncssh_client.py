"""Files on a server, by asyncssh: `asyncssh_client.py PORT KEY KNOWN_HOSTS FOLDER`."""
import asyncio
import os
import sys

import asyncssh

PORT, KEY, KNOWN, FOLDER = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]


def local(name):
    return os.path.join(FOLDER, name)


async def main():
    async with asyncssh.connect('127.0.0.1', PORT, username='ops', client_keys=[KEY], known_hosts=KNOWN) as connection:
        async with connection.start_sftp_client() as sftp:
            await sftp.mkdir('/work')
            await sftp.put(local('big'), '/work/big')
            await sftp.get('/work/big', local('back'))
            await sftp.rename('/work/big', '/work/renamed')
            print(' '.join(sorted(await sftp.listdir('/work'))))
            await sftp.put(local('head'), '/work/half')
            size = (await sftp.stat('/work/half')).size
            async with sftp.open('/work/half', 'r+b') as file:
                with open(local('big'), 'rb') as source:
                    source.seek(size)
                    await file.seek(size)
                    await file.write(source.read())
            with open(local('part'), 'r+b') as part:
                part.seek(0, 2)
                async with sftp.open('/work/renamed', 'rb') as file:
                    await file.seek(part.tell())
                    part.write(await file.read())
            await sftp.put(local('tree'), '/', recurse=True)
            await sftp.get('/tree', local('treeBack'), recurse=True)
            await sftp.chmod('/work/half', 0o600)
            await sftp.symlink('renamed', '/work/link')
            assert await sftp.readlink('/work/link') == 'renamed'
            assert await sftp.realpath('/work/../work/link') == '/work/renamed'
            await sftp.truncate('/work/half', size=5)
            await sftp.put(local('big'), '/work/half')
            await sftp.posix_rename('/work/half', '/work/link')
            await sftp.rename('/work/link', '/work/half')
            await sftp.put(local('head'), '/work/gone')
            await sftp.remove('/work/gone')
            await sftp.mkdir('/empty')
            await sftp.rmdir('/empty')
            try:
                await sftp.stat('/work/gone')
                raise SystemExit('a file that was removed is there')
            except asyncssh.SFTPNoSuchFile:
                pass


asyncio.run(main())
