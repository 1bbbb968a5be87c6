/** What a copy has to tell: the first messages in full and the number of the others, and what kinds of things were lost. */
const MOST_MESSAGES = 200;

/** Kinds of loss that no single message is worth. */
const LOSSES = {
  owner: 'some owners could not be set',
  mode: 'some modes could not be set',
  times: 'some times could not be set',
  flags: 'flags, project ids and extent size hints were not copied',
  xattrs: 'some extended attributes could not be set',
} as const;

export class CopyReport {
  readonly messages: string[] = [];
  /** Messages in all. */
  count = 0;
  files = 0;
  directories = 0;
  /** Bytes of file content. */
  bytes = 0;
  private readonly losses = new Map<keyof typeof LOSSES, string | undefined>();

  /** Something of the image did not arrive. */
  tell(text: string): void {
    this.count++;
    if (this.messages.length < MOST_MESSAGES) this.messages.push(text);
  }

  lose(what: keyof typeof LOSSES, detail?: string): void {
    if (!this.losses.has(what)) this.losses.set(what, detail);
  }

  /** Lines about all of it; `name` is the destination. */
  lines(name: string): string[] {
    const more = this.count - this.messages.length;
    const lines = [...this.messages];
    if (more > 0) lines.push(`and ${more} more messages`);
    for (const [what, detail] of this.losses) {
      lines.push(`${name}: ${LOSSES[what]}${detail === undefined ? '' : ` (${detail})`}`);
    }
    return lines;
  }

  get lost(): string[] {
    return [...this.losses.keys()];
  }
}
