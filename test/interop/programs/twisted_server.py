"""The laboratory's server on Twisted Conch: see README.md for what it answers."""
import hashlib
import os
import struct

from twisted.conch import avatar
from twisted.conch.ssh import channel, common, connection, factory, keys, session, transport, userauth
from twisted.conch.checkers import InMemorySSHKeyDB, SSHPublicKeyChecker
from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.portal import IRealm, Portal
from twisted.internet import reactor, task
from zope.interface import implementer

USER = os.environ['LAB_USER'].encode()
PASSWORD = os.environ['LAB_PASSWORD'].encode()
REKEY = int(os.environ['LAB_REKEY_BYTES'])
with open(os.environ['LAB_PATTERN'], 'rb') as file:
    PATTERN = file.read()


class Session(channel.SSHChannel):
    """A session channel without the process that Conch's own would start."""

    name = b'session'
    verb = None
    size = None
    paused = False

    def request_pty_req(self, data):
        _, size, _ = session.parseRequest_pty_req(data)
        self.size = size
        return True

    def request_env(self, data):
        return False

    def request_window_change(self, data):
        self.size = session.parseRequest_window_change(data)
        if self.verb == 'size':
            self.show_size()
        return True

    def request_exec(self, data):
        return self.begin(common.getNS(data)[0].decode())

    def request_subsystem(self, data):
        name = common.getNS(data)[0].decode()
        return name == 'echo' and self.begin(name)

    def begin(self, command):
        self.verb, _, argument = command.partition(' ')
        self.digest = hashlib.sha256()
        # The answer to the request has to leave before anything else does.
        reactor.callLater(0, self.start, argument)
        return True

    def start(self, argument):
        if self.verb == 'status':
            self.write(b'out\n')
            self.writeExtended(connection.EXTENDED_DATA_STDERR, b'err\n')
            self.finish(int(argument))
        elif self.verb == 'send':
            self.left, self.at = int(argument), 0
            self.sender = task.LoopingCall(self.send_piece)
            self.sender.start(0, now=True)
        elif self.verb == 'size':
            self.show_size()
        elif self.verb == 'signal':
            payload = common.NS(b'TERM') + b'\0' + common.NS(b'') + common.NS(b'')
            self.conn.sendRequest(self, b'exit-signal', payload)
            self.loseConnection()
        elif self.verb not in ('hash', 'echo'):
            self.writeExtended(connection.EXTENDED_DATA_STDERR, b'no such command\n')
            self.finish(127)

    def send_piece(self):
        if self.localClosed:
            self.sender.stop()
            return
        for _ in range(16):
            if self.left == 0:
                self.sender.stop()
                self.finish(0)
                return
            if self.paused:
                return
            piece = PATTERN[self.at:self.at + min(self.left, 32768)]
            self.write(piece)
            self.left -= len(piece)
            self.at = (self.at + len(piece)) % len(PATTERN)

    def show_size(self):
        self.write(b'%d %d\r\n' % (self.size[0], self.size[1]))

    def dataReceived(self, data):
        if self.verb == 'hash':
            self.digest.update(data)
        elif self.verb == 'echo':
            self.write(data)

    def eofReceived(self):
        if self.verb == 'hash':
            self.write(self.digest.hexdigest().encode() + b'\n')
        if self.verb in ('hash', 'echo', 'size'):
            self.finish(0)

    def stopWriting(self):
        self.paused = True

    def startWriting(self):
        self.paused = False

    def closed(self):
        if getattr(self, 'sender', None) is not None and self.sender.running:
            self.sender.stop()

    def finish(self, status):
        self.conn.sendRequest(self, b'exit-status', struct.pack('>L', status))
        self.loseConnection()


class User(avatar.ConchUser):
    def __init__(self):
        avatar.ConchUser.__init__(self)
        self.channelLookup[b'session'] = Session


@implementer(IRealm)
class Realm:
    def requestAvatar(self, avatarId, mind, *interfaces):
        return interfaces[0], User(), lambda: None


class Transport(transport.SSHServerTransport):
    """Conch exchanges keys again only when asked; a byte count asks here."""

    since = 0

    def ssh_NEWKEYS(self, packet):
        transport.SSHServerTransport.ssh_NEWKEYS(self, packet)
        self.since = 0

    def sendPacket(self, messageType, payload):
        transport.SSHServerTransport.sendPacket(self, messageType, payload)
        self.since += len(payload)
        if REKEY and self.since > REKEY and self._keyExchangeState == self._KEY_EXCHANGE_NONE:
            self.since = 0
            self.sendKexInit()


class Factory(factory.SSHFactory):
    protocol = Transport
    services = {b'ssh-userauth': userauth.SSHUserAuthServer, b'ssh-connection': connection.SSHConnection}

    def __init__(self):
        loaded = [keys.Key.fromFile(path) for path in os.environ['LAB_HOST_KEYS'].split(':')]
        self.privateKeys = {key.sshType(): key for key in loaded}
        self.publicKeys = {name: key.public() for name, key in self.privateKeys.items()}


with open(os.environ['LAB_AUTHORIZED_KEYS'], 'rb') as lines:
    authorized = [keys.Key.fromString(line) for line in lines if line.strip()]
passwords = InMemoryUsernamePasswordDatabaseDontUse()
passwords.addUser(USER, PASSWORD)
Factory.portal = Portal(Realm(), [passwords, SSHPublicKeyChecker(InMemorySSHKeyDB({USER: authorized}))])
reactor.listenTCP(int(os.environ['LAB_PORT']), Factory(), interface='127.0.0.1')
reactor.run()
