# shellcheck shell=bash
# Completion of stead for bash; written by `stead completion bash` from the table of commands.
#
# Needs nothing but bash 4. What it knows: verbs, options and their choices come from the program that wrote this file;
# names of functions are asked of the Stead that the line (--addr) or STEAD_ADDR names, and are left out if none answers.

# Sets `options`, `values` (option=what) and `places` (what each word is) of a command.
_stead_about() {
    options='' values='' places=''
    case $1 in
# @commands@
    *) return 1 ;;
    esac
}

# The verbs of a noun: function has ls, get and so on.
_stead_below() {
    case $1 in
# @nouns@
    esac
}

_stead_names() {
    local index address=()
    for ((index = 1; index < ${#line[@]} - 1; index++)); do
        case ${line[index]} in
        -a | --addr) address=(--addr "${line[index + 1]}") ;;
        --addr=*) address=(--addr "${line[index]#--addr=}") ;;
        esac
    done
    "${line[0]}" completion functions "${address[@]}" 2>/dev/null
}

# Offers what a placeholder stands for: a|b|c, FILE, DIR, FUNCTION, COMMAND.
_stead_offer() {
    local word=$2
    case $1 in
    *'|'*) mapfile -t COMPREPLY < <(compgen -W "${1//|/ }" -- "$word") ;;
    FILE* | PROGRAM*)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        ;;
    DIR*)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -d -- "$word")
        ;;
    FUNCTION*) mapfile -t COMPREPLY < <(compgen -W "$(_stead_names)" -- "$word") ;;
    COMMAND*) mapfile -t COMPREPLY < <(compgen -W "$first" -- "$word") ;;
    esac
}

# Words of the line as stead gets them: bash has split --name=value into three.
_stead_line() {
    local index
    line=()
    for ((index = 0; index <= COMP_CWORD; index++)); do
        if [[ ${COMP_WORDS[index]} == = && ${line[-1]-} == --* && $index -gt 0 ]]; then
            line[-1]+='='
            joined=yes
        elif [[ $joined == yes ]]; then
            line[-1]+=${COMP_WORDS[index]}
            joined=no
        else
            line+=("${COMP_WORDS[index]}")
        fi
    done
}

_stead() {
    local options values places pair word kind index place=0 skip=no used=0 name first='' joined=no line=()
# @first@
    COMPREPLY=()
    _stead_line
    local last=$((${#line[@]} - 1))
    word=${line[last]}
    if ((last <= 1)); then
        mapfile -t COMPREPLY < <(compgen -W "$first --help --version" -- "$word")
        return
    fi
    name=${line[1]}
    if _stead_about "$name"; then
        used=1
    elif ((last == 2)); then
        mapfile -t COMPREPLY < <(compgen -W "$(_stead_below "$name")" -- "$word")
        return
    elif _stead_about "$name ${line[2]}"; then
        used=2
    else
        return
    fi
    # Where in the line the word stands: an option's value, or which of the words.
    kind=''
    for ((index = used + 1; index < last; index++)); do
        if [[ $skip == yes ]]; then
            skip=no
        elif [[ ${line[index]} == -* ]]; then
            for pair in $values; do
                [[ ${pair%%=*} != "${line[index]}" ]] || skip=yes
            done
        else
            place=$((place + 1))
        fi
    done
    if [[ $skip == yes ]]; then
        for pair in $values; do
            [[ ${pair%%=*} != "${line[last - 1]}" ]] || kind=${pair#*=}
        done
        _stead_offer "$kind" "$word"
    elif [[ $word == --*=* ]]; then
        for pair in $values; do
            [[ ${pair%%=*} != "${word%%=*}" ]] || kind=${pair#*=}
        done
        _stead_offer "$kind" "${word#*=}"
    elif [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$options --help" -- "$word")
    else
        local -a each
        read -ra each <<<"$places"
        if ((place >= ${#each[@]} && ${#each[@]} > 0)) && [[ ${each[-1]} == *... ]]; then
            place=$((${#each[@]} - 1))
        fi
        if ((place < ${#each[@]})); then
            _stead_offer "${each[place]}" "$word"
        fi
    fi
}

complete -F _stead stead
