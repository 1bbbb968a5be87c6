/**
 * Completion scripts for bash, zsh and fish, printed from the outline of the command line.
 *
 * A script is a table and a little code. The table tells for each place (`mkfs`: its options; `mkfs -d`: the value of
 * an option; `inject 1`: the first argument) what may stand there: a kind and words. Kinds: `=` one of the words, `,`
 * several of them, comma-joined, `@` a path, `-` anything, nothing to offer. A word that ends in `=@` wants a path
 * behind it. The code finds the place the cursor is in; no program is run when the user presses Tab.
 */
import type { CommandOutline, Place, Word } from './outline.ts';

interface Slot {
  readonly key: string;
  readonly kind: '=' | ',' | '@' | '-';
  readonly words: readonly Word[];
}

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

function slotOf(key: string, { words, joined, path }: Place): Slot {
  return { key, kind: joined ? ',' : path ? '@' : words.length > 0 ? '=' : '-', words };
}

/** A command of commander's own. */
const HELP: Word = { word: 'help', help: 'show the help of a command' };

/** The table: one slot a place. `general` are the options of the program itself. */
function slotsOf(commands: readonly CommandOutline[], general: readonly Word[]): Slot[] {
  const names = commands.map(({ name, summary }) => ({ word: name, help: summary }));
  return [
    {
      key: '',
      kind: '=',
      words: [...names, HELP, ...general],
    },
    { key: 'help 1', kind: '=', words: names },
    ...commands.flatMap((command): Slot[] => [
      {
        key: command.name,
        kind: '=',
        words: command.options.flatMap(({ names: all, help }) => all.map((word) => ({ word, help }))),
      },
      ...command.options
        .filter(({ value }) => value !== '')
        .flatMap(({ names: all, place }) => all.map((name) => slotOf(`${command.name} ${name}`, place))),
      ...command.arguments.map(({ place }, i) => slotOf(`${command.name} ${i + 1}`, place)),
    ]),
  ];
}

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
const spelled = ({ word, path }: Word): string => (path ? `${word}@` : word);

const BASH = `
_xfskit() {
  local line=\${COMP_LINE:0:COMP_POINT} cur word key command= place= lead= strip= count=0
  local -a words table found=()
  read -a words <<<"$line" # a backslash keeps its space
  [[ $line == *[[:space:]] && $line != *\\\\[[:space:]] ]] && words+=('')
  cur=\${words[\${#words[@]}-1]}
  for word in "\${words[@]:1:\${#words[@]}-2}"; do
    if [[ -n $place ]]; then place=
    elif [[ -z $command ]]; then [[ $word == -* ]] || command=$word
    elif [[ $word != -* ]]; then count=$((count + 1))
    elif [[ -n $(_xfskit_table "$command $word") ]]; then place=$word
    fi
  done
  if [[ -n $place ]]; then key="$command $place"
  elif [[ -z $command ]]; then key=
  elif [[ $cur == --*=* ]]; then key="$command \${cur%%=*}" lead=\${cur%%=*}=
  elif [[ $cur == -[!-]?* && -n $(_xfskit_table "$command \${cur:0:2}") ]]; then
    key="$command \${cur:0:2}" lead=\${cur:0:2}
  elif [[ $cur == -* ]]; then key=$command
  else key="$command $((count + 1))"
  fi
  read -ra table <<<"$(_xfskit_table "$key")"
  cur=\${cur#"$lead"}
  if [[ \${table[0]} == , && $cur == *,* ]]; then lead+=\${cur%,*}, cur=\${cur##*,}; fi
  if [[ \${table[0]} == , && " \${table[*]} " == *" \${cur%%=*}=@ "* && $cur == *=* ]]; then
    lead+=\${cur%%=*}= cur=\${cur#*=} table=(@)
  fi
  if [[ \${table[0]} == @ ]]; then
    compopt -o filenames 2>/dev/null
    while IFS= read -r word; do found+=("$lead$word"); done < <(compgen -f -- "$cur")
  else
    for word in "\${table[@]:1}"; do
      word=\${word%@}
      [[ $word == "$cur"* ]] || continue
      [[ \${table[0]} == , && ,$lead =~ ,(-.)?"\${word%%=*}"[=,] ]] || found+=("$lead$word")
    done
    [[ \${#found[@]} == 1 && \${found[0]} == *= ]] && compopt -o nospace 2>/dev/null
  fi
  # Readline replaces only what stands behind the last character at which it breaks words.
  cur=\${words[\${#words[@]}-1]}
  [[ $COMP_WORDBREAKS == *=* && $cur == *=* ]] && strip=\${cur%"\${cur##*=}"}
  COMPREPLY=("\${found[@]#"$strip"}")
}
complete -F _xfskit xfskit
`;

