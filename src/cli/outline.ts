/**
 * The outline of the command line, read off commander's declarations and the vocabulary of each command's module.
 * Declaring costs nothing but evaluating all modules, so only completion and the documents ask for it.
 */
import { type Argument, Command, type Option } from 'commander';
import type {
  ArgumentOutline,
  CommandOutline,
  OptionOutline,
  Place,
  SuboptionGroup,
  Vocabulary,
  Word,
} from '../report/outline.ts';
import { type CommandRow, SUBOPTIONS_TITLE } from './row.ts';

/** Names of values and arguments that are paths. */
const PATHS = /^(image|journal|file|path|folder|target|device)$/i;
function placeOf(name: string, words: readonly Word[] | undefined): Place {
  return { words: words ?? [], joined: false, path: words === undefined && PATHS.test(name) };
}

function choiceWords(choices: readonly string[] | undefined): Word[] | undefined {
  return choices?.map((word) => ({ word, help: '' }));
}

function outlineOption(option: Option, { groups, words }: Vocabulary): OptionOutline {
  const names = [option.short, option.long].flatMap((name) => name ?? []);
  const value = /[<[](.*?)[>\]]/.exec(option.flags)?.[1] ?? '';
  const group = groups?.find((some) => names.includes(some.option));
  const own = names.flatMap((name) => words?.[name] ?? []);
  const place = group
    ? { words: group.suboptions.flatMap((row) => row.words), joined: true, path: false }
    : placeOf(value, own.length > 0 ? own : choiceWords(option.argChoices));
  return { names, value, help: option.description, place };
}

function outlineArgument(argument: Argument, { words }: Vocabulary): ArgumentOutline {
  const name = argument.name();
  const place = placeOf(name, words?.[name] ?? choiceWords(argument.argChoices));
  return { name, required: argument.required, help: argument.description, place };
}

/** What a command prints behind its help. */
function notesOf(command: Command): string[] {
  let text = '';
  command.configureOutput({ writeOut: (part) => (text += part) });
  command.outputHelp();
  const paragraphs = text.slice(command.helpInformation().length).trim().split(/\n\n+/);
  // The groups say the same as the list of suboptions, and more.
  return paragraphs.filter((some) => some !== '' && !some.startsWith(SUBOPTIONS_TITLE));
}

async function outlineCommand(row: CommandRow): Promise<CommandOutline> {
  const module = await row.load();
  const command = new Command(row.name).description(row.summary);
  await module.define(command, true);
  const vocabulary = (await module.vocabulary?.()) ?? {};
  const groups: readonly SuboptionGroup[] = vocabulary.groups ?? [];
  const options = command.createHelp().visibleOptions(command);
  return {
    name: row.name,
    summary: row.summary,
    arguments: command.registeredArguments.map((argument) => outlineArgument(argument, vocabulary)),
    options: options.map((option) => outlineOption(option, vocabulary)),
    groups,
    notes: notesOf(command),
  };
}

/** Every command, in the order of its row. */
export async function outlineCommands(rows: readonly CommandRow[]): Promise<CommandOutline[]> {
  const outlines: CommandOutline[] = [];
  for (const row of rows) outlines.push(await outlineCommand(row));
  return outlines;
}
