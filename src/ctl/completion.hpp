#pragma once
// The fixed parts of the bash completion; in between come the verbs and options that are known.

namespace tasuki::ctl {

inline constexpr auto completion_head = R"(# bash completion for tasuki; source it or put it in
# /usr/share/bash-completion/completions/tasuki
_tasuki() {
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} words=""
    case $previous in
        --to|standby|activate|add|remove|replace) words=$(tasuki names nodes 2>/dev/null) ;;
        why|switchover|failover|pause|resume|announce)
            words=$(tasuki names groups 2>/dev/null) ;;
        -o|--output) words="table json" ;;
        completion) words="bash" ;;
        --key-file|--socket|check) COMPREPLY=($(compgen -f -- "$word")); return ;;
    esac
    if [[ -z $words || $word == -* ]]; then
        case ${COMP_WORDS[1]} in
)";

inline constexpr auto completion_tail = R"(        esac
    fi
    COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -F _tasuki tasuki
)";

} // namespace tasuki::ctl
