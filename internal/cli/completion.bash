# bash completion for composa

# The words of the line: those that bash cut at = and : put together again, and
# without the quotes that were typed.
__composa_words() {
    local i word space rest=$COMP_LINE
    words=()
    cword=0
    for i in "${!COMP_WORDS[@]}"; do
        word=${COMP_WORDS[i]}
        space=${rest%%[![:space:]]*}
        rest=${rest#"$space"}
        rest=${rest#"$word"}
        if [[ $i -gt 0 && -z $space && ( $word == [=:]* || ${COMP_WORDS[i - 1]} == *[=:] ) ]]; then
            words[${#words[@]} - 1]+=$word
        else
            words+=("$word")
        fi
        [[ $i -eq $COMP_CWORD ]] && cword=$((${#words[@]} - 1))
    done
    case ${words[cword]} in
    [\'\"]*) quoted=${words[cword]:0:1} ;;
    esac
    for i in "${!words[@]}"; do
        __composa_plain "${words[i]}"
        words[i]=$word
    done
}

# A word without the quotes that were typed around it or in it; what stands in
# quotes of another sort is its own.
__composa_plain() {
    local text=$1 in= c next
    word=
    while [[ -n $text ]]; do
        c=${text:0:1}
        next=${text:1:1}
        text=${text:1}
        case $in$c in
        \'\' | \"\") in= ;;
        \' | \") in=$c ;;
        \\ | \"\\)
            if [[ -z $in || $next == [\"\\\$\`] ]]; then
                word+=$next
                text=${text:1}
            else
                word+=$c
            fi
            ;;
        *) word+=$c ;;
        esac
    done
}

# What is offered, in columns with what is said of it, as far as the terminal is
# wide.
__composa_with_descriptions() {
    local i tab=$'\t' word about longest=0 width=${COLUMNS:-80}
    for i in "${!COMPREPLY[@]}"; do
        word=${COMPREPLY[i]%%"$tab"*}
        ((${#word} > longest)) && longest=${#word}
    done
    for i in "${!COMPREPLY[@]}"; do
        [[ ${COMPREPLY[i]} == *"$tab"* ]] || continue
        word=${COMPREPLY[i]%%"$tab"*}
        about=${COMPREPLY[i]#*"$tab"}
        printf -v word '%-*s  (%s)' "$longest" "$word" "$about"
        COMPREPLY[i]=${word:0:width}
    done
}

__composa() {
    local words cword quoted= lines how cur line tab=$'\t' word
    COMPREPLY=()
    __composa_words
    cur=${words[cword]}
    mapfile -t lines < <("${words[0]}" __complete "${words[@]:1:cword-1}" "$cur" 2>/dev/null)
    ((${#lines[@]} > 0)) || return 0
    how=${lines[-1]#:}
    unset 'lines[-1]'
    ((how & 1)) && return 0
    ((how & 2)) && compopt -o nospace
    ((how & 4)) && compopt +o default
    ((how & 32)) && compopt -o nosort 2>/dev/null
    for line in "${lines[@]}"; do
        word=${line%%"$tab"*}
        [[ -n $word && $word == "$cur"* ]] && COMPREPLY+=("$line")
    done
    case ${#COMPREPLY[@]} in
    0) return 0 ;;
    1)
        word=${COMPREPLY[0]%%"$tab"*}
        if [[ -z $quoted ]]; then
            printf -v word %q "$word"
            word=${word//\\,/,}
        fi
        COMPREPLY=("$word")
        ;;
    *)
        # Only what is listed at a second TAB has descriptions: what is typed on is
        # what all words begin with.
        if [[ $COMP_TYPE -eq 63 || $COMP_TYPE -eq 33 || $COMP_TYPE -eq 64 ]]; then
            __composa_with_descriptions
            return 0
        fi
        COMPREPLY=("${COMPREPLY[@]%%"$tab"*}")
        ;;
    esac
    # bash puts what is offered behind the last colon of what was typed, but not
    # within quotes.
    if [[ -n $quoted ]]; then
        if [[ $quoted == \" ]]; then
            COMPREPLY=("${COMPREPLY[@]//[\\]/\\\\}")
            COMPREPLY=("${COMPREPLY[@]//\"/\\\"}")
        fi
        # bash closes the quote behind the one word there is, and a condition goes on.
        ((${#COMPREPLY[@]} == 1)) && [[ ${words[cword - 1]} == --where || $cur == --where=* ]] && COMPREPLY+=("${COMPREPLY[0]} ")
        return 0
    fi
    if [[ $cur == *:* && $COMP_WORDBREAKS == *:* ]]; then
        word=${cur%"${cur##*:}"}
        COMPREPLY=("${COMPREPLY[@]#"$word"}")
    fi
    if [[ $cur == *=* && $COMP_WORDBREAKS == *=* ]]; then
        word=${cur%"${cur##*=}"}
        COMPREPLY=("${COMPREPLY[@]#"$word"}")
    fi
}

complete -o default -F __composa composa
