#compdef stead
# Completion of stead for zsh; written by `stead completion zsh` from the table of commands.
#
# Verbs, options and their choices come from the program that wrote this file; names of functions are asked of the Stead
# that STEAD_ADDR or --addr names, and are left out if none answers.

_stead_functions() {
    local -a names address
    local index
    for ((index = 1; index < $#stead_line; index++)); do
        case $stead_line[index] in
        -a|--addr) address=(--addr $stead_line[index+1]) ;;
        --addr=*) address=(--addr ${stead_line[index]#--addr=}) ;;
        esac
    done
    names=(${(f)"$($stead_line[1] completion functions $address 2>/dev/null)"})
    compadd -a names
}

_stead_verbs() {
    local -a verbs
    verbs=(
# @verbs@
    )
    _describe -t commands 'stead command' verbs
}

_stead() {
    local -a stead_line
    stead_line=("${(@)words}")
    if ((CURRENT == 2)); then
        _stead_verbs
        return
    fi
    local name=$words[2] taken=1
    case $name in
# @nouns@
    esac
    # What follows the command's name is for _arguments: to it the name is the program.
    shift $taken words
    ((CURRENT -= taken))
    case $name in
# @commands@
    esac
}

# Sourced, it is registered; as a file of $fpath it is called.
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _stead "$@"
else
    compdef _stead stead
fi
