# fish completion for composa

# What is typed of the last word, without the quotes, of which one may be open.
function __composa_typed
    set -l token (commandline -ct)
    string unescape -- "$token"; or string unescape -- "$token'"; or string unescape -- "$token\""
end

# Whether the answer's last line has a bit.
function __composa_has
    test (math "floor($argv[1] / $argv[2]) % 2") -eq 1
end

function __composa
    set -l words (commandline -opc)
    set -l typed (__composa_typed)
    set -l lines ($words[1] __complete $words[2..-1] "$typed" 2>/dev/null)
    test (count $lines) -gt 0; or return
    set -l how (string sub -s 2 -- $lines[-1])
    set -e lines[-1]
    __composa_has $how 1; and return
    # Behind --flag= the whole word is completed.
    set -l flag (string match -r -- '^--?[^=]+=' "$typed")
    set lines (string match -r -- '^'(string escape --style=regex -- "$typed")'.*' "$flag"$lines)
    if test (count $lines) -eq 0
        __composa_has $how 4; or __fish_complete_path "$typed"
        return
    end
    # fish puts a blank behind the one word there is, unless it ends so. What goes
    # on is offered twice, then: as it is, and with what may follow.
    if test (count $lines) -eq 1; and __composa_has $how 2
        set -l word (string split --max 1 \t -- $lines)[1]
        switch $word
            case '*=' '*/' '*:' '*,' '*.' '*@'
            case '*"' '*\''
                set -a lines "$word &&"
            case '*device.*'
                set -a lines "$word =="
            case '*'
                set -a lines "$word,"
        end
    end
    printf '%s\n' $lines
end

complete -c composa -e
complete -c composa -f -k -a '(__composa)'
