"""The laboratory's server on paramiko: see README.md for what it answers."""
import hashlib
import os
import socket
import threading

import paramiko

USER = os.environ['LAB_USER']
PASSWORD = os.environ['LAB_PASSWORD']
REKEY = int(os.environ['LAB_REKEY_BYTES'])


def load(path):
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            return kind.from_private_key_file(path)
        except (paramiko.SSHException, ValueError, IndexError):
            continue
    raise SystemExit(f'{path} is of no known kind')


HOST_KEYS = [load(path) for path in os.environ['LAB_HOST_KEYS'].split(':')]
with open(os.environ['LAB_AUTHORIZED_KEYS']) as lines:
    AUTHORIZED = {line.split()[1] for line in lines if line.strip()}


class Transport(paramiko.Transport):
    """Tells when the answer to a request has left: nothing of a command may go before it."""

    def __init__(self, connection):
        super().__init__(connection)
        self.granted = []

    def _send_user_message(self, data):
        super()._send_user_message(data)
        if self.granted and data.asbytes()[0] == paramiko.common.MSG_CHANNEL_SUCCESS:
            self.granted.pop(0)()


class Server(paramiko.ServerInterface):
    def __init__(self):
        self.sizes = {}
        self.changed = threading.Condition()

    def get_allowed_auths(self, username):
        return 'publickey,password,keyboard-interactive'

    def check_auth_none(self, username):
        return paramiko.AUTH_FAILED

    def check_auth_password(self, username, password):
        good = username == USER and password == PASSWORD
        return paramiko.AUTH_SUCCESSFUL if good else paramiko.AUTH_FAILED

    def check_auth_publickey(self, username, key):
        good = username == USER and key.get_base64() in AUTHORIZED
        return paramiko.AUTH_SUCCESSFUL if good else paramiko.AUTH_FAILED

    def check_auth_interactive(self, username, submethods):
        return paramiko.InteractiveQuery('challenge', 'say it', ('Password: ', False))

    def check_auth_interactive_response(self, responses):
        return paramiko.AUTH_SUCCESSFUL if list(responses) == [PASSWORD] else paramiko.AUTH_FAILED

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED if kind == 'session' else paramiko.OPEN_FAILED_UNKNOWN_CHANNEL_TYPE

    def check_channel_pty_request(self, channel, term, width, height, pixelwidth, pixelheight, modes):
        self.sizes[channel.get_id()] = (height, width)
        return True

    def check_channel_window_change_request(self, channel, width, height, pixelwidth, pixelheight):
        with self.changed:
            self.sizes[channel.get_id()] = (height, width)
            self.changed.notify_all()
        return True

    def check_channel_exec_request(self, channel, command):
        return self.begin(channel, command.decode())

    def check_channel_subsystem_request(self, channel, name):
        if name == 'sftp':
            return super().check_channel_subsystem_request(channel, name)
        if name != 'echo':
            return False
        return self.begin(channel, name)

    def begin(self, channel, command):
        thread = threading.Thread(target=self.handle, args=(channel, command), daemon=True)
        channel.transport.granted.append(thread.start)
        return True

    def handle(self, channel, command):
        verb, _, argument = command.partition(' ')
        try:
            status = self.answer(channel, verb, argument)
            if status is None:
                message = paramiko.Message()
                message.add_byte(paramiko.common.cMSG_CHANNEL_REQUEST)
                message.add_int(channel.remote_chanid)
                message.add_string('exit-signal')
                message.add_boolean(False)
                message.add_string('TERM')
                message.add_boolean(False)
                message.add_string('')
                message.add_string('')
                channel.transport._send_user_message(message)
            else:
                channel.send_exit_status(status)
            channel.shutdown_write()
        except (OSError, EOFError):
            pass
        channel.close()

    def answer(self, channel, verb, argument):
        if verb == 'status':
            channel.sendall(b'out\n')
            channel.sendall_stderr(b'err\n')
            return int(argument)
        if verb == 'send':
            with open(os.environ['LAB_PATTERN'], 'rb') as file:
                pattern = file.read()
            left, at = int(argument), 0
            while left > 0:
                piece = pattern[at:at + min(left, 32768)]
                channel.sendall(piece)
                left -= len(piece)
                at = (at + len(piece)) % len(pattern)
            return 0
        if verb == 'hash':
            digest = hashlib.sha256()
            while piece := channel.recv(65536):
                digest.update(piece)
            channel.sendall(digest.hexdigest().encode() + b'\n')
            return 0
        if verb == 'echo':
            while piece := channel.recv(65536):
                channel.sendall(piece)
            return 0
        if verb == 'size':
            shown = None
            while not channel.closed and not channel.eof_received:
                with self.changed:
                    size = self.sizes[channel.get_id()]
                    if size == shown:
                        self.changed.wait(0.05)
                        continue
                shown = size
                channel.sendall(f'{size[0]} {size[1]}\r\n'.encode())
            return 0
        if verb == 'signal':
            return None
        channel.sendall_stderr(b'no such command\n')
        return 127


