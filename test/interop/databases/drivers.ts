/**
 * The npm drivers of databases, as programs use them.
 *
 * Owns: where they are installed, and the calls that are made of them here.
 * Must not know: SSH, how a server is started.
 */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { Database } from './processes.ts';

/** test/interop/install.sh puts them there. */
const folder = '/var/cache/deadline-ssh/drivers';

/** One connection to a database. */
export interface Session {
  /** The sum of two numbers, by the server. */
  add(a: number, b: number): Promise<number>;
  /** The bytes, as the server sends them back. */
  echo(bytes: Buffer): Promise<Buffer>;
  close(): Promise<void>;
}

/** How a driver comes by its connection. */
export type Way =
  /** It takes a stream in place of a socket. */
  | { readonly open: () => Promise<Duplex>; readonly tls: boolean }
  /** It dials a port of this machine. */
  | { readonly port: number; readonly tls: boolean };

export interface Driver {
  readonly name: string;
  readonly hasTls: boolean;
  /** Told of errors behind the backs of calls, as a driver emits them. */
  readonly connect: (database: Database, way: Way, failed: (error: Error) => void) => Promise<Session>;
}

export function driverObstacle(name: string): string | undefined {
  const path = join(folder, 'node_modules', name, 'package.json');
  return existsSync(path) ? undefined : `the npm package ${name} is not installed below ${folder}`;
}

function load<Module>(name: string): Module {
  return createRequire(join(folder, 'package.json'))(name) as Module;
}

/** A certificate is of the name that the server has at its own end. */
function tlsOptions({ certificate }: Database): object {
  return { ca: certificate, servername: 'db.internal', host: 'db.internal' };
}

interface PgClient {
  on(event: 'error', listener: (error: Error) => void): void;
  connect(): Promise<void>;
  query(text: string, values: readonly unknown[]): Promise<{ rows: Record<string, unknown>[] }>;
  end(): Promise<void>;
}

export const pg: Driver = {
  name: 'pg',
  hasTls: true,
  connect: async (database, way, failed) => {
    const { Client } = load<{ Client: new (options: object) => PgClient }>('pg');
    const { username: user, password, database: name } = database;
    const stream = 'open' in way ? await way.open() : undefined;
    const client = new Client({
      ...{ user, password, database: name, keepAlive: true, connectionTimeoutMillis: 20_000 },
      // The name is what the certificate is checked against.
      ...('port' in way
        ? { host: '127.0.0.1', port: way.port }
        : { host: 'db.internal', stream: () => stream }),
      ...(way.tls ? { ssl: tlsOptions(database) } : {}),
    });
    client.on('error', failed);
    await client.connect();
    const first = async (text: string, value: readonly unknown[]): Promise<unknown> =>
      (await client.query(text, value)).rows[0]?.['value'];
    return {
      add: async (a, b) => Number(await first('SELECT $1::int + $2::int AS value', [a, b])),
      echo: async (bytes) => (await first('SELECT $1::bytea AS value', [bytes])) as Buffer,
      close: () => client.end(),
    };
  },
};

interface MysqlConnection {
  on(event: 'error', listener: (error: Error) => void): void;
  query(text: string, values: readonly unknown[]): Promise<[Record<string, unknown>[]]>;
  end(): Promise<void>;
}

export const mysql2: Driver = {
  name: 'mysql2',
  hasTls: true,
  connect: async (database, way, failed) => {
    const { createConnection } = load<{ createConnection: (options: object) => Promise<MysqlConnection> }>(
      'mysql2/promise',
    );
    const { username: user, password, database: name } = database;
    const stream = 'open' in way ? await way.open() : undefined;
    const connection = await createConnection({
      ...{ user, password, database: name, enableKeepAlive: true, connectTimeout: 20_000 },
      ...('port' in way ? { host: '127.0.0.1', port: way.port } : { stream }),
      ...(way.tls
        ? { ssl: { ...tlsOptions(database), rejectUnauthorized: true, verifyIdentity: false } }
        : {}),
    });
    connection.on('error', failed);
    const first = async (text: string, value: readonly unknown[]): Promise<unknown> =>
      (await connection.query(text, value))[0][0]?.['value'];
    return {
      add: async (a, b) => Number(await first('SELECT ? + ? AS value', [a, b])),
      echo: async (bytes) =>
        (await first('SELECT FROM_BASE64(?) AS value', [bytes.toString('base64')])) as Buffer,
      close: () => connection.end(),
    };
  },
};

interface MongoClient {
  on(event: 'error', listener: (error: Error) => void): void;
  connect(): Promise<void>;
  db(name: string): { command(command: object): Promise<Record<string, unknown>> };
  close(): Promise<void>;
}

/** It takes no stream: it dials a port, or a SOCKS proxy. */
export async function connectMongo(
  place: { readonly host: string; readonly port: number },
  proxy?: { readonly proxyHost: string; readonly proxyPort: number },
): Promise<Session> {
  const { MongoClient, Binary } = load<{
    MongoClient: new (uri: string, options: object) => MongoClient;
    Binary: new (bytes: Buffer) => { buffer: Buffer };
  }>('mongodb');
  const client = new MongoClient(`mongodb://${place.host}:${place.port}/?directConnection=true`, {
    ...{ serverSelectionTimeoutMS: 20_000, maxPoolSize: 2, ...proxy },
  });
  await client.connect();
  const echo = async (value: unknown): Promise<unknown> =>
    (await client.db('shop').command({ echo: 1, value }))['value'];
  return {
    add: async (a, b) => Number(await echo(a)) + Number(await echo(b)),
    echo: async (bytes) => Buffer.from(((await echo(new Binary(bytes))) as { buffer: Buffer }).buffer),
    close: () => client.close(),
  };
}

interface RedisClient {
  on(event: 'error', listener: (error: Error) => void): void;
  incrby(key: string, by: number): Promise<number>;
  set(key: string, value: Buffer | number): Promise<unknown>;
  getBuffer(key: string): Promise<Buffer>;
  quit(): Promise<unknown>;
  disconnect(): void;
  connect(): Promise<void>;
}

export const ioredis: Driver = {
  name: 'ioredis',
  hasTls: false,
  connect: async ({ password }, way, failed) => {
    const { default: Redis, AbstractConnector } = load<{
      default: new (options: object) => RedisClient;
      AbstractConnector: new (timeout: number) => object;
    }>('ioredis');
    /** As its documents show for a connection of one's own. */
    class Connector extends AbstractConnector {
      private stream: Duplex | undefined;

      constructor() {
        super(20_000);
      }

      async connect(): Promise<Duplex> {
        if ('port' in way) throw new Error('there is a port to dial');
        this.stream = await way.open();
        return this.stream;
      }

      check(): boolean {
        return true;
      }

      disconnect(): void {
        this.stream?.end();
      }
    }
    const client = new Redis({
      ...{ password, lazyConnect: true, keepAlive: 1_000, noDelay: true, connectTimeout: 20_000 },
      ...{ maxRetriesPerRequest: 0, retryStrategy: () => null, enableReadyCheck: true },
      ...('port' in way ? { host: '127.0.0.1', port: way.port } : { Connector }),
    });
    client.on('error', failed);
    await client.connect();
    const session = randomUUID();
    let keys = 0;
    return {
      add: async (a, b) => {
        const key = `${session} ${keys++}`;
        await client.set(key, a);
        return client.incrby(key, b);
      },
      echo: async (bytes) => {
        await client.set(session, bytes);
        return client.getBuffer(session);
      },
      close: async () => {
        await client.quit();
      },
    };
  },
};
