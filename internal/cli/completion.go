package cli

import (
	_ "embed"
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
		return root.GenZshCompletion(to)
	case "fish":
		return root.GenFishCompletion(to, true)
	}
	return root.GenPowerShellCompletionWithDesc(to)
}

// bashScript is our own: it needs no package beside bash 4.4, and takes lists,
// ranges, colons and quotes as people type them.
//
//go:embed completion.bash
var bashScript string
