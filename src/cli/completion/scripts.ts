/**
 * The scripts that teach a shell to complete niwa's command lines. Each calls `niwa __complete` with the words up to
 * the cursor; it answers a line for each word that may come, "WORD<tab>DESCRIPTION", and ":files" where files may come.
 */

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** The hidden command that the scripts call. */
export const COMPLETE = '__complete';
/** The line that says that files may come. */
export const FILES = ':files';

/**
 * Bash breaks words at ":" and "=", too, and replaces only what is behind them. So the words are taken from the line,
 * and what stands before the break is cut from the candidates.
 */
const BASH = `# bash completion for niwa; niwa completion bash > /etc/bash_completion.d/niwa
_niwa() {
  local -a words
  local line=\${COMP_LINE:0:COMP_POINT} part=\${COMP_WORDS[COMP_CWORD]} answer word
  COMPREPLY=()
  read -r -a words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  local current=\${words[-1]} before=
  [[ $part == [:=] ]] && part=
  [[ $current == *[:=]* ]] && before=\${current%"$part"}
  while IFS= read -r answer; do
    word=\${answer%%$'\\t'*}
    if [[ $answer == ${FILES} ]]; then compopt -o default 2> /dev/null
    elif [[ $word == "$current"* ]]; then COMPREPLY+=("\${word#"$before"}"); fi
  done < <("\${words[0]}" ${COMPLETE} "\${words[@]:1}" 2> /dev/null)
}
complete -F _niwa niwa
`;

const ZSH = `#compdef niwa
# zsh completion for niwa; niwa completion zsh > "\${fpath[1]}/_niwa"
_niwa() {
  local -a words_of_niwa told
  local answer files=
  words_of_niwa=("\${(@Q)words[2,CURRENT]}")
  while IFS= read -r answer; do
    if [[ $answer == ${FILES} ]]; then files=1
    else told+=("\${\${answer%%$'\\t'*}//:/\\\\:}:\${answer#*$'\\t'}"); fi
  done < <("\${(Q)words[1]}" ${COMPLETE} "\${words_of_niwa[@]}" 2> /dev/null)
  (( \${#told} )) && _describe 'niwa' told
  [[ -n $files ]] && _files
}
if [[ $funcstack[1] == _niwa ]]; then _niwa "$@"; else compdef _niwa niwa; fi
`;

const FISH = `# fish completion for niwa; niwa completion fish > ~/.config/fish/completions/niwa.fish
function __niwa_complete
    set -l words (commandline -opc) (commandline -ct)
    for answer in ($words[1] ${COMPLETE} $words[2..-1] 2> /dev/null)
        if test "$answer" = "${FILES}"
            __fish_complete_path (commandline -ct)
        else
            echo $answer
        end
    end
end
complete -c niwa -f -a '(__niwa_complete)'
`;

export const SCRIPTS: Record<Shell, string> = { bash: BASH, zsh: ZSH, fish: FISH };
