/** What the modes of the local terminal become on the wire. */
import { describe, expect, it } from 'vitest';
import { parseSttyModes } from '../../src/cli/terminal/ttyModes.ts';
import { terminalModeOpcodes } from '../../src/message/terminalModes.ts';

const gnu = `speed 38400 baud; rows 24; columns 80; line = 0;
intr = ^C; quit = ^\\; erase = ^?; kill = ^U; eof = ^D; eol = M-^?; eol2 = <undef>;
swtch = <undef>; start = ^Q; stop = ^S; susp = ^Z; rprnt = ^R; werase = ^W; lnext = ^V;
discard = ^O; min = 1; time = 0;
-parenb -parodd -cmspar cs8 -hupcl -cstopb cread -clocal -crtscts
-ignbrk -brkint -ignpar -parmrk -inpck -istrip -inlcr -igncr icrnl ixon -ixoff -iuclc -ixany -imaxbel
iutf8
opost -olcuc -ocrnl onlcr -onocr -onlret -ofill -ofdel nl0 cr0 tab0 bs0 vt0 ff0
isig icanon iexten echo echoe echok -echonl -noflsh -xcase -tostop -echoprt echoctl echoke -flusho
-extproc
`;

const bsd = `speed 9600 baud; 47 rows; 153 columns;
lflags: icanon isig iexten echo echoe -echok echoke -echonl echoctl
	-echoprt -altwerase -noflsh -tostop -flusho pendin -nokerninfo
	-extproc
iflags: -istrip icrnl -inlcr -igncr ixon -ixoff ixany imaxbel iutf8
	-ignbrk brkint -inpck -ignpar -parmrk
oflags: opost onlcr -oxtabs -onocr -onlret
cflags: cread cs8 -parenb -parodd hupcl -clocal -cstopb -crtscts -dsrflow
	-dtrflow -mdmbuf
cchars: discard = ^O; dsusp = ^Y; eof = ^D; eol = <undef>;
	eol2 = <undef>; erase = ^?; intr = ^C; kill = ^U; lnext = ^V;
	min = 1; quit = ^\\; reprint = ^R; start = ^Q; status = ^T;
	stop = ^S; susp = ^Z; time = 0; werase = ^W;
`;

describe('the modes of a terminal', () => {
  it('are read from GNU stty', () => {
    const modes = parseSttyModes(gnu);
    expect(modes).toMatchObject({ VINTR: 3, VQUIT: 0x1c, VERASE: 0x7f, VEOF: 4, VEOL: 0xff, VEOL2: 255 });
    expect(modes).toMatchObject({ ECHO: 1, ICANON: 1, IUTF8: 1, ONLCR: 1, CS8: 1, PARENB: 0, IXANY: 0 });
    expect(modes).toMatchObject({ TTY_OP_ISPEED: 38_400, TTY_OP_OSPEED: 38_400, VREPRINT: 18 });
  });

  it('are read from BSD stty', () => {
    const modes = parseSttyModes(bsd);
    expect(modes).toMatchObject({ VINTR: 3, VDSUSP: 0x19, VSTATUS: 0x14, VREPRINT: 18, VEOL: 255 });
    expect(modes).toMatchObject({ ICANON: 1, ECHOK: 0, PENDIN: 1, IUTF8: 1, TTY_OP_ISPEED: 9600 });
  });

  it.each([
    ['gnu', gnu],
    ['bsd', bsd],
  ])('all have an opcode (%s)', (_name, text) => {
    const names = Object.keys(parseSttyModes(text));
    expect(names.length).toBeGreaterThan(30);
    for (const name of names) expect(terminalModeOpcodes).toHaveProperty(name);
  });

  it('are none where there is nothing to read', () => {
    expect(parseSttyModes('')).toEqual({});
    expect(parseSttyModes('stty: standard input: Inappropriate ioctl for device')).toEqual({});
    expect(parseSttyModes('constructor = ^C; speed x baud;')).toEqual({});
  });
});
