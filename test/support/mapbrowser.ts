/**
 * A real browser for tests of pages: Chromium without a window, driven through the DevTools protocol over its pipe
 * (messages of JSON, each ended by a zero byte). XFSKIT_CHROMIUM names another program. Without one the tests are
 * skipped, loudly; with CI=true they fail.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { describeWith, run, temporaryDirectory } from './oracle.ts';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];
const ANSWER_MILLISECONDS = 25_000;

/** The browser there is. */
export function browserProgram(): string | undefined {
  const given = process.env.XFSKIT_CHROMIUM;
  if (given !== undefined) return given;
  return NAMES.find((name) => run('sh', ['-c', 'command -v "$1"', 'sh', name]).status === 0);
}

/** A group of tests in a browser. */
export function describeBrowser(name: string, body: () => void): void {
  describeWith(
    () => (browserProgram() === undefined ? 'no Chromium (apt-get install chromium)' : undefined),
    name,
    body,
  );
}

interface Answer {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

/** One page in a browser of its own. */
export class BrowserPage {
  /** Exceptions, console errors and requests over a network. */
  readonly complaints: string[] = [];
  private readonly child: ChildProcess;
  private readonly profile: string;
  private readonly waiting = new Map<number, (answer: Answer) => void>();
  private readonly loaded: (() => void)[] = [];
  private next = 1;
  private rest = '';
  private sessionId: string | undefined;

  private constructor(program: string, size: readonly [number, number]) {
    this.profile = mkdtempSync(join(temporaryDirectory(), 'browser-'));
    this.child = spawn(
      program,
      [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-extensions',
        '--disable-background-networking',
        '--disable-dev-shm-usage',
        '--no-first-run',
        '--force-device-scale-factor=1',
        `--window-size=${size.join(',')}`,
        `--user-data-dir=${this.profile}`,
        '--remote-debugging-pipe',
        'about:blank',
      ],
      { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'], detached: true },
    );
    const output = this.child.stdio[4] as Readable;
    output.setEncoding('utf8');
    output.on('data', (text: string) => this.receive(text));
    this.child.on('error', () => undefined);
    (this.child.stdio[3] as Writable).on('error', () => undefined);
  }

  /** Opens a page; `scheme` is what it thinks the user prefers. */
  static async open(
    url: string,
    {
      size = [1280, 800],
      scheme = 'light',
    }: { size?: readonly [number, number]; scheme?: 'light' | 'dark' } = {},
  ): Promise<BrowserPage> {
    const page = new BrowserPage(browserProgram()!, size);
    try {
      await page.load(url, size, scheme);
      return page;
    } catch (error) {
      page.close();
      throw error;
    }
  }

  private async load(url: string, size: readonly [number, number], scheme: string): Promise<void> {
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
    this.sessionId = String(sessionId);
    for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await this.send(`${domain}.enable`);
    await this.send('Emulation.setDeviceMetricsOverride', {
      width: size[0],
      height: size[1],
      deviceScaleFactor: 1,
      mobile: false,
    });
    const features = [{ name: 'prefers-color-scheme', value: scheme }];
    await this.send('Emulation.setEmulatedMedia', { features });
    const loaded = new Promise<void>((resolve) => this.loaded.push(resolve));
    await this.send('Page.navigate', { url });
    await loaded;
  }

  private receive(text: string): void {
    const parts = (this.rest + text).split('\0');
    this.rest = parts.pop()!;
    for (const part of parts) this.take(JSON.parse(part) as Answer);
  }

  private take(answer: Answer): void {
    if (answer.id !== undefined) {
      this.waiting.get(answer.id)?.(answer);
      this.waiting.delete(answer.id);
      return;
    }
    const params = answer.params ?? {};
    if (answer.method === 'Page.loadEventFired') for (const resolve of this.loaded.splice(0)) resolve();
    if (answer.method === 'Runtime.exceptionThrown') this.complaints.push(JSON.stringify(params));
    if (answer.method === 'Log.entryAdded') this.complaints.push(JSON.stringify(params));
    if (answer.method === 'Runtime.consoleAPICalled') this.complaints.push(JSON.stringify(params));
    if (answer.method === 'Network.requestWillBeSent') {
      const { url } = params.request as { url: string };
      if (!/^(file|data|about|blob):/.test(url)) this.complaints.push(`asks for ${url}`);
    }
  }

  async send(method: string, params: object = {}): Promise<Record<string, unknown>> {
    const id = this.next++;
    const session = this.sessionId === undefined ? {} : { sessionId: this.sessionId };
    const answer = await new Promise<Answer>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`${method}: no answer`)), ANSWER_MILLISECONDS);
      this.waiting.set(id, (found) => {
        clearTimeout(late);
        resolve(found);
      });
      (this.child.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params, ...session })}\0`);
    });
    if (answer.error) throw new Error(`${method}: ${answer.error.message}`);
    return answer.result ?? {};
  }

  /** Value of an expression in the page, which may be a promise. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', {
      expression,
      returnByValue: true,
      awaitPromise: true,
    });
    if (exceptionDetails) throw new Error(`${expression}: ${JSON.stringify(exceptionDetails)}`);
    return (result as { value: T }).value;
  }

  /** Until the page has drawn what it was told. */
  async settle(): Promise<void> {
    await this.evaluate(
      'new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))',
    );
  }

  async mouse(type: 'mouseMoved' | 'mousePressed' | 'mouseReleased', x: number, y: number): Promise<void> {
    const button = type === 'mouseMoved' ? {} : { button: 'left', clickCount: 1 };
    await this.send('Input.dispatchMouseEvent', { type, x, y, ...button });
    await this.settle();
  }

  async wheel(x: number, y: number, deltaY: number): Promise<void> {
    await this.send('Input.dispatchMouseEvent', { type: 'mouseWheel', x, y, deltaX: 0, deltaY });
    await this.settle();
  }

  /** Presses a key by its name, or types a text character by character. */
  async key(key: string): Promise<void> {
    const text = key.length === 1 ? { text: key } : key === 'Enter' ? { text: '\r' } : {};
    await this.send('Input.dispatchKeyEvent', { type: 'keyDown', key, ...text });
    await this.send('Input.dispatchKeyEvent', { type: 'keyUp', key });
    await this.settle();
  }

  async screenshot(): Promise<Buffer> {
    const { data } = await this.send('Page.captureScreenshot', { format: 'png' });
    return Buffer.from(String(data), 'base64');
  }

  close(): void {
    try {
      if (this.child.pid !== undefined) process.kill(-this.child.pid, 'SIGKILL');
    } catch {
      // it has ended by itself
    }
    for (const pipe of this.child.stdio) pipe?.destroy();
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 3 });
  }
}
