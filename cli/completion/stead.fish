# Completion of stead for fish; written by `stead completion fish` from the table of commands.
#
# Verbs, options and their choices come from the program that wrote this file; names of functions are asked of the Stead
# that STEAD_ADDR or --addr names, and are left out if none answers.

# The words of the line before the cursor, without stead itself.
function __stead_words
    commandline -opc | tail -n +2
end

# True if the line begins with exactly this command.
function __stead_at
    set -l words (__stead_words)
    test (count $words) -ge (count $argv); or return 1
    for index in (seq (count $argv))
        test "$words[$index]" = "$argv[$index]"; or return 1
    end
end

# True if only a noun (or nothing) stands there, so that a verb is due.
function __stead_due
    set -l words (__stead_words)
    test "$words" = "$argv"
end

function __stead_functions
    set -l words (commandline -opc)
    set -l address
    for index in (seq (count $words))
        switch $words[$index]
            case -a --addr
                test $index -lt (count $words); and set address --addr $words[(math $index + 1)]
            case '--addr=*'
                set address --addr (string replace -- --addr= '' $words[$index])
        end
    end
    $words[1] completion functions $address 2>/dev/null
end

complete -c stead -f
complete -c stead -n '__stead_due' -l help -s h -d 'Explain'
complete -c stead -n '__stead_due' -l version -d 'Print versions'
# @commands@