def refusal(call):
    """The library has no file of its own: this is what its documentation shows."""
    def guarded(*given):
        try:
            answer = call(*given)
            return paramiko.SFTP_OK if answer is None else answer
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)
    return guarded


def change(path, attr):
    """As set_file_attr of the library, which empties a file that is to be cut."""
    if attr._flags & attr.FLAG_SIZE:
        os.truncate(path, attr.st_size)
        attr._flags &= ~attr.FLAG_SIZE
    paramiko.SFTPServer.set_file_attr(path, attr)


class Handle(paramiko.SFTPHandle):
    def stat(self):
        return paramiko.SFTPAttributes.from_stat(os.fstat(self.readfile.fileno()))

    @refusal
    def chattr(self, attr):
        change(self.filename, attr)


class Files(paramiko.SFTPServerInterface):
    @refusal
    def list_folder(self, path):
        found = []
        for name in os.listdir(path):
            attributes = paramiko.SFTPAttributes.from_stat(os.lstat(os.path.join(path, name)))
            attributes.filename = name
            found.append(attributes)
        return found

    @refusal
    def stat(self, path):
        return paramiko.SFTPAttributes.from_stat(os.stat(path))

    @refusal
    def lstat(self, path):
        return paramiko.SFTPAttributes.from_stat(os.lstat(path))

    @refusal
    def open(self, path, flags, attr):
        descriptor = os.open(path, flags, 0o666 if attr.st_mode is None else attr.st_mode)
        kind = 'ab+' if flags & os.O_APPEND else 'rb+' if flags & (os.O_WRONLY | os.O_RDWR) else 'rb'
        if flags & os.O_WRONLY:
            kind = 'ab' if flags & os.O_APPEND else 'wb'
        file = os.fdopen(descriptor, kind, buffering=0)
        handle = Handle(flags)
        handle.filename, handle.readfile, handle.writefile = path, file, file
        return handle

    @refusal
    def remove(self, path):
        os.remove(path)

    @refusal
    def rename(self, oldpath, newpath):
        if os.path.lexists(newpath):
            return paramiko.SFTP_FAILURE
        os.rename(oldpath, newpath)

    @refusal
    def posix_rename(self, oldpath, newpath):
        os.replace(oldpath, newpath)

    @refusal
    def mkdir(self, path, attr):
        os.mkdir(path)
        change(path, attr)

    @refusal
    def rmdir(self, path):
        os.rmdir(path)

    @refusal
    def chattr(self, path, attr):
        change(path, attr)

    @refusal
    def symlink(self, target_path, path):
        os.symlink(target_path, path)

    def readlink(self, path):
        try:
            return os.readlink(path)
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)

    def canonicalize(self, path):
        return os.path.realpath(path)


def serve(connection):
    transport = Transport(connection)
    for key in HOST_KEYS:
        transport.add_server_key(key)
    if REKEY:
        transport.packetizer.REKEY_BYTES = REKEY
    try:
        transport.set_subsystem_handler('sftp', paramiko.SFTPServer, Files)
        transport.start_server(server=Server())
        # A channel that nobody holds is closed by the garbage collector.
        channels = set()
        while transport.is_active():
            channels.add(transport.accept(1))
            channels = {channel for channel in channels if channel is not None and not channel.closed}
    except (paramiko.SSHException, EOFError, OSError):
        pass
    transport.close()


# Group exchange is offered in any case, and ends the connection without these.
paramiko.Transport.load_server_moduli('/etc/ssh/moduli')

listener = socket.create_server(('127.0.0.1', int(os.environ['LAB_PORT'])), backlog=100)
while True:
    accepted, _ = listener.accept()
    threading.Thread(target=serve, args=(accepted,), daemon=True).start()
