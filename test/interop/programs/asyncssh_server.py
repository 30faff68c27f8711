"""The laboratory's server on asyncssh: see README.md for what it answers."""
import asyncio
import hashlib
import os

import asyncssh

USER = os.environ['LAB_USER']
PASSWORD = os.environ['LAB_PASSWORD']
REKEY = int(os.environ['LAB_REKEY_BYTES'])


class Server(asyncssh.SSHServer):
    def begin_auth(self, username):
        return True

    def password_auth_supported(self):
        return True

    def validate_password(self, username, password):
        return username == USER and password == PASSWORD

    def kbdint_auth_supported(self):
        return True

    def get_kbdint_challenge(self, username, lang, submethods):
        return 'challenge', 'say it', 'en', [('Password: ', False)]

    def validate_kbdint_response(self, username, responses):
        return username == USER and list(responses) == [PASSWORD]

    def connection_requested(self, dest_host, dest_port, orig_host, orig_port):
        return True

    def server_requested(self, listen_host, listen_port):
        return True

    def unix_connection_requested(self, dest_path):
        return True

    def unix_server_requested(self, listen_path):
        return True


async def handle(process):
    command = process.command or process.subsystem or ''
    verb, _, argument = command.partition(' ')
    try:
        status = await answer(process, verb, argument)
    except (asyncssh.BreakReceived, BrokenPipeError, ConnectionError):
        status = 1
    if status is None:
        process.exit_with_signal('TERM')
    else:
        process.exit(status)


async def answer(process, verb, argument):
    if verb == 'status':
        process.stdout.write(b'out\n')
        process.stderr.write(b'err\n')
        return int(argument)
    if verb == 'send':
        with open(os.environ['LAB_PATTERN'], 'rb') as file:
            pattern = file.read()
        left, at = int(argument), 0
        while left > 0:
            piece = pattern[at:at + min(left, 32768)]
            process.stdout.write(piece)
            await process.stdout.drain()
            left -= len(piece)
            at = (at + len(piece)) % len(pattern)
        return 0
    if verb == 'hash':
        digest = hashlib.sha256()
        while True:
            piece = await process.stdin.read(65536)
            if not piece:
                break
            digest.update(piece)
        process.stdout.write(digest.hexdigest().encode() + b'\n')
        return 0
    if verb == 'echo':
        while True:
            piece = await process.stdin.read(65536)
            if not piece:
                return 0
            process.stdout.write(piece)
            await process.stdout.drain()
    if verb == 'size':
        while True:
            columns, rows, _, _ = process.term_size
            process.stdout.write(f'{rows} {columns}\r\n'.encode())
            try:
                if not await process.stdin.read(1):
                    return 0
            except asyncssh.TerminalSizeChanged:
                pass
    if verb == 'signal':
        return None
    process.stderr.write(b'no such command\n')
    return 127


async def main():
    options = {'rekey_bytes': REKEY} if REKEY else {}
    await asyncssh.create_server(
        Server, '127.0.0.1', int(os.environ['LAB_PORT']),
        server_host_keys=os.environ['LAB_HOST_KEYS'].split(':'),
        authorized_client_keys=os.environ['LAB_AUTHORIZED_KEYS'],
        process_factory=handle, sftp_factory=True, encoding=None, line_editor=False,
        kex_algs='*', encryption_algs='*', mac_algs='*', compression_algs='*', signature_algs='*', **options)
    await asyncio.get_running_loop().create_future()


asyncio.run(main())
