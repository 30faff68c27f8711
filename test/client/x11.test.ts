/** X11: displays as they are named, cookies as they are kept, and the setup of a client (RFC 4254 §6.3). */
import { createServer, type Server } from 'node:net';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { concatBytes, utf8Encode } from '../../src/base/bytes.ts';
import { cookieFor, parseCookie, parseDisplay } from '../../src/client/x11/display.ts';
import { cookieProtocol, X11Setup } from '../../src/client/x11/setup.ts';
import { describeServer, openSsh, startOpenSsh } from '../support/servers/index.ts';

const fake = Uint8Array.from({ length: 16 }, (_, index) => index + 1);
const real = Uint8Array.from({ length: 16 }, (_, index) => 200 - index);

/** The setup of an X client, as the protocol has it. */
function setup(cookie: Uint8Array, { isBig = false, name = cookieProtocol } = {}): Uint8Array {
  const fill = (bytes: Uint8Array): Uint8Array => concatBytes(bytes, new Uint8Array(-bytes.length & 3));
  const head = new Uint8Array(12);
  const view = new DataView(head.buffer);
  head[0] = isBig ? 0x42 : 0x6c;
  view.setUint16(2, 11, !isBig);
  view.setUint16(6, name.length, !isBig);
  view.setUint16(8, cookie.length, !isBig);
  return concatBytes(head, fill(utf8Encode(name)), fill(cookie));
}

it('a setup has its cookie exchanged, under any chunking and in either byte order', () => {
  fc.assert(
    fc.property(
      fc.boolean(),
      fc.array(fc.nat(80), { maxLength: 8 }),
      fc.uint8Array({ maxLength: 40 }),
      (isBig, cuts, rest) => {
        const sent = concatBytes(setup(fake, { isBig }), rest);
        const one = new X11Setup(fake, real);
        const at = [...new Set(cuts.map((cut) => cut % sent.length))].sort((a, b) => a - b);
        const got: Uint8Array[] = [];
        for (const [index, start] of [0, ...at].entries()) {
          const piece = sent.slice(start, at[index] ?? sent.length);
          if (one.state === 'reading') one.receive(piece);
          else got.push(piece);
        }
        expect(one.state).toBe('ready');
        expect(Buffer.from(concatBytes(one.output, ...got))).toEqual(
          Buffer.from(concatBytes(setup(real, { isBig }), rest)),
        );
      },
    ),
  );
});

it('a setup with another cookie, another protocol or no sense is refused, and a display may want no cookie', () => {
  const faultOf = (bytes: Uint8Array): string | undefined => {
    const one = new X11Setup(fake, real);
    one.receive(bytes);
    return one.fault;
  };
  expect(faultOf(setup(real))).toBe('it does not have the cookie of this command');
  expect(faultOf(setup(fake.subarray(1)))).toBe('it does not have the cookie of this command');
  expect(faultOf(setup(fake, { name: 'XDM-AUTHORIZATION-1' }))).toBe(
    'it does not have the cookie of this command',
  );
  expect(faultOf(utf8Encode('GET / HTTP/1.1\r\n'))).toBe('it does not begin as an X client does');
  expect(faultOf(setup(new Uint8Array(60_000)))).toBe('its authorization is too long');
  const open = new X11Setup(fake, undefined);
  open.receive(setup(fake));
  expect(Buffer.from(open.output)).toEqual(Buffer.from(setup(new Uint8Array(0), { name: '' })));
});

it.each([
  [':0', { path: '/tmp/.X11-unix/X0' }, 0],
  ['unix:10.2', { path: '/tmp/.X11-unix/X10' }, 2],
  ['/private/tmp/org.xquartz:0', { path: '/private/tmp/org.xquartz:0' }, 0],
  ['host:1', { host: 'host', port: 6001 }, 0],
  ['[::1]:2.1', { host: '::1', port: 6002 }, 1],
])('the display %s is at %j', (text, place, screen) => {
  expect(parseDisplay(text)).toMatchObject({ place, screen });
});

it.each(['', '0', ':', ':x', 'host', ':99999'])('%j is no display', (text) => {
  expect(() => parseDisplay(text)).toThrow('is not a display');
});

