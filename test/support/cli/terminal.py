"""
A terminal with a program on it, driven over pipes.

Owns: the pseudo-terminal, its size and modes; the program is the leader of a
session of its own, as in a terminal window.
Must not know: what is typed and why.

Reads one JSON object a line: {"write": base64}, {"resize": [rows, columns]},
{"modes": id}, {"signal": number}. Writes the same way: {"output": base64},
{"modes": {...}, "id": id}, {"exit": status, "modes": {...}}.
"""
import base64
import fcntl
import json
import os
import select
import struct
import subprocess
import sys
import termios

master, slave = os.openpty()


def resize(rows, columns):
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))


def take_terminal():
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)


def modes():
    iflag, oflag, cflag, lflag, _, _, _ = attributes = termios.tcgetattr(slave)
    return {
        'echo': bool(lflag & termios.ECHO),
        'icanon': bool(lflag & termios.ICANON),
        'isig': bool(lflag & termios.ISIG),
        'opost': bool(oflag & termios.OPOST),
        'icrnl': bool(iflag & termios.ICRNL),
        'asBefore': attributes == before,
    }


def tell(event):
    sys.stdout.write(json.dumps(event) + '\n')
    sys.stdout.flush()


resize(int(sys.argv[1]), int(sys.argv[2]))
before = termios.tcgetattr(slave)
child = subprocess.Popen(
    sys.argv[3:], stdin=slave, stdout=slave, stderr=slave, start_new_session=True, preexec_fn=take_terminal
)


def pass_output(timeout):
    while select.select([master], [], [], timeout)[0]:
        tell({'output': base64.b64encode(os.read(master, 65536)).decode()})


def obey(order):
    if 'write' in order:
        os.write(master, base64.b64decode(order['write']))
    elif 'resize' in order:
        # The kernel tells the program by SIGWINCH.
        resize(*order['resize'])
    elif 'modes' in order:
        tell({'modes': modes(), 'id': order['modes']})
    elif 'signal' in order:
        child.send_signal(order['signal'])


pending = b''
ended = False
while child.poll() is None:
    # A turn now and then notices the end of the program.
    readable, _, _ = select.select([master] + ([] if ended else [0]), [], [], 0.02)
    if master in readable:
        pass_output(0)
    if 0 in readable:
        chunk = os.read(0, 65536)
        if chunk == b'':
            # Nobody drives any more.
            ended = True
            child.kill()
        pending += chunk
        *lines, pending = pending.split(b'\n')
        for line in lines:
            obey(json.loads(line))
pass_output(0)
tell({'exit': child.returncode, 'modes': modes()})
