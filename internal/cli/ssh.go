package cli

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"syscall"

	"github.com/spf13/cobra"
)

func (a *app) sshCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "ssh NAME [-- COMMAND]",
		Short: "get into a machine",
		Long: `Get into the host of a machine with the system's ssh, or run a command there. The
exit code is that of ssh. What the fabric does not know of the host an operator
says with ` + "`composa device set FABRIC/CPU --address ADDRESS --login LOGIN`" + `.`,
		Example: `  composa ssh train
  composa ssh train -- nvidia-smi -L`,
		Args:              argsBetween(1, -1, "a machine"),
		ValidArgsFunction: a.completeMachines,
		RunE: func(cmd *cobra.Command, args []string) error {
			if dash := cmd.ArgsLenAtDash(); len(args) > 1 && dash != 1 {
				return wrong("cannot run %s: it takes one machine", cmd.CommandPath()).next("write a command behind --: composa ssh %s -- %s", args[0], quote(args[1:]))
			}
			ctx := cmd.Context()
			c, err := a.connect()
			if err != nil {
				return err
			}
			m, err := a.machineNamed(ctx, c, args[0])
			if err != nil {
				return err
			}
			switch {
			case m.FreedAt != nil:
				return fail("not_found", "cannot get into %q: it was freed at %s", m.Name, momentText(*m.FreedAt))
			case m.Address == "":
				return fail("refused", "cannot get into %q: its address is not known", m.Name).next("%s", addressLine(m))
			}
			if err := errors.Join(checkAddress(m.Address), checkLogin(m.Login)); err != nil {
				return fail("refused", "cannot get into %q: %v", m.Name, err)
			}
			return a.run(ctx, "ssh", append([]string{destination(m)}, args[1:]...))
		},
	}
}

// become replaces this process by another program, so that the terminal and its
// signals are that program's.
func become(_ context.Context, program string, args []string) error {
	path, err := exec.LookPath(program)
	if err != nil {
		return fail("failed", "cannot run %s: %v", program, err).next("install it, or use the address that `composa machine show` shows")
	}
	err = syscall.Exec(path, append([]string{program}, args...), os.Environ())
	return fail("failed", "cannot run %s: %v", path, err)
}
