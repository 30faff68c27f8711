"""Files on a server, by paramiko: `paramiko_client.py PORT KEY KNOWN_HOSTS FOLDER`."""
import os
import sys

import paramiko

PORT, KEY, KNOWN, FOLDER = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]


def local(name):
    return os.path.join(FOLDER, name)


client = paramiko.SSHClient()
client.load_host_keys(KNOWN)
client.connect('127.0.0.1', PORT, 'ops', key_filename=KEY, look_for_keys=False, allow_agent=False)
sftp = client.open_sftp()
sftp.mkdir('/work')
sftp.put(local('big'), '/work/big')
sftp.get('/work/big', local('back'))
sftp.rename('/work/big', '/work/renamed')
print(' '.join(sorted(sftp.listdir('/work'))))
sftp.put(local('head'), '/work/half')
with sftp.open('/work/half', 'ab') as file, open(local('big'), 'rb') as source:
    source.seek(sftp.stat('/work/half').st_size)
    file.set_pipelined(True)
    file.write(source.read())
with sftp.open('/work/renamed', 'rb') as file, open(local('part'), 'r+b') as part:
    part.seek(0, 2)
    file.seek(part.tell())
    file.prefetch()
    part.write(file.read())
for folder, folders, files in os.walk(local('tree')):
    there = '/tree' + folder[len(local('tree')):]
    sftp.mkdir(there)
    for name in files:
        sftp.put(os.path.join(folder, name), there + '/' + name)
os.mkdir(local('treeBack'))


def bring(there, here):
    for entry in sftp.listdir_attr(there):
        if entry.longname.startswith('d'):
            os.mkdir(os.path.join(here, entry.filename))
            bring(there + '/' + entry.filename, os.path.join(here, entry.filename))
        else:
            sftp.get(there + '/' + entry.filename, os.path.join(here, entry.filename))


bring('/tree', local('treeBack'))
sftp.chmod('/work/half', 0o600)
sftp.symlink('renamed', '/work/link')
assert sftp.readlink('/work/link') == 'renamed'
assert sftp.normalize('/work/../work/link') == '/work/renamed'
sftp.remove('/work/link')
sftp.utime('/work/half', (1000, 2000))
assert sftp.stat('/work/half').st_mtime == 2000
sftp.posix_rename('/work/half', '/work/link')
sftp.rename('/work/link', '/work/half')
sftp.put(local('head'), '/work/gone')
sftp.remove('/work/gone')
sftp.mkdir('/empty')
sftp.rmdir('/empty')
try:
    sftp.stat('/work/gone')
    sys.exit('a file that was removed is there')
except FileNotFoundError:
    pass
client.close()
