"""`undin completion`: what a shell needs to complete the words of `undin`, made from its own parser."""

import argparse

HELP = "print a script that lets a shell complete commands and options"

BASH = """_undin() {{
    local words
    case "${{COMP_WORDS[1]}}" in
{cases}
        *) words="{commands}" ;;
    esac
    if [[ $COMP_CWORD -eq 1 ]]; then words="{commands}"; elif [[ $2 != -* ]]; then words=""; fi
    COMPREPLY=($(compgen -W "$words" -- "$2"))
}}
complete -o default -F _undin undin
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument(
        "shell", choices=("bash", "zsh", "fish"), help='the shell; in ~/.bashrc: eval "$(undin completion bash)"'
    )


def run(args: argparse.Namespace) -> int:
    """Print the script."""
    from undin.cli import make_parser

    (commands,) = (action for action in make_parser()._actions if isinstance(action, argparse._SubParsersAction))
    helps = {choice.dest: choice.help for choice in commands._choices_actions}
    options = {
        name: [action for action in parser._actions if action.option_strings]
        for name, parser in commands.choices.items()
    }
    if args.shell == "fish":
        print(_fish(helps, options))
        return 0
    cases = "\n".join(
        f'        {name}) words="{" ".join(word for action in actions for word in action.option_strings)}" ;;'
        for name, actions in options.items()
    )
    bash = BASH.format(cases=cases, commands=" ".join(options))
    print("autoload -U +X bashcompinit && bashcompinit\n" + bash if args.shell == "zsh" else bash, end="")
    return 0


def _fish(helps: dict[str, str], options: dict[str, list[argparse.Action]]) -> str:
    lines = [f"complete -c undin -n __fish_use_subcommand -a {name} -d {_quote(text)}" for name, text in helps.items()]
    for name, actions in options.items():
        for action in actions:
            words = " ".join(
                f"-l {word[2:]}" if word.startswith("--") else f"-s {word[1:]}" for word in action.option_strings
            )
            text = _quote((action.help or "").replace("%(default)s", str(action.default)))
            lines.append(f"complete -c undin -n '__fish_seen_subcommand_from {name}' {words} -d {text}")
    return "\n".join(lines)


def _quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
