package cli

import (
	"io"

	"github.com/spf13/cobra"
)

// shells are those for which a script of completion can be made.
var shells = []string{"bash", "zsh", "fish", "powershell"}

func (a *app) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "print the script that makes a shell complete commands and names",
		Long: `Print the script that makes a shell complete commands, flags, and the names of
machines, devices, fabrics, pools and operations. SHELL is bash, zsh, fish or powershell.
bash needs its package bash-completion, zsh its compinit.`,
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

// first completes the first argument only.
func first(complete completion) completion {
	return func(cmd *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nothing(cmd, args, begin)
		}
		return complete(cmd, args, begin)
	}
}

func completionScript(root *cobra.Command, shell string, to io.Writer) error {
	switch shell {
	case "bash":
		return root.GenBashCompletionV2(to, true)
	case "zsh":
		return root.GenZshCompletion(to)
	case "fish":
		return root.GenFishCompletion(to, true)
	}
	return root.GenPowerShellCompletionWithDesc(to)
}
