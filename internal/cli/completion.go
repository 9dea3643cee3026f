package cli

import (
	_ "embed"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// shells are those for which a script of completion can be made.
var shells = []string{"bash", "zsh", "fish", "powershell"}

func (a *app) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "print the script that makes a shell complete commands and names",
		Long: `Print the script that makes a shell complete commands, flags, and the names of
machines, devices, models, fabrics, pools and operations, of the server that commands talk
to. It is asked at each TAB, for a second at most. SHELL is bash, zsh, fish or powershell.
zsh needs its compinit.`,
		Example: `  source <(composa completion bash)                    # in ~/.bashrc
  source <(composa completion zsh)                     # in ~/.zshrc
  composa completion fish | source                     # in ~/.config/fish/config.fish
  composa completion powershell | Out-String | Invoke-Expression   # in $PROFILE`,
		Args:              argsBetween(1, 1, "the name of a shell"),
		ValidArgsFunction: first(words(shells...)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf("SHELL", args[0], shells...); err != nil {
				return err
			}
			if err := completionScript(cmd.Root(), args[0], a.out); err != nil {
				return fail("failed", "cannot print the script: %v", err)
			}
			return nil
		},
	}
}

func completionScript(root *cobra.Command, shell string, to io.Writer) error {
	switch shell {
	case "bash":
		_, err := io.WriteString(to, bashScript)
		return err
	case "zsh":
		return zshScript(root, to)
	case "fish":
		_, err := io.WriteString(to, fishScript)
		return err
	}
	return root.GenPowerShellCompletionWithDesc(to)
}

// asZshTypes are the places where cobra's script for zsh splits the line at spaces
// and lets a shell read it once more, and what stands there instead: zsh knows the
// words, with ranges ("rack1/gpu[0-3]"), spaces, and a quote that is still open.
var asZshTypes = [][2]string{
	{`words=("${=words[1,CURRENT]}")`, `words=("${(@)words[1,CURRENT]}")`},
	{`out=$(eval ${requestComp} 2>/dev/null)`, `local -a asked
    asked=("${(@Q)words[2,-1]}")
    [[ -n ${compstate[quote]} ]] && asked[-1]=${(Q)${:-${words[-1]}${compstate[quote]}}}
    out=$(eval ${words[1]} __complete '"${asked[@]}"' 2>/dev/null)`},
}

// zshScript is cobra's, given the words as zsh has them.
func zshScript(root *cobra.Command, to io.Writer) error {
	var made strings.Builder
	if err := root.GenZshCompletion(&made); err != nil {
		return err
	}
	text := made.String()
	for _, place := range asZshTypes {
		if strings.Count(text, place[0]) != 1 {
			return fmt.Errorf("the script for zsh has no %q", place[0])
		}
		text = strings.Replace(text, place[0], place[1], 1)
	}
	_, err := io.WriteString(to, text)
	return err
}

// bashScript is our own: it needs no package beside bash 4.4, and takes lists,
// ranges, colons and quotes as people type them.
//
//go:embed completion.bash
var bashScript string

// fishScript is our own: the one that cobra makes hands words on with their quotes, and offers
// words that are none.
//
//go:embed completion.fish
var fishScript string
