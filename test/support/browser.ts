/**
 * Chromium without a window, driven over its remote debugging pipe.
 *
 * Owns: the process and its profile, the messages of the DevTools protocol.
 * Must not know: the pages that are looked at.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { pathOf } from './servers/programs.ts';

type Message = Readonly<Record<string, unknown>>;

interface Answer {
  readonly resolve: (result: Message) => void;
  readonly reject: (error: Error) => void;
}

/** The longest anything may take, in milliseconds. */
const patience = 20_000;

export class Browser {
  /** What went wrong in the page: exceptions, refused resources, messages of the console. */
  readonly complaints: string[] = [];
  private readonly child: ChildProcess;
  private readonly profile: string;
  private readonly answers = new Map<number, Answer>();
  private readonly gone: Promise<void>;
  private session: string | undefined;
  private lastId = 0;

  private constructor() {
    this.profile = mkdtempSync(join(tmpdir(), 'browser-'));
    this.child = spawn(
      pathOf('chromium'),
      [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-dev-shm-usage',
        '--remote-debugging-pipe',
        `--user-data-dir=${this.profile}`,
      ],
      { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'], env: { ...process.env, HOME: this.profile } },
    );
    this.gone = new Promise((resolve) => {
      this.child.once('close', () => resolve());
      this.child.once('error', () => resolve());
    });
    void this.gone.then(() => {
      for (const { reject } of this.answers.values()) reject(new Error('the browser ended'));
    });
    (this.child.stdio[3] as Writable).on('error', () => {});
    this.listen(this.child.stdio[4] as Readable);
  }

  /** A browser with one empty page. */
  static async start(): Promise<Browser> {
    const browser = new Browser();
    try {
      const { targetId } = await browser.send('Target.createTarget', { url: 'about:blank' });
      const { sessionId } = await browser.send('Target.attachToTarget', { targetId, flatten: true });
      browser.session = String(sessionId);
      for (const domain of ['Page', 'Runtime', 'Log']) await browser.send(`${domain}.enable`);
      return browser;
    } catch (error) {
      await browser.close();
      throw error;
    }
  }

  async open(url: string): Promise<void> {
    await this.send('Page.navigate', { url });
    await this.until(`document.readyState === 'complete' && location.href === ${JSON.stringify(url)}`);
  }

  /** The value of an expression in the page. */
  async evaluate(expression: string): Promise<unknown> {
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', {
      expression,
      returnByValue: true,
      awaitPromise: true,
    });
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
    return (result as Message)['value'];
  }

  /** Resolves when an expression in the page is true; asked again and again. */
  async until(expression: string): Promise<void> {
    const end = performance.now() + patience;
    while (performance.now() < end) {
      // While a page is being replaced there may be nothing to ask.
      if ((await this.evaluate(`Boolean(${expression})`).catch(() => false)) === true) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`not within ${patience} ms: ${expression}`);
  }

  /** Clicks with the mouse on the middle of an element, as a person does. */
  async click(selector: string): Promise<void> {
    const where = `(() => {
      const element = document.querySelector(${JSON.stringify(selector)});
      element.scrollIntoView();
      const { x, y, width, height } = element.getBoundingClientRect();
      return { x: x + width / 2, y: y + height / 2 };
    })()`;
    const position = (await this.evaluate(where)) as Message;
    for (const type of ['mousePressed', 'mouseReleased']) {
      await this.send('Input.dispatchMouseEvent', { type, ...position, button: 'left', clickCount: 1 });
    }
  }

  async close(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.gone;
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 10 });
  }

  private send(method: string, params: Message = {}): Promise<Message> {
    const id = ++this.lastId;
    const { session } = this;
    const message = { id, method, params, ...(session === undefined ? {} : { sessionId: session }) };
    return new Promise<Message>((resolve, reject) => {
      const settle = (step: () => void): void => {
        clearTimeout(timer);
        this.answers.delete(id);
        step();
      };
      const answer: Answer = {
        resolve: (result) => settle(() => resolve(result)),
        reject: (error) => settle(() => reject(error)),
      };
      const timer = setTimeout(() => answer.reject(new Error(`${method} was not answered`)), patience);
      this.answers.set(id, answer);
      (this.child.stdio[3] as Writable).write(`${JSON.stringify(message)}\0`);
    });
  }

  private listen(stream: Readable): void {
    let text = '';
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => {
      const parts = `${text}${chunk}`.split('\0');
      text = parts.pop() ?? '';
      for (const part of parts) this.received(JSON.parse(part) as Message);
    });
  }

  private received(message: Message): void {
    const { id, method, params, result, error } = message;
    if (typeof id !== 'number') {
      const complaining = ['Runtime.exceptionThrown', 'Runtime.consoleAPICalled', 'Log.entryAdded'];
      if (complaining.includes(String(method))) this.complaints.push(JSON.stringify(params));
      return;
    }
    const answer = this.answers.get(id);
    if (error === undefined) answer?.resolve(result as Message);
    else answer?.reject(new Error(JSON.stringify(error)));
  }
}