function bashScript(slots: readonly Slot[]): string {
  const arms = slots.map(
    ({ key, kind, words }) => `    ${quote(key)}) echo ${quote([kind, ...words.map(spelled)].join(' '))} ;;`,
  );
  return `_xfskit_table() {\n  case $1 in\n${arms.join('\n')}\n  esac\n}\n${BASH}`;
}

const ZSH = `
_xfskit() {
  local kind= key= command= place= word=
  local -a table open closed
  integer count=0
  for word in "\${(@)words[2,CURRENT-1]}"; do
    if [[ -n $place ]]; then place=
    elif [[ -z $command ]]; then [[ $word == -* ]] || command=$word
    elif [[ $word != -* ]]; then count+=1
    elif _xfskit_table "$command $word"; then place=$word
    fi
  done
  if [[ -n $place ]]; then key="$command $place"
  elif [[ -z $command ]]; then key=
  elif [[ $PREFIX == --*=* ]]; then key="$command \${PREFIX%%=*}"; compset -P '*='
  elif [[ $PREFIX == -[^-]?* ]] && _xfskit_table "$command \${PREFIX[1,2]}"; then
    key="$command \${PREFIX[1,2]}"; compset -P '-?'
  elif [[ $PREFIX == -* ]]; then key=$command
  else key="$command $((count + 1))"
  fi
  _xfskit_table "$key" || return 1
  local lead=
  if [[ $kind == , ]]; then
    [[ $PREFIX == *,* ]] && lead=,\${PREFIX%,*},
    compset -P '*,'
    if [[ $PREFIX == *=* ]] && (( \${table[(I)\${PREFIX%%=*}=@:*]} )); then compset -P '*='; kind=@; fi
  fi
  if [[ $kind == @ ]]; then _files; return; fi
  for word in "\${(@)table}"; do
    [[ $kind == , && $lead == *,\${\${word%%:*}%%=*}[=,]* ]] && continue
    word=\${word/"=@:"/"=:"}
    if [[ \${word%%:*} == *"=" ]]; then open+=("$word"); else closed+=("$word"); fi
  done
  _describe -t values value closed -- open -S ''
}
if [[ $funcstack[1] == _xfskit ]]; then _xfskit "$@"; else compdef _xfskit xfskit; fi
`;

function zshScript(slots: readonly Slot[]): string {
  const arms = slots.map(({ key, kind, words }) => {
    const rows = words.map((word) => quote(`${spelled(word)}:${word.help}`));
    return `    (${quote(key)}) kind=${quote(kind)} table=(${rows.join(' ')}) ;;`;
  });
  const table = `_xfskit_table() {\n  case $1 in\n${arms.join('\n')}\n    (*) return 1 ;;\n  esac\n}\n`;
  return `#compdef xfskit\n${table}${ZSH}`;
}

