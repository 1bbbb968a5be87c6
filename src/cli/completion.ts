/**
 * `xfskit completion bash|zsh|fish`: prints a completion script, made from what the commands declare. The rows of the
 * commands are handed in, so that this module does not import the table it stands in.
 */
import { Argument, type Command } from 'commander';
import { UsageError } from '../format/errors.ts';
import { completionScript, SHELLS, type Shell } from '../report/completionscript.ts';
import { outlineCommands } from './outline.ts';
import type { CommandModule, CommandRow } from './row.ts';

const AFTER_HELP = `
Completes commands, options, suboptions of mkfs with their values, kinds of defects and commands of db.
  source <(xfskit completion bash)        in ~/.bashrc
  source <(xfskit completion zsh)         in ~/.zshrc, behind compinit
  xfskit completion fish | source         in ~/.config/fish/config.fish
Exit status: 0, 16 usage.`;

const GENERAL = [
  { word: '--help', help: 'show the help' },
  { word: '--version', help: 'print the version' },
];

export function completionOf(rows: readonly CommandRow[]): CommandModule {
  return {
    define(command: Command): void {
      const shell = new Argument('<SHELL>', 'for which shell').choices(SHELLS);
      command
        .addArgument(shell)
        .addHelpText('after', AFTER_HELP)
        .action((name: string) => printScript(name, rows));
    },
  };
}

async function printScript(name: string, rows: readonly CommandRow[]): Promise<void> {
  const shell = SHELLS.find((some): some is Shell => some === name);
  if (shell === undefined) throw new UsageError(`no completion for ${name}; known are ${SHELLS.join(' ')}`);
  process.stdout.write(completionScript(shell, await outlineCommands(rows), GENERAL));
}