it('a cookie is found in the file of the user, whatever else is in it', () => {
  const part = (bytes: Uint8Array): Uint8Array =>
    concatBytes(Uint8Array.of(bytes.length >> 8, bytes.length & 255), bytes);
  const entry = (
    family: number,
    address: string,
    number: string,
    cookie: Uint8Array,
    name = cookieProtocol,
  ): Uint8Array =>
    concatBytes(
      Uint8Array.of(family >> 8, family & 255),
      ...[address, number, name].map((text) => part(utf8Encode(text))),
      part(cookie),
    );
  const file = concatBytes(
    entry(256, 'here', '1', Uint8Array.of(1)),
    entry(256, 'here', '0', Uint8Array.of(9), 'ANOTHER'),
    entry(256, 'here', '0', real),
    entry(0, 'there', '0', fake),
  );
  expect(cookieFor(parseDisplay(':0'), file)).toEqual(real);
  expect(cookieFor(parseDisplay('there:0'), file)).toEqual(fake);
  expect(cookieFor(parseDisplay(':7'), file)).toBeUndefined();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void cookieFor(parseDisplay(':0'), bytes)),
  );
  expect(parseCookie('00ff'.repeat(8))).toHaveLength(16);
  expect(() => parseCookie('secret words')).toThrow('x11.cookie must be hexadecimal');
});

/** A program of the server that connects to its display with the cookie it was given, or another one. */
const program = (cookie: string): string => `
number=\${DISPLAY#*:}; number=\${number%.*}
cookie=${cookie}
node='${process.execPath}'
exec "$node" -e '
const net = require("net");
const [, number, cookie] = process.argv;
const data = Buffer.from(cookie, "hex");
const head = Buffer.from([0x6c, 0, 11, 0, 0, 0, 18, 0, data.length, 0, 0, 0]);
const socket = net.connect(6000 + Number(number), "127.0.0.1");
socket.write(Buffer.concat([head, Buffer.from("MIT-MAGIC-COOKIE-1\\0\\0"), data]));
socket.on("data", (answer) => { console.log(String(answer)); socket.end(); });
socket.on("error", () => {});
socket.on("close", () => process.exit());
' "$number" "$cookie"
`;

describeServer(
  'X11',
  openSsh,
  (lab) => {
    it('brings programs of the server to a display here, which sees the true cookie, for as long as the command runs', async () => {
      const server = await startOpenSsh(lab(), { config: { X11Forwarding: 'yes', X11UseLocalhost: 'yes' } });
      const seen: string[] = [];
      const path = `${lab().newPath()}:0`;
      const display: Server = createServer((socket) => {
        socket.on('error', () => {});
        socket.once('data', (bytes) => {
          seen.push(bytes.subarray(32).toString('hex'));
          socket.write('welcome');
        });
        socket.on('end', () => socket.end());
      });
      await new Promise<void>((resolve) => display.listen(path, resolve));
      await using client = await server.connect();
      const x11 = { display: path, cookie: Buffer.from(real).toString('hex') };
      const own = '$(xauth -n list "$DISPLAY" | awk \'{print $3; exit}\')';
      const good = await client.run(program(own), { x11 });
      expect([good.stdout, good.code]).toEqual(['welcome\n', 0]);
      expect(seen).toEqual([x11.cookie]);
      const stranger = await client.run(program('00'.repeat(16)), { x11 });
      expect([stranger.stdout, seen.length]).toEqual(['', 1]);
      // A program begins later than a millisecond behind the request.
      const late = await client.run(program(own), { x11: { ...x11, acceptFor: 1 } });
      expect([late.stdout, seen.length]).toEqual(['', 1]);
      const inTime = await client.run(program(own), { x11: { ...x11, acceptFor: 3_600_000 } });
      expect([inTime.stdout, seen.length]).toEqual(['welcome\n', 2]);
      await expect.poll(() => client.inspect().channels).toEqual([]);
      await expect(client.run('true', { x11: { display: 'nonsense' } })).rejects.toMatchObject({
        code: 'ERR_SSH_OPTIONS',
      });
      const closed = await startOpenSsh(lab(), { config: { X11Forwarding: 'no' } });
      await using other = await closed.connect();
      await expect(other.run('true', { x11 })).rejects.toMatchObject({ code: 'ERR_SSH_REQUEST_FAILED' });
      await new Promise((resolve) => display.close(resolve));
    });
  },
  { programs: ['sshd', 'ssh-keygen', 'xauth'] },
);