const FISH = `
function __xfskit_command
    for word in (commandline -opc)[2..-1]
        if not string match -q -- '-*' $word
            echo $word
            return
        end
    end
    return 1
end
function __xfskit_in
    test (__xfskit_command; or echo -) = $argv[1]
end
# The words of one command line that are neither the command nor options nor values of options ($argv).
function __xfskit_argument
    set -l count 0
    set -l skip no
    for word in (commandline -opc)[2..-1]
        if test $skip = yes
            set skip no
        else if contains -- $word $argv[2..-1]
            set skip yes
        else if not string match -q -- '-*' $word
            set count (math $count + 1)
        end
    end
    test $count = $argv[1]
end
function __xfskit_joined
    set -l token (commandline -ct | string replace -r -- '^(--[^=]*=|-[a-zA-Z])' '')
    set -l lead (string match -r -- '^.*,' $token; or echo '')
    set -l piece (string replace -r -- '^.*,' '' $token)
    for row in $argv
        set -l word (string split -f 1 -- \\t $row)
        set -l name (string replace -r -- '=.*' '' $word)
        if string match -q -r -- "(^|,)$name"'[=,]' $lead
            continue
        end
        if string match -q -- '*=@' $word
            echo $lead(string replace -- '=@' '=' $row)
            if string match -q -- "$name=*" $piece
                for path in (__fish_complete_path (string replace -- "$name=" '' $piece))
                    echo $lead$name=$path
                end
            end
        else
            echo $lead$row
        end
    end
end
complete -c xfskit -f
`;

const quoteFish = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
const fishRows = (words: readonly Word[]): string =>
  words.map((word) => `${quoteFish(spelled(word))}\\t${quoteFish(word.help)}`).join(' ');

function fishPlace({ words, joined, path }: Place): string {
  if (joined) return `-x -a "(__xfskit_joined ${fishRows(words).replaceAll('$', '\\$')})"`;
  if (words.length > 0) return `-x -a ${quoteFish(words.map(({ word }) => word).join(' '))}`;
  return path ? '-r -F' : '-x';
}

function fishCommand({ name, options, arguments: places }: CommandOutline): string[] {
  const inside = `__xfskit_in ${name}`;
  const valued = options.filter(({ value }) => value !== '').flatMap(({ names }) => names);
  return [
    ...options.map(({ names, value, help, place }) => {
      const spellings = names.map((some) =>
        some.startsWith('--') ? `-l ${some.slice(2)}` : `-s ${some.slice(1)}`,
      );
      const what = value === '' ? '' : ` ${fishPlace(place)}`;
      return `complete -c xfskit -n ${quoteFish(inside)} ${spellings.join(' ')}${what} -d ${quoteFish(help)}`;
    }),
    ...places
      .filter(({ place }) => place.path || place.words.length > 0)
      .map(({ place }, i) => {
        const here = `${inside}; and __xfskit_argument ${i + 1} ${valued.join(' ')}`;
        const what = place.path ? '-F' : `-a ${quoteFish(place.words.map(({ word }) => word).join(' '))}`;
        return `complete -c xfskit -n ${quoteFish(here)} ${what}`;
      }),
  ];
}

function fishScript(commands: readonly CommandOutline[], general: readonly Word[]): string {
  const bare = quoteFish('not __xfskit_command >/dev/null');
  const first = commands.map(
    ({ name, summary }) => `complete -c xfskit -n ${bare} -a ${name} -d ${quoteFish(summary)}`,
  );
  const help = [
    `complete -c xfskit -n ${bare} -a help -d ${quoteFish(HELP.help)}`,
    `complete -c xfskit -n '__xfskit_in help' -a ${quoteFish(commands.map(({ name }) => name).join(' '))}`,
  ];
  const options = general
    .filter(({ word }) => word.startsWith('--'))
    .map(({ word, help }) => `complete -c xfskit -n ${bare} -l ${word.slice(2)} -d ${quoteFish(help)}`);
  return `${FISH.trimStart()}${[...first, ...help, ...options, ...commands.flatMap(fishCommand)].join('\n')}\n`;
}

/** The script for a shell; `general` are the options of the program itself. */
export function completionScript(
  shell: Shell,
  commands: readonly CommandOutline[],
  general: readonly Word[],
): string {
  const head = `made by "xfskit completion ${shell}"`;
  if (shell === 'fish') return `# ${head}\n${fishScript(commands, general)}`;
  const slots = slotsOf(commands, general);
  if (shell === 'bash') return `# ${head}\n${bashScript(slots)}`;
  return zshScript(slots).replace('\n', `\n# ${head}\n`);
}
