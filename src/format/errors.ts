/** Errors that are thrown. Each has a code, data and JSON; the command line prints one line of it. */
import type { Finding } from './findings.ts';

export class XfskitError extends Error {
  readonly code: string;
  readonly data: Readonly<Record<string, unknown>>;
  constructor(code: string, message: string, data: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.name = new.target.name;
    this.code = code;
    this.data = data;
  }
  toJSON(): object {
    return { code: this.code, message: this.message, ...this.data };
  }
}

/** The caller asked for something that cannot be (exit 16; mkfs's drop-in says 1). */
export class UsageError extends XfskitError {
  constructor(message: string, data: Readonly<Record<string, unknown>> = {}) {
    super('USAGE', message, data);
  }
}

/** The image needs a feature that we do not handle: refused, nothing touched. */
export class UnsupportedFeature extends XfskitError {
  constructor(message: string, data: Readonly<Record<string, unknown>> = {}) {
    super('UNSUPPORTED', message, data);
  }
}

/** Damage that stops the present operation (check collects findings instead of throwing). */
export class CorruptionError extends XfskitError {
  readonly finding: Finding;
  constructor(finding: Finding, message: string) {
    super('CORRUPTION', message, { finding });
    this.finding = finding;
  }
}
